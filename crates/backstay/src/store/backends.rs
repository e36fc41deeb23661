//! The sessions of handlers: ends those that a killed one left behind, and says how many there may be.

use super::StoreError;
use super::database::Database;
use super::statement::{Link, Sql, sql};
use super::url;
use crate::model::config::Pooler;

static END: Sql = sql!("attempt/end_backends", [TEXT]);
static CONNECTIONS: Sql = sql!("duty/connections", [TEXT]);

/// A short session under the login of a handler.
pub(crate) struct Visit(Database);

/// Opens one. What stands between does not matter to it: its statements stand alone.
pub(crate) async fn visit(address: &str) -> Result<Visit, StoreError> {
    Ok(Visit(Database::connect_with(address, None, Pooler::Transaction).await?))
}

impl Visit {
    /// Ends what sessions of this name do right now; how many did something.
    pub(crate) async fn end(&self, name: &str) -> Result<i64, StoreError> {
        self.0.call(async |link| Ok(link.query_one(&END, &[&name]).await?.get("ended"))).await
    }
}

/// How many sessions there may be; none where nothing limits them, or nothing is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ceilings {
    /// On the whole server, without what is kept for superusers.
    pub(crate) server: i64,
    /// The worker's login, and its ceiling.
    pub(crate) login: String,
    pub(crate) own: Option<i64>,
    /// The ceiling of the handlers' login.
    pub(crate) handlers: Option<i64>,
}

/// Reads the ceilings of the server, of this login, and of the one that handlers use.
pub(crate) async fn ceilings(link: &Link, handlers: Option<&str>) -> Result<Ceilings, StoreError> {
    let row = link.query_one(&CONNECTIONS, &[&handlers]).await?;
    let limit = |name: &str| row.get::<_, Option<i64>>(name).filter(|limit| *limit >= 0);
    Ok(Ceilings {
        server: row.get("most"),
        login: row.get("login"),
        own: limit("own"),
        handlers: limit("handlers"),
    })
}

/// The login that an address names.
pub(crate) fn login_of(address: &str) -> Option<String> {
    url::parse(address).ok()?.config().get_user().map(str::to_owned)
}
