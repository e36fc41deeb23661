//! Queues, programs and addresses as code declares them; the keys are those of the file, and the file wins.

use std::time::Duration;

use serde_json::{Map, Value, json};

use crate::model::config::{Cpu, Secret};
use crate::model::unit::{Bytes, format_duration, format_size};

/// A queue as it is declared in code; the same keys as `[queues.NAME]`, and the file wins.
///
/// ```
/// use backstay::{Cpu, Queue};
/// use backstay::unit::{mib, mins};
///
/// let reports = Queue::new("reports").slots(2).timeout(mins(30)).fresh();
/// let exports = Queue::new("exports").slots(1).memory(mib(1024)).cpu_priority(Cpu::Idle);
/// let quick = Queue::new("quick").slots(64).inline();
/// let careful = Queue::new("careful").grace(mins(1)).memory_max(mib(4096)).cpu_cap(1.0);
/// let careful = careful.cpu_time(mins(20)).stall(mins(2)).processes(16).disk(mib(512));
/// let careful = careful.files(256).output(mib(8)).io_weight(50);
/// # let _ = (reports, quick, careful);
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Queue {
    pub(super) name: String,
    pub(super) keys: Vec<(&'static str, Value)>,
    pub(super) slots: Option<u16>,
}

impl Queue {
    /// A queue with the built-in settings: 4 slots, warm children, a timeout of 15 minutes.
    pub fn new(name: impl Into<String>) -> Queue {
        Queue { name: name.into(), keys: Vec::new(), slots: None }
    }

    /// Jobs of this queue at once in one worker: 1 to 1,024 [4].
    pub fn slots(mut self, slots: u16) -> Queue {
        self.slots = Some(slots);
        self
    }

    /// How long one attempt may take: 1 s to 30 d [15 min].
    pub fn timeout(self, timeout: Duration) -> Queue {
        self.key("timeout", format_duration(timeout))
    }

    /// From "stop" to the end of the whole process tree: 0 to 5 min [10 s].
    pub fn grace(self, grace: Duration) -> Queue {
        self.key("grace", format_duration(grace))
    }

    /// Runs each attempt in a child of its own instead of a warm one: for leaky, native or untried code.
    pub fn fresh(self) -> Queue {
        self.key("isolation", "fresh".to_owned())
    }

    /// Runs handlers inside the worker's own process: fastest, and not to be killed.
    pub fn inline(self) -> Queue {
        self.key("isolation", "inline".to_owned())
    }

    /// The most memory of one attempt with all its processes: 32 MiB and more [a share of the host's, 128 to 512 MiB].
    pub fn memory(self, memory: Bytes) -> Queue {
        self.key("memory", format_size(memory.get()))
    }

    /// The most memory that a job may ask for [four times `memory`].
    pub fn memory_max(self, memory: Bytes) -> Queue {
        self.key("memory_max", format_size(memory.get()))
    }

    /// How much a job gets of a busy processor [`Cpu::Background`].
    pub fn cpu_priority(self, priority: Cpu) -> Queue {
        self.key("cpu_priority", priority.as_str())
    }

    /// The most cores of one attempt at any time: 0.1 to 1,024 [no cap]; held by cgroups only.
    pub fn cpu_cap(self, cores: f64) -> Queue {
        self.key("cpu_cap", cores)
    }

    /// The most processor time of one attempt: 1 s to 7 d [not limited].
    pub fn cpu_time(self, time: Duration) -> Queue {
        self.key("cpu_time", format_duration(time))
    }

    /// How long an attempt may say, print and compute nothing: 10 s to the timeout [not limited].
    pub fn stall(self, silence: Duration) -> Queue {
        self.key("stall", format_duration(silence))
    }

    /// The most processes and threads of one attempt at once: 8 to 65,536 [256].
    pub fn processes(self, most: u32) -> Queue {
        self.key("processes", most)
    }

    /// The most that one attempt may store in its folder: 1 MiB and more [2 GiB].
    pub fn disk(self, most: Bytes) -> Queue {
        self.key("disk", format_size(most.get()))
    }

    /// The most files that one process may have open: 16 to 1,048,576 [1,024].
    pub fn files(self, most: u32) -> Queue {
        self.key("files", most)
    }

    /// The most that one attempt may print: 64 KiB and more [256 MiB].
    pub fn output(self, most: Bytes) -> Queue {
        self.key("output", format_size(most.get()))
    }

    /// The share of a busy disk: 1 to 10,000, 100 being usual [not said]; held by cgroups only.
    pub fn io_weight(self, weight: u16) -> Queue {
        self.key("io_weight", weight)
    }

    fn key(mut self, name: &'static str, value: impl Into<Value>) -> Queue {
        self.keys.push((name, value.into()));
        self
    }
}

/// A program that runs the jobs of a kind, in any language: args on stdin, the exit code decides.
///
/// ```
/// # use backstay::{Command, Job, Worker};
/// # #[derive(serde::Serialize, serde::Deserialize, Job)] #[job(kind = "export")] struct Export { id: i64 }
/// let worker = Worker::without_state()
///     .command::<Export>(Command::new("node").arg("jobs/export.js"))
///     .build()?;
/// # Ok::<_, backstay::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Command(pub(super) Vec<String>);

impl Command {
    /// A program, looked up in `PATH`; never a shell.
    pub fn new(program: impl Into<String>) -> Command {
        Command(vec![program.into()])
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl Into<String>) -> Command {
        self.0.push(argument.into());
        self
    }
}

/// An address that handles the jobs of a kind: each attempt goes there by POST, and the answer decides.
///
/// The same keys as `http` of `[kinds.NAME]`. `backstay_cli::main` makes what sends of them; a worker of your own gets it by
/// [`Worker::pushes`](crate::Worker::pushes).
///
/// ```
/// # use backstay::{Http, Job, Worker};
/// # #[derive(serde::Serialize, serde::Deserialize, Job)] #[job(kind = "charge")] struct Charge { id: i64 }
/// # let (key, token) = ("k", "t");
/// let hook = Http::new("https://app.example.org/jobs/charge").secret(key);
/// let worker = Worker::without_state()
///     .http::<Charge>(hook.header("X-Team", "billing").header("Authorization", format!("Bearer {token}")))
///     .build()?;
/// # Ok::<_, backstay::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Http {
    url: String,
    secret: Option<Secret>,
    headers: Vec<(String, Secret)>,
}

impl Http {
    /// An address that starts with `https://`, or with `http://` in an inner network that the settings allow.
    pub fn new(url: impl Into<String>) -> Http {
        Http { url: url.into(), secret: None, headers: Vec::new() }
    }

    /// The key that signs each request [sent unsigned].
    pub fn secret(mut self, secret: impl Into<String>) -> Http {
        self.secret = Some(Secret::new(secret));
        self
    }

    /// One more header of each request, beside ours: at most 20, of ASCII text up to 4 KiB.
    pub fn header(mut self, name: impl Into<String>, value: impl Into<String>) -> Http {
        self.headers.push((name.into(), Secret::new(value)));
        self
    }

    pub(super) fn to_json(&self) -> Value {
        let text = |secret: &Secret| Value::from(secret.expose());
        let headers = self.headers.iter().map(|(name, value)| (name.clone(), text(value)));
        let mut json = json!({ "url": self.url, "headers": headers.collect::<Map<_, _>>() });
        if let Some(secret) = &self.secret {
            json["secret"] = text(secret);
        }
        json
    }
}
