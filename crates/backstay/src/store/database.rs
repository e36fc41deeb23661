//! The handle on a database: its address, its TLS, whether a pooler stands between, and a few connections for short calls.

use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::{OnceCell, Semaphore};
use tokio_postgres::config::TargetSessionAttrs;
use tokio_postgres::types::Type;
use tokio_postgres::{Client, Config, NoTls};

use super::StoreError;
use super::listen::{self, Notices};
use super::statement::{Link, Sent};
use super::url::{self, Address, Verify};
use crate::model::config::Pooler;
use crate::model::figures::Calls;

/// Short calls at the same time; more wait.
const CALLS: usize = 4;
/// A short call waits this long for its answer.
const CALL_DEADLINE: Duration = Duration::from_secs(33);
/// One look of an operator may take this long.
const LOOK_PATIENCE: Duration = Duration::from_secs(20);
/// Characters of who something is done for: PostgreSQL keeps 63 bytes of a session's name.
const BEHALF: usize = 60;
/// Within this long a second session answers, unless it must wait for the first.
const ONE_WAITS_FOR_THE_OTHER: Duration = Duration::from_secs(1);

/// What a connection is for; its name in `pg_stat_activity` says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Purpose {
    /// Claims and verdicts.
    Work,
    /// Beats, LISTEN, the presence lock.
    Presence,
    /// Housekeeping.
    Duty,
    /// One short call of an operator or of an application.
    Call,
}

impl Purpose {
    fn word(self) -> &'static str {
        match self {
            Purpose::Work => "settle",
            Purpose::Presence => "beat",
            Purpose::Duty => "duty",
            Purpose::Call => "operate",
        }
    }

    /// Statement timeout; the client waits 3 s longer.
    fn timeout(self) -> Duration {
        match self {
            Purpose::Work | Purpose::Duty => Duration::from_secs(5),
            Purpose::Presence => Duration::from_secs(1),
            Purpose::Call => CALL_DEADLINE - Duration::from_secs(3),
        }
    }
}

/// A PostgreSQL database with Backstay in it, or about to be. Cheap to clone.
///
/// # Examples
///
/// ```no_run
/// # async fn example() -> Result<(), backstay::StoreError> {
/// let database = backstay::Database::connect("postgres://app@localhost/app").await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Database {
    inner: Arc<Inner>,
    /// For whom verbs are done, where it is not only the login.
    behalf: Option<Arc<str>>,
    /// How long one look may take.
    patience: Duration,
}

struct Inner {
    address: Address,
    /// A way past a transaction pooler, for LISTEN and the presence lock.
    past_pooler: Option<Address>,
    pooled: OnceCell<bool>,
    pooled_after_all: AtomicBool,
    idle: Mutex<Vec<Arc<Link>>>,
    calls: Semaphore,
    sent: Arc<Sent>,
}

impl std::fmt::Debug for Database {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Database")
            .field("name", &self.name())
            .field("pooled", &self.inner.pooled.get())
            .finish_non_exhaustive()
    }
}

impl Database {
    /// Connects.
    ///
    /// # Errors
    ///
    /// BS402 for an address that is not understood, BS501 when nobody answers there.
    pub async fn connect(url: &str) -> Result<Database, StoreError> {
        Database::connect_with(url, None, Pooler::Auto).await
    }

    /// Connects by settings: with a second way past a pooler, and with what is known of the pooler.
    ///
    /// ```no_run
    /// use backstay::Database;
    /// use backstay::config::Pooler;
    ///
    /// # async fn example() -> Result<(), backstay::StoreError> {
    /// let direct = Some("postgres://worker@db:5432/shop");
    /// let database =
    ///     Database::connect_with("postgres://worker@pooler:6432/shop", direct, Pooler::Transaction).await?;
    /// assert!(database.is_pooled().await?);
    /// println!("{} at {}", database.name(), database.place());
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    ///
    /// As [`Database::connect`].
    pub async fn connect_with(
        url: &str,
        direct_url: Option<&str>,
        pooler: Pooler,
    ) -> Result<Database, StoreError> {
        let address = url::parse(url)?;
        let past_pooler = direct_url.map(url::parse).transpose()?;
        let sent = Arc::<Sent>::default();
        let link = open(&address, Purpose::Call, None, false, &sent).await?;
        let pooled = OnceCell::new_with(match pooler {
            Pooler::None => Some(false),
            Pooler::Transaction => Some(true),
            Pooler::Auto => None,
        });
        let idle = Mutex::new(vec![Arc::new(link)]);
        Ok(Database {
            inner: Arc::new(Inner {
                address,
                past_pooler,
                pooled,
                pooled_after_all: AtomicBool::new(false),
                idle,
                calls: Semaphore::new(CALLS),
                sent,
            }),
            behalf: None,
            patience: LOOK_PATIENCE,
        })
    }

