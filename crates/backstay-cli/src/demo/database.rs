//! The databases of `demo`, `dev` and `bench`: made where they are missing, and made anew only where they are our own.

use tokio_postgres::{Client, NoTls};

use crate::failure::{Exit, Failure};

/// The comment by which a command knows its own database.
fn mark(command: &str) -> String {
    format!("backstay {command}: made by `backstay {command}`, and made anew by its next run")
}

/// Connects, with a task that carries the connection.
pub(crate) async fn dial(url: &str) -> Result<Client, Failure> {
    let (client, connection) =
        tokio_postgres::connect(url, NoTls).await.map_err(|error| failed(&error))?;
    tokio::spawn(async move {
        // Whoever asks next hears that the connection is gone.
        drop(connection.await);
    });
    Ok(client)
}

pub(crate) fn failed(error: &tokio_postgres::Error) -> Failure {
    Failure::new("BS501", "the database cannot be asked").because(error)
}

/// Makes a database where there is none of that name.
pub(crate) async fn make_missing(admin: &str, name: &str) -> Result<(), Failure> {
    let client = dial(admin).await?;
    if comment(&client, name).await?.is_none() {
        run(&client, &format!("create database {name}")).await?;
    }
    Ok(())
}

/// Makes the database of a command anew, and gives the connection that keeps a second demo or bench away meanwhile.
///
/// One of that name without our mark is somebody's data: it is refused, never dropped.
pub(crate) async fn make_anew(admin: &str, name: &str, command: &str) -> Result<Client, Failure> {
    let client = dial(admin).await?;
    let row = client
        .query_one("select pg_try_advisory_lock(hashtext('backstay demo'))", &[])
        .await
        .map_err(|error| failed(&error))?;
    if !row.get::<_, bool>(0) {
        return Err(Failure::new("BS302", "another demo or bench runs on this server")
            .hint("wait for its end, or stop it")
            .exit(Exit::TryAgain));
    }
    match comment(&client, name).await? {
        None => {}
        Some(found) if found == mark(command) => {
            run(&client, &format!("drop database {name} with (force)")).await?;
        }
        Some(_) => {
            return Err(Failure::new(
                "BS302",
                format!("the database `{name}` is there and was not made by the {command}"),
            )
            .hint(format!(
                "it is left alone: rename it, or let the {command} use another server"
            )));
        }
    }
    run(&client, &format!("create database {name}")).await?;
    run(&client, &format!("comment on database {name} is '{}'", mark(command).replace('\'', "''")))
        .await?;
    Ok(client)
}

/// Drops the database that [`make_anew`] made.
pub(crate) async fn drop_ours(client: &Client, name: &str) -> Result<(), Failure> {
    run(client, &format!("drop database {name} with (force)")).await
}

/// The comment of a database, empty if it has none; `None` if there is no such database.
async fn comment(client: &Client, name: &str) -> Result<Option<String>, Failure> {
    let row = client
        .query_opt(
            "select coalesce(shobj_description(oid, 'pg_database'), '') from pg_database where datname = $1",
            &[&name],
        )
        .await
        .map_err(|error| failed(&error))?;
    Ok(row.map(|row| row.get(0)))
}

async fn run(client: &Client, sql: &str) -> Result<(), Failure> {
    client.batch_execute(sql).await.map_err(|error| failed(&error))
}
