//! Every setting once: its name, unit, default, bound and help; a tree of values becomes settings.
//!
//! A worker in your own program mostly needs none of this: [`Worker`](crate::Worker) and [`Queue`](crate::Queue) make
//! their settings. Who reads a file of their own lays its values over those of the code ([`Worker::tree`](crate::Worker::tree)).
//!
//! ```
//! use backstay::config::{
//!     AlertSettings, BoundSettings, Cap, ContactLost, Cpu, DatabaseSettings, EnvSettings, History, Hold, HttpHandler, Isolation, Keep,
//!     KeepOutput, KindLimits, KindSettings, LogFormat, LogSettings, Memory, Origin, Overcommit, Pooler,
//!     QueueLimits, QueueSettings, QuietHours, Recycle, RequireLevel, Resolved, Retention, Route, Row, RuleSettings, Runner, Secret, Settings,
//!     Shape, Source, Step, Value, Way, WebAuth, WebSettings, WorkerSettings,
//! };
//! use std::path::Path;
//!
//! // What stands in a file, as TOML readers give it; each value knows where it was written.
//! let file = serde_json::json!({
//!     "database": { "url": { "env": "SHOP_DATABASE" } },
//!     "queues": { "reports": { "slots": 2, "memory": "1GiB", "cpu_time": "10m" } },
//!     "kinds": {
//!         "report": { "queue": "reports", "command": ["/bin/true"], "history": "lean" },
//!         "charge": { "http": "https://shop.example.com/hooks/charge" },
//!     },
//!     "alerts": {
//!         "channels": { "team": { "slack": "https://hooks.example.com/x" } },
//!         "routes": [{ "kinds": ["report"], "to": ["team"] }],
//!         "rules": { "queue_late": { "quiet": "6h" } },
//!     },
//! });
//! let origin = Origin::File { path: "backstay.toml".into(), line: 1 };
//! let mut tree = Value::from_json(&file, &origin);
//! tree.lay(&["log", "format"], Value::text("json", Origin::Flag("--log-format".into())));
//! assert!(matches!(tree.get("kinds").map(|kinds| &kinds.shape), Some(Shape::Table(_))));
//! assert_eq!(tree.entries().map(<[_]>::len), Some(5));
//! assert_eq!(tree.to_json()["queues"]["reports"]["slots"], 2);
//!
//! // Secrets are read by whoever may, only now.
//! let read = |_setting: &str, source: &Source<'_>| match source {
//!     Source::Env("SHOP_DATABASE") => Ok(Some("postgres://worker@localhost/shop".to_owned())),
//!     other => Err(format!("{other:?} is not known here")),
//! };
//! let Resolved { settings, faults, rows, .. } = Settings::resolve(&tree, &read, Path::new("/srv/shop"));
//! assert!(faults.is_empty(), "{faults:?}");
//!
//! let DatabaseSettings { url, pooler, .. } = &settings.database;
//! assert_eq!(url.as_ref().map(Secret::expose), Some("postgres://worker@localhost/shop"));
//! assert_eq!((format!("{url:?}").as_str(), *pooler), ("Some(***)", Pooler::Auto));
//!
//! let reports: QueueSettings = settings.queue("reports");
//! assert_eq!((reports.isolation, reports.contact_lost), (Isolation::Process, ContactLost::Ride));
//! assert_eq!(reports.keep_output, KeepOutput::Failed);
//! let Recycle { jobs, .. } = reports.recycle;
//! assert_eq!(jobs, 1000);
//! let QueueLimits { memory, cpu_priority, cpu_time, cpu_cap, .. } = reports.limits;
//! assert_eq!((memory, cpu_priority), (Memory::Bytes(1 << 30), Cpu::Background));
//! assert_eq!((cpu_time.get(), cpu_cap), (Some(backstay::unit::mins(10)), Cap::Off));
//!
//! let report: &KindSettings = settings.kind("report").ok_or("the file declares it")?;
//! assert!(matches!(&report.runner, Some(Runner::Command(argv)) if argv == &["/bin/true"]));
//! assert_eq!(report.runner.as_ref().map(Runner::argv), Some(&["/bin/true".to_owned()][..]));
//! assert_eq!((report.history, &report.env), (History::Lean, &EnvSettings::default()));
//! assert_eq!((report.limits, report.limits.over(&reports.limits)), (KindLimits::default(), reports.limits));
//!
//! let charge = settings.kind("charge").ok_or("the file declares it")?;
//! let Some(Runner::Http(HttpHandler { url, .. })) = &charge.runner else { panic!("an address") };
//! assert_eq!(url, "https://shop.example.com/hooks/charge");
//!
//! let AlertSettings { channels, routes, .. } = &settings.alerts;
//! assert!(matches!(channels[0].way, Way::Slack { .. }));
//! let Route { kinds, steps, .. } = &routes[0];
//! let Step { after, to } = &steps[0];
//! assert_eq!((kinds.len(), after.is_zero(), to[0].as_str()), (1, true, "team"));
//! let night = QuietHours::new("22:00", "07:00", "Europe/Berlin", Hold::Warnings)?;
//! assert_ne!(routes[0].quiet_hours, Some(night));
//! let RuleSettings { quiet, .. } = settings.alerts.rule(backstay::model::alert::Rule::QueueLate);
//! assert_eq!(quiet, Some(backstay::unit::hours(6)));
//!
//! let WorkerSettings { overcommit, require_level, .. } = &settings.worker;
//! assert_eq!(*require_level, RequireLevel::Any);
//! let BoundSettings { args_bytes, .. } = settings.bounds;
//! let Retention { dead, .. } = settings.retention;
//! let WebSettings { listen, auth, .. } = &settings.web;
//! assert!(listen.ip().is_loopback() && *auth == WebAuth::Loopback);
//! let LogSettings { format, .. } = settings.log;
//! assert_eq!((*overcommit, args_bytes, dead, format), (Overcommit::Refuse, 262_144, Keep::Forever, LogFormat::Json));
//!
//! // Every setting, with its origin, as `config show --origin` prints them.
//! let Row { origin, .. } = rows.iter().find(|row| row.path == "log.format").ok_or("there is one")?;
//! assert_eq!(origin.to_string(), "--log-format");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! What is wrong comes all at once, each with its code and its place:
//!
//! ```
//! use backstay::config::{Fault, Key, Keys, Origin, Settings, UNKNOWN_KEY, Value, sections};
//!
//! let origin = Origin::File { path: "backstay.toml".into(), line: 3 };
//! let file = serde_json::json!({ "queues": { "mail": { "slot": 2, "timeout": "300" } } });
//! let mut faults: Vec<Fault> = Settings::from_value(&Value::from_json(&file, &origin)).unwrap_err();
//! faults.sort_by(|a, b| a.order().cmp(&b.order()));
//! assert_eq!((faults[0].code, faults.len()), (UNKNOWN_KEY, 2));
//! assert!(faults[0].to_string().starts_with("BS401 backstay.toml:3: queues.mail.slot"));
//!
//! // The reference, from the same place as the checks.
//! let of_queues: Keys = sections().into_iter().find(|(name, _)| *name == "queues.NAME").unwrap().1;
//! let slots: &Key = of_queues.now.iter().find(|key| key.name == "slots").unwrap();
//! println!("slots: {} [{}] {}", slots.bound(), slots.default, slots.help);
//! assert!(of_queues.names().any(|name| name == "isolation"));
//! ```

