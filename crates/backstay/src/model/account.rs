//! Tells people in one sentence how an attempt ended, and what follows from it where that is not obvious.

use std::time::Duration;

use super::judge::{MoreMemory, OnOom, Verdict};
use super::limits::Limits;
use super::outcome::Outcome;
use super::sample::Sample;
use super::unit::about;

/// What the sentence is made of; what is not known is left out of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Account<'a> {
    /// What the handler, or the last line of its stderr, said.
    pub message: Option<&'a str>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    /// The exit code of its program.
    pub exit_code: Option<i32>,
    /// How long it ran.
    pub wall: Duration,
    /// How much of a processor it used.
    pub cpu: Option<Duration>,
    /// The most resident memory it had.
    pub peak_bytes: Option<u64>,
    /// The most processes and threads it had at once.
    pub processes_peak: Option<u32>,
    /// What lay in its scratch folder.
    pub scratch_bytes: Option<u64>,
    /// What it printed.
    pub output_bytes: Option<u64>,
    /// What it was allowed.
    pub limits: Option<&'a Limits>,
}

/// Gives one sentence about an attempt that came to `outcome`; nothing of it depends on what becomes of the job.
///
/// ```
/// use std::time::Duration;
/// use backstay::model::account::{Account, sentence};
/// use backstay::model::outcome::Outcome;
/// let account = Account { wall: Duration::from_secs(41), ..Account::default() };
/// assert_eq!(sentence(Outcome::Lost, &account), "the worker was lost while it ran");
/// assert_eq!(sentence(Outcome::TimedOut, &account), "timed out after 41 s");
/// ```
#[must_use]
pub fn sentence(outcome: Outcome, account: &Account<'_>) -> String {
    let own = account.message.map(str::trim).filter(|message| !message.is_empty());
    match (of_limit(outcome, account), own) {
        (Some(sentence), Some(own)) => format!("{sentence}: {own}"),
        (Some(sentence), None) => sentence,
        (None, Some(own)) => own.to_owned(),
        (None, None) => of_end(outcome, account),
    }
}

/// Tells whether the sentence about this outcome is all numbers, so that its group must not be named after it.
#[must_use]
pub fn is_measured(outcome: Outcome) -> bool {
    of_limit(outcome, &Account::default()).is_some() || outcome == Outcome::TimedOut
}

/// Ends that a limit brought about: how much was used of how much.
fn of_limit(outcome: Outcome, account: &Account<'_>) -> Option<String> {
    let limits = account.limits;
    let after = || format!("after {}", spent(account));
    Some(match outcome {
        Outcome::MemoryLimit | Outcome::OomKilled => {
            let most = limits.and_then(|limits| limits.memory_bytes);
            let memory = used("memory", account.peak_bytes, most, size);
            format!("killed: used {memory} {}", after())
        }
        Outcome::ProbableOom => {
            let most = limits.and_then(|limits| limits.memory_bytes);
            let memory = used("memory", account.peak_bytes, most, size);
            format!("probably out of memory: used {memory}, and {} {}", ended(account), after())
        }
        Outcome::CpuLimit => {
            let most = limits.and_then(|limits| limits.cpu_time);
            let cpu = used("processor time", account.cpu, most, span);
            format!("killed: used {cpu} of CPU after {}", span(account.wall))
        }
        Outcome::ProcessLimit => {
            let most = limits.and_then(|limits| limits.processes);
            let count = used("processes", account.processes_peak, most, |count| count.to_string());
            format!("killed: had {count} processes and threads {}", after())
        }
        Outcome::DiskLimit => {
            let most = limits.and_then(|limits| limits.disk_bytes);
            let disk = used("disk", account.scratch_bytes, most, size);
            format!("killed: stored {disk} {}", after())
        }
        Outcome::OutputLimit => {
            let most = limits.and_then(|limits| limits.output_bytes);
            let output = used("output", account.output_bytes, most, size);
            format!("killed: printed {output} {}", after())
        }
        Outcome::Stalled => {
            let most = limits.and_then(|limits| limits.stall).map(span);
            let most = most.unwrap_or_else(|| "too long".to_owned());
            format!("killed: showed no sign of life for {most}, {}", after())
        }
        Outcome::Evicted => {
            let memory = account.peak_bytes.map(|bytes| format!(" with {}", size(bytes)));
            format!("ended to make room on its host {}{}", after(), memory.unwrap_or_default())
        }
        _ => return None,
    })
}