    /// The same database for what is done on behalf of somebody who has no login there: the audit names them as the source
    /// of what they do. Kept are 60 letters, digits, spaces and `_.:@-`.
    ///
    /// ```no_run
    /// # async fn example(database: backstay::Database) -> Result<(), backstay::StoreError> {
    /// let for_ana = database.on_behalf("intranet ana");
    /// backstay::operate::cancel(&for_ana, &[4211], None, "wrong month").await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn on_behalf(&self, who: &str) -> Database {
        let is_kept = |c: &char| c.is_ascii_alphanumeric() || " _.:@-".contains(*c);
        let kept: String = who.chars().filter(is_kept).take(BEHALF).collect();
        Database { behalf: Some(kept.into()), ..self.clone() }
    }

    /// The same database, where a look gives up after that long instead of 20 s; a page that people wait for takes 2 s.
    ///
    /// ```no_run
    /// use backstay::unit::secs;
    /// # async fn example(database: backstay::Database) -> Result<(), backstay::StoreError> {
    /// let queues = backstay::inspect::queues(&database.with_patience(secs(2))).await?;
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_patience(&self, patience: Duration) -> Database {
        Database { patience, ..self.clone() }
    }

    /// For whom verbs are done; safe between the quotes of a statement.
    pub(crate) fn behalf(&self) -> Option<&str> {
        self.behalf.as_deref()
    }

    /// How long one look may take.
    pub(crate) fn patience(&self) -> Duration {
        self.patience
    }

    /// Whether a transaction pooler stands between; then wake-up is by polling, and death is seen by lease only.
    ///
    /// # Errors
    ///
    /// BS501 when the database cannot be reached for the look.
    pub async fn is_pooled(&self) -> Result<bool, StoreError> {
        if self.inner.pooled_after_all.load(Ordering::Relaxed) {
            return Ok(true);
        }
        self.inner
            .pooled
            .get_or_try_init(|| sits_behind_pooler(&self.inner.address, &self.inner.sent))
            .await
            .copied()
    }

    /// The name of the database.
    pub fn name(&self) -> &str {
        self.inner.address.config().get_dbname().unwrap_or("")
    }

    /// The login, and where the server is, or each of several; no password.
    pub fn place(&self) -> String {
        let address = &self.inner.address;
        let user = address.config().get_user().unwrap_or("");
        format!("{user}@{}/{}", address.places(), self.name())
    }

    /// A connection of the driver's own, to the same place with the same TLS: for the bench, which does what an application
    /// does.
    ///
    /// # Errors
    ///
    /// As [`Database::connect`].
    #[doc(hidden)]
    pub async fn client(&self) -> Result<Client, StoreError> {
        dial(&self.inner.address, Purpose::Call, None, false).await.map(|(client, _)| client)
    }

    /// How many statements were sent so far, over all of its connections.
    pub(crate) fn calls(&self) -> Calls {
        self.inner.sent.so_far()
    }

    /// Opens a connection of a worker's own; `worker` is shown in its name.
    pub(crate) async fn open(
        &self,
        purpose: Purpose,
        worker: Option<&str>,
    ) -> Result<Link, StoreError> {
        let sent = &self.inner.sent;
        match (&self.inner.past_pooler, purpose) {
            (Some(address), Purpose::Presence) => open(address, purpose, worker, true, sent).await,
            (None, _) | (_, Purpose::Work | Purpose::Duty | Purpose::Call) => {
                let direct = purpose != Purpose::Call && !self.is_pooled().await?;
                open(&self.inner.address, purpose, worker, direct, sent).await
            }
        }
    }

    /// Opens the connection for beats together with the stream of what the server says to it, where that can be.
    pub(crate) async fn open_listening(
        &self,
        worker: &str,
    ) -> Result<(Link, Option<Notices>), StoreError> {
        let (address, direct) = match &self.inner.past_pooler {
            Some(address) => (address, true),
            None => (&self.inner.address, !self.is_pooled().await?),
        };
        let (client, notices) = dial(address, Purpose::Presence, Some(worker), direct).await?;
        let deadline = Purpose::Presence.timeout() + Duration::from_secs(3);
        let link = Link::new(client, direct, deadline, self.inner.sent.clone());
        prepare_session(&link, Purpose::Presence).await?;
        Ok((link, direct.then_some(notices)))
    }

    /// Notes that a pooler stands between after all, which an error has shown.
    pub(crate) fn found_pooler(&self) {
        self.inner.pooled_after_all.store(true, Ordering::Relaxed);
    }

    /// Sends one text with text parameters; the only column of its only row.
    pub(crate) async fn text(
        &self,
        text: &'static str,
        params: &[&str],
    ) -> Result<String, StoreError> {
        self.call(async |link| {
            let typed: Vec<(super::statement::Param<'_>, Type)> = params
                .iter()
                .map(|param| (param as super::statement::Param<'_>, Type::TEXT))
                .collect();
            let rows = link.query_text(text, &typed).await?;
            let row = rows
                .first()
                .ok_or_else(|| StoreError::Unreachable("the answer has no row".into()))?;
            Ok(row.try_get(0)?)
        })
        .await
    }

    /// Runs one short call on a connection of its own for as long as it lasts.
    pub(crate) async fn call<T, F>(&self, call: F) -> Result<T, StoreError>
    where
        F: AsyncFnOnce(&Link) -> Result<T, StoreError>,
    {
        let _turn = self.inner.calls.acquire().await.expect("the semaphore is never closed");
        let idle = self.inner.idle.lock().expect("nobody panics while holding it").pop();
        let link = match idle {
            Some(link) if !link.is_closed() => link,
            _ => Arc::new(self.open(Purpose::Call, None).await?),
        };
        let answer = call(&link).await;
        // A call that failed half-way may have left a transaction open, so only clean connections are used again.
        if answer.is_ok() && !link.is_closed() {
            self.inner.idle.lock().expect("nobody panics while holding it").push(link);
        }
        answer
    }
}

async fn open(
    address: &Address,
    purpose: Purpose,
    worker: Option<&str>,
    direct: bool,
    sent: &Arc<Sent>,
) -> Result<Link, StoreError> {
    let (client, _) = dial(address, purpose, worker, direct).await?;
    let deadline = purpose.timeout() + Duration::from_secs(3);
    let link = Link::new(client, direct, deadline, sent.clone());
    prepare_session(&link, purpose).await?;
    Ok(link)
}

/// What every session of ours is, where it stays ours: bounded in its waits, and deaf to stale statistics.
async fn prepare_session(link: &Link, purpose: Purpose) -> Result<(), StoreError> {
    if !link.is_direct() {
        return Ok(());
    }
    let timeout = purpose.timeout().as_millis();
    link.batch(&format!(
        "set statement_timeout = '{timeout}ms'; set lock_timeout = '500ms'; \
         set idle_in_transaction_session_timeout = '5s'; {GONE_PEERS}; {STEADY_PLANS}"
    ))
    .await
}

/// By itself a server keeps the session of a host that has vanished for two hours, with its presence and its row locks;
/// the numbers are those of our own end.
const GONE_PEERS: &str = "set tcp_keepalives_idle = 10; set tcp_keepalives_interval = 5; \
    set tcp_keepalives_count = 3; set tcp_user_timeout = '20s'";

/// Tables swing between nothing and a million rows, so their statistics are always wrong; the plans must not follow them.
const STEADY_PLANS: &str = "set enable_seqscan = off; set enable_sort = off; set enable_hashjoin = off; \
    set enable_mergejoin = off; set jit = off; set plan_cache_mode = force_generic_plan";

/// The same for one transaction, where the session is not ours alone.
pub(crate) const STEADY_PLANS_LOCALLY: &str = "set local enable_seqscan = off; set local enable_sort = off; \
    set local enable_hashjoin = off; set local enable_mergejoin = off; set local jit = off; \
    set local statement_timeout = '5s'; set local lock_timeout = '500ms'";

/// Asks the hosts in turn, first the one that answered last; each has `connect_timeout` for all that a connection needs.
async fn dial(
    address: &Address,
    purpose: Purpose,
    worker: Option<&str>,
    direct: bool,
) -> Result<(Client, Notices), StoreError> {
    let (count, last) = (address.hosts.len(), address.last.load(Ordering::Relaxed));
    let mut refused = Vec::new();
    for at in (0..count).map(|n| (last + n) % count) {
        let mut config = address.hosts[at].clone();
        name_session(&mut config, purpose, worker);
        if asks_for_writes(&config, purpose, direct, count) {
            config.target_session_attrs(TargetSessionAttrs::ReadWrite);
        }
        match dial_host(&config, address).await {
            Ok(found) => {
                address.last.store(at, Ordering::Relaxed);
                return Ok(found);
            }
            Err(error) if count == 1 => return Err(error),
            Err(error) => refused.push(format!("{}: {error}", url::place(&config))),
        }
    }
    Err(StoreError::Unreachable(format!("no host will do: {}", refused.join("; "))))
}

fn name_session(config: &mut Config, purpose: Purpose, worker: Option<&str>) {
    let who = worker.map(|id| &id[..8.min(id.len())]).unwrap_or("-");
    config.application_name(match purpose {
        Purpose::Call => "backstay operate".to_owned(),
        _ => format!("backstay work {who} {}", purpose.word()),
    });
}

/// A worker has nothing to do where nothing can be written; of several hosts nobody else has either.
fn asks_for_writes(config: &Config, purpose: Purpose, direct: bool, hosts: usize) -> bool {
    if purpose == Purpose::Call || !direct {
        return hosts > 1 && config.get_target_session_attrs() == TargetSessionAttrs::Any;
    }
    true
}

/// Bounds all of it: the driver bounds the first packet only, and a host that accepts may say nothing more.
async fn dial_host(config: &Config, address: &Address) -> Result<(Client, Notices), StoreError> {
    let most = config.get_connect_timeout().copied().unwrap_or(url::CONNECT);
    let dialled = async {
        match address.verify {
            Verify::Off => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, listen::drive(connection)))
            }
            _ => dial_tls(config, address).await,
        }
    };
    match tokio::time::timeout(most, dialled).await {
        Ok(found) => found,
        Err(_) => Err(StoreError::Unreachable(format!("no answer within {most:?}"))),
    }
}

