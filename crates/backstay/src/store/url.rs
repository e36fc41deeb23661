//! Reads the address of a database: what libpq accepts and the driver does not is mapped, or refused with the nearest word.

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::time::Duration;

use tokio_postgres::Config;
use tokio_postgres::config::Host;

use super::StoreError;
use crate::model::nearest::nearest;

/// How far the server must prove who it is; the words mean what libpq means by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verify {
    /// No TLS.
    Off,
    /// TLS where the server offers it, unproved.
    Prefer,
    /// TLS, unproved.
    Require,
    /// TLS, and the certificate must come from a known authority.
    Authority,
    /// TLS, a known authority, and the name must fit.
    Full,
}

/// An address that was understood.
#[derive(Debug, Clone)]
pub(crate) struct Address {
    /// One for each host that it names, at least one: each gets its own time to answer.
    pub(crate) hosts: Vec<Config>,
    /// Which of them answered last; the next connection asks it first.
    pub(crate) last: Arc<AtomicUsize>,
    pub(crate) verify: Verify,
    pub(crate) roots: Option<PathBuf>,
}

impl Address {
    /// What the address says beside hosts, which is the same for all of them.
    pub(crate) fn config(&self) -> &Config {
        &self.hosts[0]
    }

    /// Every host with its port, for people.
    pub(crate) fn places(&self) -> String {
        let places: Vec<String> = self.hosts.iter().map(place).collect();
        places.join(",")
    }
}

/// Where one host is, for people.
pub(crate) fn place(config: &Config) -> String {
    let host = match config.get_hosts().first() {
        Some(Host::Tcp(name)) => name.clone(),
        Some(Host::Unix(path)) => path.display().to_string(),
        None => config.get_hostaddrs().first().map(ToString::to_string).unwrap_or_default(),
    };
    format!("{host}:{}", config.get_ports().first().copied().unwrap_or(5432))
}

/// A host gets this long for all that a connection needs, where the address says nothing else.
pub(crate) const CONNECT: Duration = Duration::from_secs(5);
/// A primary and its standbys; each that does not answer costs `connect_timeout` before the next is asked.
const HOSTS: usize = 8;

const KNOWN: [&str; 13] = [
    "sslmode",
    "sslrootcert",
    "application_name",
    "connect_timeout",
    "options",
    "host",
    "port",
    "user",
    "password",
    "dbname",
    "target_session_attrs",
    "channel_binding",
    "keepalives",
];

/// Reads a URL or a `key=value` line.
pub(crate) fn parse(url: &str) -> Result<Address, StoreError> {
    let bad =
        |why: String| StoreError::BadUrl(format!("the database address is not understood: {why}"));
    let (base, query) = url.split_once('?').unwrap_or((url, ""));
    let (mut verify, mut roots, mut kept) = (Verify::Prefer, None, Vec::new());
    for pair in query.split('&').filter(|pair| !pair.is_empty()) {
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        match key {
            "sslmode" => verify = mode(value).map_err(bad)?,
            "sslrootcert" => roots = Some(PathBuf::from(decode(value))),
            "gssencmode" | "fallback_application_name" => {}
            _ if KNOWN.contains(&key)
                || key.starts_with("keepalives")
                || key == "tcp_user_timeout" =>
            {
                kept.push(pair)
            }
            _ => {
                let hint = nearest(key, KNOWN)
                    .map(|word| format!("; did you mean `{word}`?"))
                    .unwrap_or_default();
                return Err(bad(format!("unknown parameter `{key}`{hint}")));
            }
        }
    }
    let cleaned =
        if kept.is_empty() { base.to_owned() } else { format!("{base}?{}", kept.join("&")) };
    let mut config: Config = cleaned.parse().map_err(|error| bad(super::chain(&error)))?;
    if config.get_hosts().is_empty() {
        config.host("/var/run/postgresql");
    }
    config.connect_timeout(config.get_connect_timeout().copied().unwrap_or(CONNECT));
    // A link that is dead without saying so is noticed within 20 s.
    config
        .keepalives(true)
        .keepalives_idle(Duration::from_secs(10))
        .keepalives_interval(Duration::from_secs(5));
    config.keepalives_retries(3).tcp_user_timeout(Duration::from_secs(20));
    config.ssl_mode(match verify {
        Verify::Off => tokio_postgres::config::SslMode::Disable,
        Verify::Prefer => tokio_postgres::config::SslMode::Prefer,
        _ => tokio_postgres::config::SslMode::Require,
    });
    Ok(Address { hosts: each_host(&config).map_err(bad)?, last: Arc::default(), verify, roots })
}

/// One address for each host: the driver would ask the second only when the first has refused, and wait for ever for
/// one that accepts and says nothing.
fn each_host(config: &Config) -> Result<Vec<Config>, String> {
    let (hosts, numbers, ports) =
        (config.get_hosts(), config.get_hostaddrs(), config.get_ports().len());
    let count = hosts.len().max(numbers.len());
    if count > HOSTS {
        return Err(format!("it names {count} hosts; {HOSTS} is the most"));
    }
    if ports > 1 && ports != count {
        return Err(format!("it names {count} hosts and {ports} ports: one port, or one for each"));
    }
    if !hosts.is_empty() && !numbers.is_empty() && hosts.len() != numbers.len() {
        return Err("`host` and `hostaddr` name different numbers of hosts".to_owned());
    }
    Ok((0..count).map(|at| one_host(config, at)).collect())
}

