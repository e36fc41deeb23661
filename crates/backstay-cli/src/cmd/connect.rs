//! Opens the database that the settings name, and turns what goes wrong into a failure that says what to do.

use backstay::config::Settings;
use backstay::migrate::MigrateError;
use backstay::model::code::Code;
use backstay::{CallError, Database, Refusal, StartError, StoreError};

use crate::failure::Failure;
use crate::settings::database_url;

/// The runtime of a command.
pub(crate) fn runtime() -> Result<tokio::runtime::Runtime, Failure> {
    let built = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
    built.map_err(|error| Failure::new("BS999", "the runtime cannot be started").because(&error))
}

/// Connects to the database of the settings.
pub(crate) async fn database(settings: &Settings) -> Result<Database, Failure> {
    let url = database_url(settings)?.expose();
    let direct = settings.database.direct_url.as_ref().map(|url| url.expose());
    Database::connect_with(url, direct, settings.database.pooler)
        .await
        .map_err(|error| of_store(&error))
}

/// An error of the database, with its code and what to do about it.
pub(crate) fn of_store(error: &StoreError) -> Failure {
    if error.code() == "BS502" {
        return not_installed(error);
    }
    let failure = Failure::new(known(error.code()), error.to_string());
    match (error.hint(), error.code()) {
        (Some(hint), _) => failure.hint(hint),
        (None, "BS501") => failure
            .hint("is the server up, and is the address right? (--database-url, DATABASE_URL)"),
        (None, "BS504") => failure.hint(
            "the owner may grant it the role: backstay_viewer to look, backstay_operator to act",
        ),
        _ => failure,
    }
}

/// The server only says which name it does not know.
fn not_installed(error: &(dyn std::error::Error + 'static)) -> Failure {
    Failure::new("BS502", "Backstay is not installed in this database")
        .because(error)
        .hint("install it with: backstay migrate up")
}

/// A call of a door that failed.
pub(crate) fn of_call(error: &CallError) -> Failure {
    match error.refusal() {
        Some(refusal) if refusal.sqlstate.starts_with("BS") => of_refusal(error.code(), refusal),
        Some(_) if error.code() == "BS502" => not_installed(error),
        _ => Failure::new(known(error.code()), error.to_string()).because(error),
    }
}

/// What a door said when it refused.
pub(crate) fn of_refusal(code: &str, refusal: &Refusal) -> Failure {
    let failure = Failure::new(known(code), refusal.message.clone());
    match &refusal.hint {
        Some(hint) => failure.hint(hint),
        None => failure,
    }
}

pub(crate) fn of_migrate(error: &MigrateError) -> Failure {
    match error {
        MigrateError::Store(error) => of_store(error),
        other => Failure::new(known(other.code()), other.to_string()),
    }
}

pub(crate) fn of_start(error: &StartError) -> Failure {
    match error {
        StartError::Store(error) => of_store(error),
        StartError::Schema(error) => of_migrate(error),
        other => {
            let failure = Failure::new(known(other.code()), other.to_string());
            let failure = match other.hint() {
                Some(hint) => failure.hint(hint),
                None => failure,
            };
            match std::error::Error::source(other) {
                Some(cause) => failure.because(cause),
                None => failure,
            }
        }
    }
}

/// The code as the table of codes spells it.
pub(crate) fn known(code: &str) -> &'static str {
    Code::of(code).map_or("BS999", |code| code.code)
}
