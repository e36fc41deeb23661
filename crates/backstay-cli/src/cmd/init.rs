//! `backstay init`: everything that a database needs, shown statement by statement.

use backstay::migrate::{self, LoginSort};
use backstay::model::bounds::check_name;

use super::connect;
use super::migrate::summary;
use crate::args::InitArgs;
use crate::failure::{Exit, Failure};
use crate::print::Printer;
use crate::settings::{self, Environment, Need, Sources};

/// The file that is written where there is none.
const FILE: &str = "backstay.toml";

pub(crate) fn run(
    args: &InitArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let logins = logins(args)?;
    if args.print {
        print(&logins, printer);
        return Ok(Exit::Done);
    }
    let settings = settings::load(sources, environment, Need::Database)?.checked()?.settings;
    connect::runtime()?.block_on(install(&settings, &logins, printer))?;
    write_file(sources, printer)?;
    Ok(Exit::Done)
}

fn logins(args: &InitArgs) -> Result<Vec<(LoginSort, String)>, Failure> {
    let wanted = [
        (LoginSort::Api, &args.api_login),
        (LoginSort::Worker, &args.worker_login),
        (LoginSort::Handler, &args.handler_role),
    ];
    let mut logins = Vec::new();
    for (sort, name) in wanted {
        let Some(name) = name else { continue };
        check_name(name)
            .map_err(|error| Failure::new("BS103", error.to_string()).exit(Exit::Usage))?;
        logins.push((sort, name.clone()));
    }
    Ok(logins)
}

/// The same statements in the same order, for whoever wants to run them by hand.
fn print(logins: &[(LoginSort, String)], printer: &Printer) {
    printer.line("begin;");
    let steps = migrate::whole();
    for step in &steps {
        printer.line(format!("-- {} {}", step.sort, step.name));
        printer.line(step.sql.trim_end());
        if !step.sql.trim_end().ends_with(';') {
            printer.line(";");
        }
        if let Some(note) = migrate::note_sql(step) {
            printer.line(note);
        }
        if step.sort == "role" {
            printer.line(format!("{};", migrate::become_owner().trim_end()));
        }
    }
    printer.line("reset role;");
    for (sort, name) in logins {
        printer.line(migrate::login_sql(*sort, name));
    }
    printer.line("commit;");
    let count = |sort: &str| steps.iter().filter(|step| step.sort == sort).count();
    printer.line(format!(
        "-- {} migrations, {} functions and views. Nothing was run.",
        count("migration"),
        count("function")
    ));
}

async fn install(
    settings: &backstay::config::Settings,
    logins: &[(LoginSort, String)],
    printer: &Printer,
) -> Result<(), Failure> {
    let database = connect::database(settings).await?;
    let report = migrate::up(&database, &migrate::Options::default())
        .await
        .map_err(|error| connect::of_migrate(&error))?;
    for step in &report.steps {
        printer.line(format!("{:9} {:24} {}", step.sort, step.name, step.purpose));
        printer.detail(step.sql);
    }
    printer.line(summary(&report.steps));
    if !report.with_roles {
        printer.note("this login may not make roles, so everything runs under one; `backstay init --print` shows the statements for an administrator");
    }
    for (sort, name) in logins {
        let made = migrate::login(&database, *sort, name)
            .await
            .map_err(|error| connect::of_store(&error))?;
        printer.line(migrate::login_sql(*sort, name));
        if let Some(password) = made {
            printer.line(format!("password of {name}, shown this once: {password}"));
        }
    }
    Ok(())
}

fn write_file(sources: &Sources, printer: &Printer) -> Result<(), Failure> {
    let path = sources.config.clone().unwrap_or_else(|| FILE.into());
    if path.exists() {
        printer.note(format!("{} is there already and stays as it is", path.display()));
        return Ok(());
    }
    std::fs::write(&path, include_str!("../short.toml")).map_err(|error| {
        Failure::new("BS999", format!("`{}` cannot be written", path.display())).because(&error)
    })?;
    printer.line(format!("wrote {}; look for faults with: backstay check", path.display()));
    Ok(())
}