#[cfg(feature = "tls")]
async fn dial_tls(config: &Config, address: &Address) -> Result<(Client, Notices), StoreError> {
    let tls = super::tls::client(address.verify, address.roots.as_deref())?;
    let (client, connection) =
        config.connect(tokio_postgres_rustls::MakeRustlsConnect::new(tls)).await?;
    Ok((client, listen::drive(connection)))
}

#[cfg(not(feature = "tls"))]
async fn dial_tls(config: &Config, address: &Address) -> Result<(Client, Notices), StoreError> {
    if !matches!(address.verify, Verify::Prefer) {
        return Err(StoreError::BadUrl("this program was built without the feature `tls`".into()));
    }
    let (client, connection) = config.connect(NoTls).await?;
    Ok((client, listen::drive(connection)))
}

/// Two clients in turn: behind a transaction pooler the second is handed the server that the first has just let go.
async fn sits_behind_pooler(address: &Address, sent: &Arc<Sent>) -> Result<bool, StoreError> {
    let (first, second) = (
        open(address, Purpose::Call, None, false, sent).await?,
        open(address, Purpose::Call, None, false, sent).await?,
    );
    for _ in 0..2 {
        first.batch("begin").await?;
        let held = backend(&first).await?;
        let mut asked = pin!(backend(&second));
        let before = tokio::time::timeout(ONE_WAITS_FOR_THE_OTHER, &mut asked).await;
        first.batch("commit").await?;
        let is_handed_on = match before {
            Ok(before) => before? != backend(&second).await?,
            // A pool of one server keeps the second waiting for the first; a slow line only seems to.
            Err(_) => asked.await? == held,
        };
        if is_handed_on {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn backend(link: &Link) -> Result<i32, StoreError> {
    Ok(link.query_text("select pg_backend_pid()", &[]).await?[0].get(0))
}
