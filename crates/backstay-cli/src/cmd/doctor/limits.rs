//! `doctor --limits`: seven small runaways at once, each against its limit, to prove what this machine holds.

mod bounds;
mod judgement;
mod runaway;
mod trial;

use backstay::doctor::Health;
use backstay_isolate::{Launcher, LauncherError, Level, Surroundings};
use serde_json::{Value as Json, json};

use super::row::Row;
use crate::cmd::connect;
use crate::failure::Failure;

pub(crate) use runaway::run_away;

/// What came of it.
pub(super) struct Proof {
    /// How limits are held here, for programs.
    pub(super) level: Json,
    /// The level, then one row per runaway.
    pub(super) rows: Vec<Row>,
}

/// Lets them loose, all at once; takes as long as the slowest, 5 s where nothing is held at all.
pub(super) fn prove() -> Result<Proof, Failure> {
    connect::runtime()?.block_on(async {
        let launcher = Launcher::start().map_err(|error| cannot_start(&error))?;
        let mut rows = vec![of_level(launcher.level())];
        let (memory, processes, cpu_time, timeout, output, escape, orphan) = tokio::join!(
            trial::memory(&launcher),
            trial::processes(&launcher),
            trial::cpu_time(&launcher),
            trial::timeout(&launcher),
            trial::output(&launcher),
            trial::escape(&launcher),
            trial::orphan(&launcher),
        );
        rows.extend([memory, processes, cpu_time, timeout, output, escape, orphan]);
        let level = document(launcher.level());
        launcher.stop().await;
        Ok(Proof { level, rows })
    })
}

fn cannot_start(error: &LauncherError) -> Failure {
    Failure::new("BS604", "no child can be started on this machine")
        .because(error)
        .hint("children need a temporary folder that can be written to: set TMPDIR")
}

/// What holds what, and what nothing holds.
fn of_level(level: &Level) -> Row {
    let (held, open): (Vec<_>, Vec<_>) =
        level.holders.iter().partition(|(_, holder)| *holder != "none");
    let held: Vec<String> =
        held.iter().map(|(limit, holder)| format!("{limit} by {holder}")).collect();
    let open: Vec<&str> = open.iter().map(|(limit, _)| *limit).collect();
    let mut finding = format!("{}: {}", level.name, held.join(", "));
    if !open.is_empty() {
        finding.push_str(&format!("; not held: {}", open.join(", ")));
    }
    if let Some(why) = &level.why {
        finding.push_str(&format!(" ({why})"));
    }
    let measured = Some(document(level));
    let around = Surroundings::look();
    let remedy = level.advice.map(|advice| format!("for level cgroup here ({around}): {advice}"));
    Row { id: "level", health: Health::Ok, finding, remedy, measured }
}

fn document(level: &Level) -> Json {
    let holders: serde_json::Map<String, Json> = level
        .holders
        .iter()
        .map(|(limit, holder)| ((*limit).to_owned(), (*holder).into()))
        .collect();
    json!({
        "name": level.name.as_str(), "holders": holders, "why": level.why,
        "surroundings": Surroundings::look().as_str(), "advice": level.advice,
    })
}
