//! File, environment and flags become one checked set of settings that knows where each comes from.

pub(crate) mod document;
mod environment;

use std::path::{Path, PathBuf};

use backstay::config::{Fault, MISSING, Origin, Row, Secret, Settings, Source, Value};

pub(crate) use environment::Environment;

use crate::failure::Failure;

/// The file that is read when nobody names another.
const FILE: &str = "backstay.toml";

/// The longest secret file; longer ones are some other file.
const SECRET_BYTES: u64 = 64 * 1024;

/// What the command line says about settings.
#[derive(Debug, Clone, Default)]
pub(crate) struct Sources {
    /// `--config`
    pub(crate) config: Option<PathBuf>,
    /// Settings that flags of this command set, such as `--slots reports=1`.
    pub(crate) flags: Vec<FlagValue>,
}

/// A setting that a flag sets.
#[derive(Debug, Clone)]
pub(crate) struct FlagValue {
    /// The setting's path, such as `database`, `url`.
    pub(crate) path: Vec<String>,
    /// What was typed.
    pub(crate) text: String,
    /// The flag with its dashes.
    pub(crate) flag: &'static str,
}

/// How much of the settings a command needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Need {
    /// All, with every secret: a worker, or the check of a file.
    Everything,
    /// The database: an operator's machine need not hold the secrets of alerts and handlers.
    Database,
}

/// The settings with all that was learnt while they were read.
#[derive(Debug)]
pub(crate) struct Loaded {
    pub(crate) settings: Settings,
    pub(crate) faults: Vec<Fault>,
    pub(crate) notes: Vec<Fault>,
    pub(crate) rows: Vec<Row>,
    /// The file that was read, if there is one.
    pub(crate) file: Option<PathBuf>,
    /// The folder that relative paths start from.
    pub(crate) folder: PathBuf,
}

impl Loaded {
    /// Gives the settings if nothing is wrong with them.
    pub(crate) fn checked(self) -> Result<Self, Failure> {
        if self.faults.is_empty() { Ok(self) } else { Err(Failure::of_faults(self.faults)) }
    }
}

/// Reads flags over environment over file over what is built in, and collects every fault.
///
/// Fails only where the file itself cannot be read.
pub(crate) fn load(
    sources: &Sources,
    environment: &Environment,
    need: Need,
) -> Result<Loaded, Failure> {
    load_over(Value::empty(), sources, environment, need)
}

/// The same, laid over what code declares.
pub(crate) fn load_over(
    declared: Value,
    sources: &Sources,
    environment: &Environment,
    need: Need,
) -> Result<Loaded, Failure> {
    let file = find(sources, environment)?;
    let folder = file.as_deref().and_then(Path::parent).unwrap_or(Path::new("")).to_path_buf();
    let mut tree = declared;
    let mut faults = Vec::new();
    if let Some(path) = &file {
        let (written, found) = document::read(&shown(path), &read_file(path)?);
        tree.lay(&[], written);
        faults = found;
    }
    // What follows from half a file is noise.
    let readable = faults.is_empty();
    environment.lay_over(&mut tree, &mut faults);
    for flag in &sources.flags {
        let path: Vec<&str> = flag.path.iter().map(String::as_str).collect();
        tree.lay(&path, Value::text(&flag.text, Origin::Flag(flag.flag.to_owned())));
    }
    let follow = |path: &str, source: &Source<'_>| {
        let needed = need == Need::Everything || !is_of_others(path);
        if needed { read_source(source, environment, &folder).map(Some) } else { Ok(None) }
    };
    let resolved = Settings::resolve(&tree, &follow, &folder);
    if readable {
        faults.extend(resolved.faults);
    }
    faults.sort_by(|a, b| a.order().cmp(&b.order()));
    Ok(Loaded {
        settings: resolved.settings,
        faults,
        notes: resolved.notes,
        rows: resolved.rows,
        file,
        folder,
    })
}

/// Says what was read, for `-v`.
pub(crate) fn read_from(loaded: &Loaded) -> String {
    match &loaded.file {
        Some(file) => format!("settings are read from {}", shown(file)),
        None => format!("there is no {FILE} here: environment, and what is built in"),
    }
}

/// Gives the database's address, or says how to give one.
pub(crate) fn database_url(settings: &Settings) -> Result<&Secret, Failure> {
    settings.database.url.as_ref().ok_or_else(|| {
        Failure::new(MISSING, "no database is named")
            .hint("set DATABASE_URL, or give --database-url, or write url under [database]")
    })
}

/// `--config`, else BACKSTAY_CONFIG, else the file of that name here, if there is one.
fn find(sources: &Sources, environment: &Environment) -> Result<Option<PathBuf>, Failure> {
    let named = sources.config.clone();
    let named = named.or_else(|| environment.get("BACKSTAY_CONFIG").map(PathBuf::from));
    match named {
        Some(path) => Ok(Some(path)),
        None => {
            let here = PathBuf::from(FILE);
            Ok(here.exists().then_some(here))
        }
    }
}

fn read_file(path: &Path) -> Result<String, Failure> {
    let bytes = std::fs::read(path).map_err(|error| {
        Failure::new(MISSING, format!("the configuration `{}` cannot be read", path.display()))
            .because(&error)
            .hint("write its short form with: backstay init")
    })?;
    String::from_utf8(bytes).map_err(|_| {
        Failure::new("BS402", format!("the configuration `{}` is not UTF-8", path.display()))
    })
}

fn shown(path: &Path) -> String {
    let path = path.strip_prefix("./").unwrap_or(path);
    path.display().to_string()
}

/// Secrets of alerts and handlers, which only a worker needs.
fn is_of_others(path: &str) -> bool {
    ["alerts.", "queues.", "kinds.", "defaults."].iter().any(|section| path.starts_with(section))
}

fn read_source(
    source: &Source<'_>,
    environment: &Environment,
    folder: &Path,
) -> Result<String, String> {
    match source {
        Source::Env(name) => match environment.get(name) {
            Some(text) => Ok(text.to_owned()),
            None => Err(format!("the variable `{name}` is not set")),
        },
        Source::File(file) => {
            let path = folder.join(file);
            read_secret(&path).map_err(|why| format!("`{}` cannot be read: {why}", path.display()))
        }
    }
}

fn read_secret(path: &Path) -> Result<String, String> {
    let size = std::fs::metadata(path).map_err(plain)?.len();
    if size > SECRET_BYTES {
        return Err(format!("it has {size} bytes, which is no secret"));
    }
    let text = std::fs::read_to_string(path).map_err(plain)?;
    // Editors end a file with a line end that belongs to no secret.
    let text = text.strip_suffix('\n').unwrap_or(&text);
    let text = text.strip_suffix('\r').unwrap_or(text);
    if text.is_empty() { Err("it is empty".into()) } else { Ok(text.to_owned()) }
}

/// The system's words without its number.
fn plain(error: std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error").next().unwrap_or(&text).to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
