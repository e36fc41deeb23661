//! What is still there when every worker of a database has ended: nothing may be.

use std::time::Duration;

use crate::place::Place;
use crate::process::lives;

/// How long the kernel and the server may take to notice an end.
const MOST: Duration = Duration::from_secs(10);

/// Counts the advisory locks that somebody holds here.
pub(crate) const LOCKS: &str = "select count(*) from pg_locks l join pg_database d on d.oid = l.database \
     where l.locktype = 'advisory' and d.datname = current_database()";

/// Looks for sessions, locks and children that outlived the workers of this database, in a sentence for each.
pub(crate) fn left_behind(place: &Place) -> Vec<String> {
    let sessions = "select count(*) from pg_stat_activity where datname = current_database() \
         and application_name like 'backstay work %'";
    let mut left = Vec::new();
    for (what, sql) in [("sessions", sessions), ("advisory locks", LOCKS)] {
        if !place.comes_true(MOST, |place| place.number(sql) == 0) {
            left.push(format!("{} {what} are left", place.number(sql)));
        }
    }
    if !place.comes_true(MOST, |place| children(place).is_empty()) {
        left.push(format!("processes are left: {:?}", children(place)));
    }
    left
}

/// Processes of this program that have the address of this database in their arguments or their environment, but for ourselves.
fn children(place: &Place) -> Vec<i32> {
    let name = place.database().name().to_owned();
    let of_it = |path: String| {
        let bytes = std::fs::read(path).unwrap_or_default();
        String::from_utf8_lossy(&bytes).contains(&name)
    };
    let own = i32::try_from(std::process::id()).expect("a number of the kernel");
    let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbers = entries.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    numbers
        .filter(|pid| *pid != own && lives(*pid) && of_it(format!("/proc/{pid}/cmdline")))
        .filter(|pid| {
            std::fs::read_link(format!("/proc/{pid}/exe")).ok() == std::env::current_exe().ok()
        })
        .collect()
}
