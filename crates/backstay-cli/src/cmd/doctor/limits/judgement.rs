//! What a trial proves: report in, one row out; pure.

use std::time::Duration;

use backstay::doctor::Health;
use backstay_isolate::{Ending, Report};
use serde_json::{Value as Json, json};

use super::super::row::Row;
use super::bounds::{CPU_TIME, GRACE, MEMORY_BYTES, OUTPUT_BYTES, PROCESSES, REFUSED, TIMEOUT};

const MIB: u64 = 1 << 20;

/// How late a worker may be that is not alone on its machine.
const LATE: Duration = Duration::from_secs(1);

const SLOW: &str =
    "the worker looked too late: give it more of a processor, or let it run fewer jobs at once";
const NO_WALL: &str = "put the worker into a container or unit that has a limit of memory itself";
const NO_TASKS: &str =
    "limit the tasks of the worker's container or unit (docker run --pids-limit, TasksMax=)";
const HIDDEN: &str =
    "a worker must see its own processes: mount /proc without hidepid in its container";

/// What is left of a runaway's processes after the end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Gone {
    pub(super) left: usize,
    pub(super) of: usize,
    pub(super) after: Duration,
}

pub(super) fn memory(report: &Report) -> Row {
    let peak = report.peak_bytes.unwrap_or(0);
    let word = matches!(report.ending, Ending::MemoryLimit | Ending::OomKilled);
    let text = format!(
        "limit {}: {} at {}, {} after its start",
        size(MEMORY_BYTES),
        report.ending,
        size(peak),
        ms(report.wall)
    );
    let measured =
        json!({ "limit_bytes": MEMORY_BYTES, "peak_bytes": peak, "wall_ms": millis(report.wall) });
    row("memory", word && peak <= 2 * MEMORY_BYTES, text, NO_WALL, report, measured)
}

pub(super) fn processes(report: &Report) -> Row {
    let peak = report.processes_peak.unwrap_or(0);
    let refused = report.exit_code == Some(REFUSED.into()) && peak <= PROCESSES;
    // The runaway starts hundreds a second, and beside others that compute a look may be some 100 ms late.
    let ended = report.ending == Ending::ProcessLimit && peak <= 8 * PROCESSES;
    let text = if refused {
        format!("limit {PROCESSES}: the kernel started no more than {peak}")
    } else {
        format!("limit {PROCESSES}: {} at {peak}", report.ending)
    };
    let measured = json!({ "limit": PROCESSES, "peak": peak, "wall_ms": millis(report.wall) });
    row("processes", refused || ended, text, NO_TASKS, report, measured)
}

pub(super) fn cpu_time(report: &Report) -> Row {
    let used = report.cpu.unwrap_or_default();
    let held = report.ending == Ending::CpuLimit && used <= CPU_TIME + LATE;
    let text = format!("limit {}: {} after {}", ms(CPU_TIME), report.ending, ms(used));
    let measured = json!({
        "limit_ms": millis(CPU_TIME), "cpu_ms": millis(used), "wall_ms": millis(report.wall),
    });
    row("cpu_time", held, text, SLOW, report, measured)
}

pub(super) fn timeout(report: &Report) -> Row {
    let held = report.ending == Ending::TimedOut && report.wall <= TIMEOUT + GRACE + LATE;
    let text = format!(
        "limit {} and {} of grace, SIGTERM unheeded: {} after {}",
        ms(TIMEOUT),
        ms(GRACE),
        report.ending,
        ms(report.wall)
    );
    let measured = json!({
        "limit_ms": millis(TIMEOUT), "grace_ms": millis(GRACE), "wall_ms": millis(report.wall),
    });
    row("timeout", held, text, SLOW, report, measured)
}

pub(super) fn output(report: &Report) -> Row {
    let printed = report.output_bytes;
    let held = report.ending == Ending::OutputLimit && printed <= 2 * OUTPUT_BYTES;
    let text = format!("limit {}: {} at {printed} bytes", size(OUTPUT_BYTES), report.ending);
    let measured = json!({
        "limit_bytes": OUTPUT_BYTES, "output_bytes": printed, "wall_ms": millis(report.wall),
    });
    row("output", held, text, SLOW, report, measured)
}

pub(super) fn escape(report: &Report, gone: Option<Gone>) -> Row {
    let what = "a grandchild that left its session and its parents";
    of_processes("escape", what, report, gone)
}

pub(super) fn orphan(report: &Report, gone: Option<Gone>) -> Row {
    of_processes("orphan", "a job whose shim was killed", report, gone)
}

fn of_processes(id: &'static str, what: &str, report: &Report, gone: Option<Gone>) -> Row {
    let Some(gone) = gone else {
        let text = format!("{what}: could not be tried, it ended as {}", report.ending);
        return row(id, false, text, HIDDEN, report, Json::Null);
    };
    let Gone { left, of, after } = gone;
    let text = match left {
        0 => format!("{what}: gone after {}", ms(after)),
        _ => format!("{what}: {left} of {of} processes still there after {}", ms(after)),
    };
    let measured = json!({ "left": left, "processes": of, "gone_ms": millis(after) });
    row(id, left == 0, text, HIDDEN, report, measured)
}

fn row(
    id: &'static str,
    held: bool,
    text: String,
    remedy: &str,
    report: &Report,
    mut measured: Json,
) -> Row {
    if measured.is_object() {
        measured["ending"] = report.ending.as_str().into();
    }
    let measured = Some(measured).filter(|it| !it.is_null());
    if held {
        return Row { id, health: Health::Ok, finding: text, remedy: None, measured };
    }
    // A child that could not do its part says why itself.
    let why = report.detail.as_deref().or_else(|| report.last_line());
    let finding = why.map_or_else(|| text.clone(), |why| format!("{text} ({why})"));
    Row { id, health: Health::Fail, finding, remedy: Some(remedy.to_owned()), measured }
}

fn size(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(MIB))
}

fn ms(time: Duration) -> String {
    format!("{} ms", millis(time))
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