mod alert;
mod contract;
mod cron;
mod database;
mod env;
mod fault;
mod form;
mod http;
mod key;
mod kind;
mod limit;
mod log;
mod network;
mod place;
mod queue;
mod retention;
mod route;
mod rule;
mod secret;
mod section;
mod value;
mod web;
mod worker;

use std::path::Path;

pub use crate::model::hours::{Hold, QuietHours};
pub use alert::{AlertSettings, ChannelSettings, Way};
pub use cron::ScheduleSettings;
pub use database::{DatabaseSettings, Pooler};
pub use env::EnvSettings;
pub use fault::{
    BAD_VALUE, DUPLICATE, Fault, MISSING, NOT_CLOSED, SECRET_UNREADABLE, UNKNOWN_KEY,
    UNKNOWN_REFERENCE,
};
pub use http::HttpHandler;
pub use key::{Form, Key, Keys};
pub use kind::{History, KindSettings};
pub use limit::{Cap, Cpu, KindLimits, Memory, QueueLimits};
pub use log::{LogFormat, LogSettings};
pub use network::{BadNetwork, Network};
pub use queue::{ContactLost, Isolation, KeepOutput, QueueSettings, Recycle, Runner};
pub use retention::{Keep, Retention};
pub use route::{Route, Step};
pub use rule::RuleSettings;
pub use secret::{ReadSource, Secret, Source};
pub use section::Row;
pub use value::{Origin, Shape, Value};
pub use web::{WebAuth, WebSettings};
pub use worker::{BoundSettings, Overcommit, RequireLevel, WorkerSettings};

