//! Where an operator stands: the database, the printer, and what was typed about reason and consent.

use backstay::Database;
use backstay::config::{MISSING, Secret, Settings};
use backstay_postgres::{Cluster, Where};

use super::connect;
use crate::failure::{Exit, Failure};
use crate::print::Printer;
use crate::settings::{self, Environment, Need, Sources};

/// The database of the private cluster that `dev` and `demo` use.
const PRIVATE: &str = "backstay";

/// What was typed on every verb alike.
#[derive(Debug, Clone, Default)]
pub(crate) struct Consent {
    pub(crate) yes: bool,
    pub(crate) reason: Option<String>,
}

/// An operator at work.
pub(crate) struct Desk<'a> {
    pub(crate) database: Database,
    pub(crate) settings: Settings,
    pub(crate) printer: &'a Printer,
    consent: &'a Consent,
    /// Keeps a private server running for as long as it is asked.
    _cluster: Option<Cluster>,
}

/// Opens the database and does the work.
pub(crate) fn run(
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
    consent: &Consent,
    work: impl AsyncFnOnce(&Desk<'_>) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let mut settings = settings::load(sources, environment, Need::Database)?.checked()?.settings;
    let cluster = if settings.database.url.is_none() { Some(attach(printer)?) } else { None };
    if let Some(cluster) = &cluster {
        settings.database.url = Some(Secret::new(cluster.url(PRIVATE)));
    }
    connect::runtime()?.block_on(async {
        let database = connect::database(&settings).await?;
        work(&Desk { database, settings, printer, consent, _cluster: cluster }).await
    })
}

/// Nobody named a database: the private one is meant if it runs, and nothing is started for a look.
fn attach(printer: &Printer) -> Result<Cluster, Failure> {
    let Some(cluster) = Cluster::running(&Where::Shared) else {
        return Err(Failure::new(MISSING, "no database is named, and no private PostgreSQL runs here")
            .hint("set DATABASE_URL, or give --database-url, or write url under [database]; `backstay dev` starts a private one")
            .exit(Exit::Unavailable));
    };
    printer.note(format!("no database is named: using the private one, {}", cluster.how()));
    Ok(cluster)
}

impl Desk<'_> {
    /// Why it is done, as far as somebody said so.
    pub(crate) fn reason(&self) -> &str {
        self.consent.reason.as_deref().unwrap_or("")
    }

    /// Why it is done; asked for on a terminal where the verb insists.
    pub(crate) fn need_reason(&self) -> Result<String, Failure> {
        if let Some(reason) = &self.consent.reason {
            return Ok(reason.clone());
        }
        match self.printer.ask("Why? It is kept in the audit: ") {
            Some(reason) if !reason.is_empty() => Ok(reason),
            _ => Err(Failure::new("BS305", "a reason is required")
                .hint("add --reason \"...\": it is kept in the audit")),
        }
    }

    /// Acts on many only if that many were expected: by flag, or by typing the number.
    pub(crate) fn confirm(
        &self,
        count: usize,
        what: &str,
        expect: Option<u64>,
    ) -> Result<(), Failure> {
        let count = count as u64;
        if let Some(expect) = expect {
            // The same tenth as in the database, for what comes or goes between look and deed.
            return if count.abs_diff(expect) * 10 > expect {
                Err(Failure::new("BS304", format!("{what} fit, {expect} were expected"))
                    .hint("look at them again, then give that number"))
            } else {
                Ok(())
            };
        }
        if self.consent.yes {
            return Ok(());
        }
        match self.printer.ask(&format!("{what}. Type {count} to go on: ")) {
            Some(answer) if answer == count.to_string() => Ok(()),
            Some(_) => Err(Failure::new("BS304", "that is not the number; nothing was done")),
            None => Err(Failure::new("BS304", format!("{what} fit; nothing was done"))
                .hint(format!("say that you mean it: --expect {count}, or --yes"))
                .exit(Exit::Usage)),
        }
    }
}

/// `1 job`, `3 jobs`.
pub(crate) fn count(n: usize, what: &str) -> String {
    if n == 1 { format!("1 {what}") } else { format!("{n} {what}s") }
}

/// Neither ids nor a filter: that would be everything.
pub(crate) fn nothing_named() -> Failure {
    Failure::new("BS102", "name jobs by their ids, or by a filter")
        .hint("for all there are: --since 10y")
        .exit(Exit::Usage)
}

/// Ids and a filter at once.
pub(crate) fn both_named() -> Failure {
    Failure::new("BS102", "ids and a filter at once: which is meant?").exit(Exit::Usage)
}
