//! Queues and programs as code declares them; the keys are those of the file, and the file wins.

use std::time::Duration;

/// A queue as it is declared in code; the same keys as `[queues.NAME]`, and the file wins.
///
/// ```
/// use backstay::Queue;
/// use backstay::unit::mins;
///
/// let reports = Queue::new("reports").slots(2).timeout(mins(30)).fresh();
/// ```
#[derive(Debug, Clone)]
#[must_use]
pub struct Queue {
    pub(super) name: String,
    pub(super) keys: Vec<(&'static str, String)>,
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
        self.key("timeout", crate::unit::format_duration(timeout))
    }

    /// From "stop" to the end of the whole process tree: 0 to 5 min [10 s].
    pub fn grace(self, grace: Duration) -> Queue {
        self.key("grace", crate::unit::format_duration(grace))
    }

    /// Runs each attempt in a child of its own instead of a warm one: for leaky, native or untried code.
    pub fn fresh(self) -> Queue {
        self.key("isolation", "fresh".to_owned())
    }

    /// Runs handlers inside the worker's own process: fastest, and not to be killed.
    pub fn inline(self) -> Queue {
        self.key("isolation", "inline".to_owned())
    }

    fn key(mut self, name: &'static str, value: String) -> Queue {
        self.keys.push((name, value));
        self
    }
}

/// A program that runs the jobs of a kind, in any language: args on stdin, the exit code decides.
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