/// Ends of which nobody has said anything.
fn of_end(outcome: Outcome, account: &Account<'_>) -> String {
    let after = spent(account);
    match (outcome, account.exit_code, account.signal) {
        (Outcome::TimedOut, ..) => format!("timed out after {after}"),
        (Outcome::Lost, ..) => "the worker was lost while it ran".to_owned(),
        (_, None, None) => format!("{outcome} after {after}"),
        _ => format!("{outcome}: {} after {after}", ended(account)),
    }
}

/// How its process ended.
fn ended(account: &Account<'_>) -> String {
    match (account.exit_code, account.signal) {
        (_, Some(signal)) => match signal_name(signal) {
            Some(name) => format!("ended by signal {signal} ({name})"),
            None => format!("ended by signal {signal}"),
        },
        (Some(code), None) => format!("ended with exit code {code}"),
        (None, None) => "ended".to_owned(),
    }
}

/// `512 MiB of 512 MiB`; without the figure, `more than 512 MiB`; without both, `too much memory`.
fn used<T>(what: &str, amount: Option<T>, most: Option<T>, show: impl Fn(T) -> String) -> String {
    match (amount.map(&show), most.map(&show)) {
        (Some(amount), Some(most)) => format!("{amount} of {most}"),
        (Some(amount), None) => amount,
        (None, Some(most)) => format!("more than {most}"),
        (None, None) => format!("too much {what}"),
    }
}

/// `41 s and 38 s of CPU`.
fn spent(account: &Account<'_>) -> String {
    match account.cpu {
        Some(cpu) => format!("{} and {} of CPU", span(account.wall), span(cpu)),
        None => span(account.wall),
    }
}

/// Gives what the worker of an attempt last saw of it: the rest of the sentence about one that nobody saw end.
///
/// ```
/// use backstay::model::account::last_seen;
/// use backstay::model::sample::Sample;
/// let (job, level) = ("7".to_owned(), "rlimit".to_owned());
/// let sample = Sample { job, attempt: 1, rss: 480 << 20, limit: Some(512 << 20), cpu_ms: 38_000, level };
/// assert_eq!(last_seen(&sample), ", last seen at 480 MiB of 512 MiB after 38 s of CPU");
/// ```
#[must_use]
pub fn last_seen(sample: &Sample) -> String {
    let memory = used("memory", Some(sample.rss), sample.limit, size);
    format!(", last seen at {memory} after {} of CPU", span(Duration::from_millis(sample.cpu_ms)))
}

/// Gives what follows where a job gets more memory: the rest of the sentence.
///
/// ```
/// use backstay::model::account::follows;
/// use backstay::model::judge::{Bill, OnOom, Verdict};
/// use backstay::model::outcome::Allowed;
/// let on_oom = OnOom::default();
/// let memory = on_oom.next(Allowed { bytes: 512 << 20, most: None });
/// let verdict = Verdict::Retry { delay: Default::default(), bill: Bill::Retry, memory };
/// assert_eq!(follows(&verdict, &on_oom).unwrap(), "it will be tried once more with 1 GiB");
/// ```
#[must_use]
pub fn follows(verdict: &Verdict, on_oom: &OnOom) -> Option<String> {
    let Verdict::Retry { memory: Some(MoreMemory { bytes, queue, raised, .. }), .. } = verdict
    else {
        return None;
    };
    let again = if *raised >= on_oom.retry { "once more" } else { "again" };
    let place = queue.as_ref().map(|queue| format!(" in queue `{queue}`")).unwrap_or_default();
    Some(format!("it will be tried {again} with {}{place}", size(*bytes)))
}

/// A size as people say it: `512 MiB`, `1 GiB`, `1.5 GiB`.
///
/// ```
/// use backstay::model::account::size;
/// assert_eq!((size(512 << 20).as_str(), size(3 << 29).as_str()), ("512 MiB", "1.5 GiB"));
/// ```
#[must_use]
pub fn size(bytes: u64) -> String {
    const MIB: f64 = 1024.0 * 1024.0;
    const GIB: f64 = MIB * 1024.0;
    let amount = bytes as f64;
    let one_digit = |amount: f64| format!("{amount:.1}").trim_end_matches(".0").to_owned();
    if amount < MIB {
        format!("{} KiB", bytes.div_ceil(1024))
    } else if amount < 10.0 * MIB {
        format!("{} MiB", one_digit(amount / MIB))
    } else if amount < GIB {
        format!("{:.0} MiB", amount / MIB)
    } else {
        format!("{} GiB", one_digit(amount / GIB))
    }
}