use super::bounds::SCHEDULES;
use key::key;
use section::{Book, Section};

/// The top of the file; the sections are entries like others.
const TOP: Keys = Keys {
    now: &[
        key(
            "environment",
            Form::Text,
            "",
            "Name of this installation; a copy opened under another name starts held",
        ),
        key(
            "strict_kinds",
            Form::Switch,
            "false",
            "Refuse to enqueue kinds that are declared nowhere (BS107)",
        ),
        key("database", Form::Other("[database]"), "", "Where the database is"),
        key("worker", Form::Other("[worker]"), "", "How this worker looks for jobs and stops"),
        key("defaults", Form::Other("[defaults]"), "", "What every queue starts from"),
        key("queues", Form::Other("[queues.NAME]"), "", "The lines of jobs this worker serves"),
        key("kinds", Form::Other("[kinds.NAME]"), "", "The sorts of work"),
        key("cron", Form::Other("[cron.NAME]"), "", "What is enqueued again and again"),
        key("alerts", Form::Other("[alerts]"), "", "Whom to tell when a job is dead"),
        key("bounds", Form::Other("[bounds]"), "", "What a job may carry"),
        key("retention", Form::Other("[retention]"), "", "How long what has ended is kept"),
        key("web", Form::Other("[web]"), "", "Where the HTTP API is, and who may ask"),
        key("log", Form::Other("[log]"), "", "What is logged"),
    ],
    later: &["limits"],
    moved: &[
        ("url", "the address of the database belongs under [database]"),
        ("slots", "slots belong under [queues.NAME] or [defaults]"),
        ("timeout", "timeout belongs under [queues.NAME], [kinds.NAME] or [defaults]"),
    ],
};

/// All settings of a worker, checked: what is in here cannot be wrong.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// Name of this installation, such as `production`.
    pub environment: Option<String>,
    /// Refuse to enqueue kinds that are declared nowhere \[false\].
    pub strict_kinds: bool,
    /// Where the database is.
    pub database: DatabaseSettings,
    /// How the worker looks for jobs and how it stops.
    pub worker: WorkerSettings,
    /// What a queue gets that is declared in code only.
    pub defaults: QueueSettings,
    /// The queues that are served; `default` alone where none is declared.
    pub queues: Vec<QueueSettings>,
    /// The kinds that the file declares.
    pub kinds: Vec<KindSettings>,
    /// What is enqueued again and again.
    pub cron: Vec<ScheduleSettings>,
    /// Whom to tell.
    pub alerts: AlertSettings,
    /// What a job may carry.
    pub bounds: BoundSettings,
    /// How long what has ended is kept.
    pub retention: Retention,
    /// Where the HTTP API is, and who may ask.
    pub web: WebSettings,
    /// What is logged.
    pub log: LogSettings,
}

