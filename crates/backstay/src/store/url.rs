//! Reads the address of a database: what libpq accepts and the driver does not is mapped, or refused with the nearest word.

use std::path::PathBuf;
use std::time::Duration;

use tokio_postgres::Config;

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
    pub(crate) config: Config,
    pub(crate) verify: Verify,
    pub(crate) roots: Option<PathBuf>,
}

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
    config.connect_timeout(*config.get_connect_timeout().unwrap_or(&Duration::from_secs(5)));
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
    Ok(Address { config, verify, roots })
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
        assert_eq!(parse("postgresql://u@h:5433/d").unwrap().config.get_ports(), [5433]);
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