/// All that the address says, with one of its hosts.
fn one_host(all: &Config, at: usize) -> Config {
    let mut one = Config::new();
    match all.get_hosts().get(at) {
        Some(Host::Tcp(name)) => one.host(name),
        Some(Host::Unix(path)) => one.host_path(path),
        None => &mut one,
    };
    all.get_hostaddrs().get(at).map(|number| one.hostaddr(*number));
    let port = all.get_ports().get(at).or_else(|| all.get_ports().first());
    port.map(|port| one.port(*port));
    all.get_user().map(|user| one.user(user));
    all.get_password().map(|password| one.password(password));
    all.get_dbname().map(|name| one.dbname(name));
    all.get_options().map(|options| one.options(options));
    all.get_application_name().map(|name| one.application_name(name));
    all.get_connect_timeout().map(|most| one.connect_timeout(*most));
    all.get_tcp_user_timeout().map(|most| one.tcp_user_timeout(*most));
    all.get_keepalives_interval().map(|every| one.keepalives_interval(every));
    all.get_keepalives_retries().map(|count| one.keepalives_retries(count));
    one.keepalives(all.get_keepalives())
        .keepalives_idle(all.get_keepalives_idle())
        .ssl_mode(all.get_ssl_mode())
        .channel_binding(all.get_channel_binding())
        .target_session_attrs(all.get_target_session_attrs());
    one
}

fn mode(word: &str) -> Result<Verify, String> {
    Ok(match word {
        "disable" => Verify::Off,
        "allow" | "prefer" => Verify::Prefer,
        "require" => Verify::Require,
        "verify-ca" => Verify::Authority,
        "verify-full" => Verify::Full,
        _ => {
            let known = ["disable", "allow", "prefer", "require", "verify-ca", "verify-full"];
            let hint = nearest(word, known)
                .map(|word| format!("; did you mean `{word}`?"))
                .unwrap_or_default();
            return Err(format!("unknown sslmode `{word}`{hint}"));
        }
    })
}

fn decode(text: &str) -> String {
    let (mut out, bytes, mut at) = (Vec::new(), text.as_bytes(), 0);
    while at < bytes.len() {
        let hex = bytes.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
        match hex.and_then(|two| u8::from_str_radix(two, 16).ok()) {
            Some(byte) if bytes[at] == b'%' => {
                out.push(byte);
                at += 3;
            }
            _ => {
                out.push(bytes[at]);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_libpq_are_understood() {
        let full = parse(
            "postgres://u:p@db.example.org/app?sslmode=verify-full&sslrootcert=%2Fetc%2Fca.pem",
        )
        .unwrap();
        assert_eq!(full.verify, Verify::Full);
        assert_eq!(full.roots, Some(PathBuf::from("/etc/ca.pem")));
        assert_eq!(parse("postgres://u@h/d?gssencmode=disable").unwrap().verify, Verify::Prefer);
        assert_eq!(parse("postgresql://u@h:5433/d").unwrap().config().get_ports(), [5433]);
    }

    #[test]
    fn each_of_several_hosts_is_an_address_of_its_own() {
        let two = parse("postgres://u:p@a:1,b:2/d?target_session_attrs=read-write&sslmode=require");
        let two = two.unwrap();
        assert_eq!((two.hosts.len(), two.places().as_str()), (2, "a:1,b:2"));
        let whole = |at: &str| {
            format!("postgres://u:p@{at}/d?target_session_attrs=read-write&sslmode=require")
        };
        for (one, at) in two.hosts.iter().zip(["a:1", "b:2"]) {
            assert_eq!(*one, *parse(&whole(at)).unwrap().config());
        }
        assert_eq!(parse("host=a,b port=5433 user=u dbname=d").unwrap().places(), "a:5433,b:5433");
        assert_eq!(parse("host=/tmp,b user=u").unwrap().places(), "/tmp:5432,b:5432");
    }

    #[test]
    fn hosts_and_ports_that_do_not_go_together_are_refused() {
        let why = |url: &str| parse(url).unwrap_err().to_string();
        assert!(why("host=a,b,c port=1,2 user=u").contains("3 hosts and 2 ports"));
        assert!(why("postgres://u@a,b,c,d,e,f,g,h,i/d").contains("8 is the most"));
    }

    #[test]
    fn a_typo_is_answered_with_the_nearest_word() {
        let typo = parse("postgres://u@h/d?sslmod=require").unwrap_err().to_string();
        assert!(typo.contains("`sslmod`") && typo.contains("did you mean `sslmode`?"), "{typo}");
        assert!(
            parse("postgres://u@h/d?sslmode=requir").unwrap_err().to_string().contains("`require`")
        );
        assert!(parse("mysql://u@h/d").is_err());
    }
}
