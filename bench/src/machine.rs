//! On what, and when, it was measured.

use std::fs;
use std::process::Command;

/// Name and value of what is worth knowing of the machine.
pub(crate) fn read() -> Vec<(String, String)> {
    let file = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let after = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name));
        line.and_then(|line| line.split_once(':')).map(|(_, value)| value.trim().to_owned())
    };
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let model = after(&file("/proc/cpuinfo"), "model name").unwrap_or_default();
    let memory = after(&file("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kernel = file("/proc/sys/kernel/osrelease").trim().to_owned();
    let load = file("/proc/loadavg").split_whitespace().next().unwrap_or_default().to_owned();
    let date = Command::new("date").args(["-u", "+%F %H:%M UTC"]).output();
    let date = date.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    [
        ("date", date.unwrap_or_default()),
        ("processor", format!("{cores} cores, {model}")),
        ("memory", memory),
        ("kernel", kernel),
        ("load at the start", load),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .to_vec()
}