/// What reading a tree of values came to.
#[derive(Debug, Clone)]
pub struct Resolved {
    /// The settings; where there are faults, with built-in values in place of the faulty ones.
    pub settings: Settings,
    /// Everything that is wrong, in the order of the file.
    pub faults: Vec<Fault>,
    /// What is odd but may be meant: names that this file does not declare.
    pub notes: Vec<Fault>,
    /// Every setting with its effective value, for `config show`.
    pub rows: Vec<Row>,
}

impl Settings {
    /// Reads a tree of values that holds its secrets itself.
    ///
    /// # Errors
    /// All faults together: BS401 to BS405; BS407 for `{ env = … }` and `{ file = … }`, which
    /// only [`Settings::resolve`] can follow.
    ///
    /// ```
    /// use backstay::config::{Settings, Value};
    /// let settings = Settings::from_value(&Value::empty()).unwrap();
    /// assert_eq!(settings.queues[0].slots, 4);
    /// ```
    pub fn from_value(tree: &Value) -> Result<Self, Vec<Fault>> {
        let read: ReadSource<'_> = &|_, _| Err("cannot be followed here".to_owned());
        let resolved = Self::resolve(tree, read, Path::new(""));
        if resolved.faults.is_empty() { Ok(resolved.settings) } else { Err(resolved.faults) }
    }

    /// Reads a tree of values; `read` follows what points at variables and files, and `folder` is
    /// where relative directories start.
    #[must_use]
    pub fn resolve(tree: &Value, read: ReadSource<'_>, folder: &Path) -> Resolved {
        let book = Book::new(read);
        let mut settings = read_all(&book, tree);
        place_directories(&mut settings, folder);
        place::check_kinds(&book, tree, &settings);
        let notes = place::undeclared(tree, &settings);
        let mut faults = book.faults.into_inner();
        faults.sort_by(|a, b| a.order().cmp(&b.order()));
        Resolved { settings, faults, notes, rows: book.rows.into_inner() }
    }

    /// Gives the settings of a queue: its own where it is declared, else the defaults.
    #[must_use]
    pub fn queue(&self, name: &str) -> QueueSettings {
        let own = self.queues.iter().find(|queue| queue.name == name);
        own.cloned()
            .unwrap_or_else(|| QueueSettings { name: name.to_owned(), ..self.defaults.clone() })
    }

    /// Tells whether addresses handle every kind that belongs to this queue, so that its slots start no process.
    #[must_use]
    pub(crate) fn only_sends(&self, queue: &QueueSettings) -> bool {
        let home = |kind: &&KindSettings| kind.queue.as_deref().unwrap_or("default") == queue.name;
        let mut kinds = self.kinds.iter().filter(home).peekable();
        let is_address = |kind: &KindSettings| matches!(kind.runner, Some(Runner::Http(_)));
        queue.runner.is_none() && kinds.peek().is_some() && kinds.all(is_address)
    }

    /// Gives the settings of a kind that the file declares.
    #[must_use]
    pub fn kind(&self, name: &str) -> Option<&KindSettings> {
        self.kinds.iter().find(|kind| kind.name == name)
    }
}

fn read_all<'a>(book: &'a Book<'a>, tree: &'a Value) -> Settings {
    let top = Section::open(book, "", TOP, Some(tree), None);
    let environment = top.text("environment");
    let strict_kinds = top.switch("strict_kinds");
    let section = |name, keys| Section::open(book, name, keys, tree.get(name), None);
    let defaults = queue::read(&section("defaults", queue::KEYS), "default");
    Settings {
        environment,
        strict_kinds,
        database: database::read(&section("database", database::KEYS)),
        worker: worker::read(&section("worker", worker::KEYS)),
        queues: read_queues(book, &top, tree.get("defaults"), &defaults),
        defaults,
        kinds: read_kinds(book, &top),
        cron: read_cron(book, &top),
        alerts: alert::read(book, &section("alerts", alert::KEYS)),
        bounds: worker::read_bounds(&section("bounds", worker::BOUND_KEYS)),
        retention: retention::read(&section("retention", retention::KEYS)),
        web: web::read(&section("web", web::KEYS)),
        log: log::read(&section("log", log::KEYS)),
    }
}