/// A span as people say it: `350 ms`, `4.2 s`, `41 s`, `12 min`.
#[must_use]
pub fn span(span: Duration) -> String {
    match span.as_millis() {
        0..1_000 => format!("{} ms", span.as_millis()),
        1_000..10_000 => format!("{:.1} s", span.as_secs_f64()).replace(".0 s", " s"),
        _ => about(span),
    }
}

/// The names of the signals that end programs.
fn signal_name(signal: i32) -> Option<&'static str> {
    Some(match signal {
        1 => "SIGHUP",
        2 => "SIGINT",
        3 => "SIGQUIT",
        4 => "SIGILL",
        5 => "SIGTRAP",
        6 => "SIGABRT",
        7 => "SIGBUS",
        8 => "SIGFPE",
        9 => "SIGKILL",
        11 => "SIGSEGV",
        13 => "SIGPIPE",
        15 => "SIGTERM",
        24 => "SIGXCPU",
        25 => "SIGXFSZ",
        31 => "SIGSYS",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::super::config::{Cap, QueueLimits};
    use super::*;

    fn limits() -> Limits {
        let written = QueueLimits {
            cpu_time: Cap::At(Duration::from_secs(600)),
            stall: Cap::At(Duration::from_secs(30)),
            ..QueueLimits::default()
        };
        Limits::of(&written, 512 << 20)
    }

    fn check(outcome: Outcome, account: Account<'_>, expected: &str) {
        assert_eq!(sentence(outcome, &account), expected);
    }

    #[test]
    fn a_limit_is_told_with_what_was_used_of_it() {
        let limits = limits();
        let account = Account {
            wall: Duration::from_secs(41),
            cpu: Some(Duration::from_secs(38)),
            peak_bytes: Some(512 << 20),
            processes_peak: Some(257),
            scratch_bytes: Some(5 << 29),
            output_bytes: Some(256 << 20),
            limits: Some(&limits),
            ..Account::default()
        };
        let killed = "killed: used 512 MiB of 512 MiB after 41 s and 38 s of CPU";
        check(Outcome::MemoryLimit, account, killed);
        check(Outcome::OomKilled, account, killed);
        check(
            Outcome::ProbableOom,
            Account { signal: Some(6), message: Some("MemoryError"), ..account },
            "probably out of memory: used 512 MiB of 512 MiB, and ended by signal 6 (SIGABRT) after 41 s and \
             38 s of CPU: MemoryError",
        );
        let long = Account { cpu: Some(Duration::from_secs(600)), ..account };
        check(Outcome::CpuLimit, long, "killed: used 10 min of 10 min of CPU after 41 s");
        check(
            Outcome::ProcessLimit,
            account,
            "killed: had 257 of 256 processes and threads after 41 s and 38 s of CPU",
        );
        check(
            Outcome::DiskLimit,
            account,
            "killed: stored 2.5 GiB of 2 GiB after 41 s and 38 s of CPU",
        );
        check(
            Outcome::OutputLimit,
            account,
            "killed: printed 256 MiB of 256 MiB after 41 s and 38 s of CPU",
        );
        check(
            Outcome::Stalled,
            account,
            "killed: showed no sign of life for 30 s, after 41 s and 38 s of CPU",
        );
    }

    #[test]
    fn what_was_not_measured_is_left_out() {
        let limits = limits();
        let wall = Duration::from_millis(350);
        let account = Account { wall, limits: Some(&limits), ..Account::default() };
        check(Outcome::MemoryLimit, account, "killed: used more than 512 MiB after 350 ms");
        let nothing = Account { wall, ..Account::default() };
        check(Outcome::MemoryLimit, nothing, "killed: used too much memory after 350 ms");
    }

    #[test]
    fn what_the_handler_said_stands_where_no_limit_ended_it() {
        let said = Account { message: Some("no such table"), ..Account::default() };
        check(Outcome::Failed, said, "no such table");
        let crashed = Account { signal: Some(11), ..Account::default() };
        check(Outcome::Crashed, crashed, "crashed: ended by signal 11 (SIGSEGV) after 0 ms");
        let exited = Account { exit_code: Some(3), ..Account::default() };
        check(Outcome::Exited, exited, "exited: ended with exit code 3 after 0 ms");
    }

    #[test]
    fn every_outcome_has_a_sentence() {
        for outcome in Outcome::ALL {
            assert!(!sentence(outcome, &Account::default()).is_empty());
        }
    }
}
