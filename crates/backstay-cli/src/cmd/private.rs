//! Finds the database of `dev`, `demo` and `work --dev`: the one that somebody named, else a private PostgreSQL.

use backstay::config::Origin;
use backstay_postgres::{Cluster, Options, Released};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

use crate::failure::{Exit, Failure};
use crate::settings::{Environment, Loaded};

/// Where a command for development works, and the private server that must stay up meanwhile.
pub(crate) struct Place {
    /// Address of a database there; of a private server it is one where databases are made.
    pub(crate) url: String,
    /// Which PostgreSQL, and why this one.
    pub(crate) how: String,
    /// Held, since the server stops when nobody uses it.
    pub(crate) cluster: Option<Cluster>,
}

impl Place {
    /// Takes the first that works: a named database, a running private server, a new one.
    ///
    /// A variable or a file may name a database of this machine only: what these commands do must not
    /// happen to a database somewhere else because a shell still knew its address.
    pub(crate) fn find(
        command: &str,
        loaded: &Loaded,
        environment: &Environment,
        fetch: bool,
    ) -> Result<Place, Failure> {
        let Some(url) = &loaded.settings.database.url else {
            return Place::private(command, environment, fetch);
        };
        let origin = loaded.rows.iter().find(|row| row.path == "database.url");
        let origin = origin.map_or(Origin::Default, |row| row.origin.clone());
        if !matches!(origin, Origin::Flag(_)) && !is_local(url.expose()) {
            return Err(Failure::new("BS402", format!("{origin} names a database on another machine"))
                .hint(format!(
                    "to mean it, name it with --database-url; for a private PostgreSQL: env -u DATABASE_URL backstay {command}"
                ))
                .exit(Exit::Usage));
        }
        let how = format!("the PostgreSQL at {}, named by {origin}", host(url.expose()));
        Ok(Place { url: url.expose().to_owned(), how, cluster: None })
    }

    /// Starts or joins the private server of this user.
    pub(crate) fn private(
        command: &str,
        environment: &Environment,
        fetch: bool,
    ) -> Result<Place, Failure> {
        let mut options = Options::shared();
        options.fetch &= fetch;
        let cluster = Cluster::obtain(options).map_err(|error| {
            let error = error.after("no database is named");
            let failure = Failure::new(error.code(), error.to_string());
            failure.hint(error.help(&typed(command, environment)).trim_start().to_owned())
        })?;
        Ok(Place { url: cluster.admin_url(), how: cluster.how(), cluster: Some(cluster) })
    }

    /// Gives the server back. The line says what became of it.
    pub(crate) fn release(self) -> Option<&'static str> {
        match self.cluster?.release() {
            Ok(Released::Stopped) => Some("PostgreSQL stopped; its data stays"),
            Ok(Released::StillUsed) => Some("PostgreSQL goes on: somebody else uses it"),
            // Its keeper stops it in a moment.
            Err(_) => None,
        }
    }
}

/// What the user typed, as far as it can be known.
fn typed(command: &str, environment: &Environment) -> String {
    let cargo = environment.get("CARGO").is_some();
    if cargo { format!("cargo run -- {command}") } else { format!("backstay {command}") }
}

/// Whether every host of an address is this machine.
pub(crate) fn is_local(url: &str) -> bool {
    // Parameters that only libpq knows say nothing about the host, except its own.
    let base = url.split('?').next().unwrap_or(url);
    let Ok(config) = url.parse::<Config>().or_else(|_| base.parse::<Config>()) else {
        return false;
    };
    let by_name = config.get_hosts().iter().all(|host| match host {
        Host::Unix(_) => true,
        Host::Tcp(name) => {
            name == "localhost"
                || name.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback())
        }
    });
    by_name && config.get_hostaddrs().iter().all(std::net::IpAddr::is_loopback)
}

/// Where a server is, without login and password.
fn host(url: &str) -> String {
    let Ok(config) = url.parse::<Config>() else {
        return "an address that is not understood".into();
    };
    let port = config.get_ports().first().copied().unwrap_or(5432);
    match config.get_hosts().first() {
        Some(Host::Tcp(name)) => format!("{name}:{port}"),
        Some(Host::Unix(folder)) => format!("{} port {port}", folder.display()),
        None => "its usual socket".into(),
    }
}

/// The same server, another database.
pub(crate) fn with_database(url: &str, name: &str) -> String {
    let Some((scheme, rest)) = url.split_once("://") else {
        return format!("{url} dbname={name}");
    };
    let (base, query) = match rest.split_once('?') {
        Some((base, query)) => (base, format!("?{query}")),
        None => (rest, String::new()),
    };
    let authority = base.split('/').next().unwrap_or(base);
    format!("{scheme}://{authority}/{name}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_loopback_and_sockets_are_local() {
        for url in [
            "postgres://u:p@127.0.0.1:5432/app",
            "postgres://u@localhost/app?sslmode=disable",
            "postgres://u@[::1]/app",
            "postgres:///app?host=/run/postgresql",
            "postgres://u@%2Fvar%2Frun/app",
            "host=/tmp user=u",
        ] {
            assert!(is_local(url), "{url}");
        }
        for url in [
            "postgres://u@db.example.org/app",
            "postgres://u@10.0.0.1/app",
            "postgres://u@localhost,db.example.org/app",
            "host=localhost hostaddr=10.0.0.1",
            "no address",
        ] {
            assert!(!is_local(url), "{url}");
        }
    }

    #[test]
    fn another_database_of_the_same_server() {
        let here = |url: &str| with_database(url, "d");
        assert_eq!(
            here("postgres://u:p@h:1/app?sslmode=disable"),
            "postgres://u:p@h:1/d?sslmode=disable"
        );
        assert_eq!(here("postgresql://h"), "postgresql://h/d");
        assert_eq!(here("host=h user=u dbname=app"), "host=h user=u dbname=app dbname=d");
    }
}