fn read_queues<'a>(
    book: &'a Book<'a>,
    top: &Section<'a>,
    fallback: Option<&'a Value>,
    defaults: &QueueSettings,
) -> Vec<QueueSettings> {
    let declared = top.entries("queues");
    if declared.is_empty() {
        return vec![defaults.clone()];
    }
    let read = |(name, value): &(&'a str, &'a Value)| {
        let path = section::join("queues", name);
        let section = Section::open(book, path, queue::KEYS, Some(value), fallback);
        if let Err(message) = form::check_name(name) {
            section.fault_here(message);
        }
        queue::read(&section, name)
    };
    declared.iter().map(read).collect()
}

fn read_kinds<'a>(book: &'a Book<'a>, top: &Section<'a>) -> Vec<KindSettings> {
    let read = |(name, value): &(&'a str, &'a Value)| {
        let path = section::join("kinds", name);
        kind::read(&Section::open(book, path, kind::KEYS, Some(value), None), name)
    };
    top.entries("kinds").iter().map(read).collect()
}

fn read_cron<'a>(book: &'a Book<'a>, top: &Section<'a>) -> Vec<ScheduleSettings> {
    let declared = top.entries("cron");
    if declared.len() > SCHEDULES {
        let message = format!("{} schedules, at most {SCHEDULES} are read", declared.len());
        top.fault(BAD_VALUE, "cron", message);
    }
    let read = |(name, value): &(&'a str, &'a Value)| {
        let path = section::join("cron", name);
        cron::read(&Section::open(book, path, cron::KEYS, Some(value), None), name)
    };
    declared.iter().take(SCHEDULES).filter_map(read).collect()
}

/// A program that is named by a path stands where the file says, wherever the worker was started.
fn place_program(argv: &mut [String], folder: &Path) {
    if let Some(program) = argv.first_mut().filter(|program| program.contains('/')) {
        *program = folder.join(&*program).display().to_string();
    }
}

/// Directories are relative to the file, wherever the worker was started.
fn place_directories(settings: &mut Settings, folder: &Path) {
    for channel in &mut settings.alerts.channels {
        if let Way::Command { argv, .. } = &mut channel.way {
            place_program(argv, folder);
        }
    }
    if let Some(dir) = &mut settings.worker.scratch_dir {
        *dir = folder.join(&*dir);
    }
    let queues = settings.queues.iter_mut().chain([&mut settings.defaults]);
    let beside = Some(folder.to_path_buf()).filter(|dir| !dir.as_os_str().is_empty());
    for queue in queues {
        match &mut queue.dir {
            Some(dir) => *dir = folder.join(&*dir),
            None if queue.runner.is_some() => queue.dir.clone_from(&beside),
            None => {}
        }
    }
    for n in 0..settings.kinds.len() {
        let queue = settings.queue(settings.kinds[n].queue.as_deref().unwrap_or("default"));
        let kind = &mut settings.kinds[n];
        match &mut kind.dir {
            Some(dir) => *dir = folder.join(&*dir),
            // Where neither says anything, a program starts beside the file that names it.
            None if kind.runner.is_some() && queue.dir.is_none() => kind.dir.clone_from(&beside),
            None => {}
        }
    }
}

/// Gives every described setting with its section, for the reference page and the tests.
///
/// A section that people name themselves stands there as `queues.NAME`.
#[must_use]
pub fn sections() -> Vec<(&'static str, Keys)> {
    vec![
        ("", TOP),
        ("database", database::KEYS),
        ("worker", worker::KEYS),
        ("defaults", queue::KEYS),
        ("queues.NAME", queue::KEYS),
        ("kinds.NAME", kind::KEYS),
        ("cron.NAME", cron::KEYS),
        ("alerts", alert::KEYS),
        ("alerts.rules.NAME", rule::KEYS),
        ("bounds", worker::BOUND_KEYS),
        ("retention", retention::KEYS),
        ("web", web::KEYS),
        ("log", log::KEYS),
    ]
}

#[cfg(test)]
mod tests;
