//! The files that `migrate` installs, written by `cargo xtask gen`; and the order in which functions must come.

use std::collections::BTreeSet;

use crate::failpoint;

macro_rules! file {
    ($name:literal) => {
        ($name, include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/", $name, ".sql")))
    };
}

pub(crate) const ROLES: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/role/roles.sql"));
pub(crate) const GRANTS: &str =
    include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/role/grants.sql"));

/// Orders functions and views so that each comes after those that it names in its line `needs:`.
pub(crate) fn bodies() -> Vec<(&'static str, &'static str)> {
    let (mut done, mut ordered) = (BTreeSet::new(), Vec::new());
    for (name, sql) in BODIES {
        place(name, sql, &mut done, &mut ordered);
    }
    ordered
}

fn place(
    name: &'static str,
    sql: &'static str,
    done: &mut BTreeSet<&'static str>,
    ordered: &mut Vec<(&'static str, &'static str)>,
) {
    if !done.insert(name) {
        return;
    }
    let needs = sql
        .lines()
        .filter_map(|line| line.strip_prefix("-- needs:"))
        .flat_map(str::split_whitespace);
    for need in needs {
        let need = need.trim_end_matches(".sql");
        let (name, sql) = BODIES
            .iter()
            .find(|(name, _)| *name == need)
            .expect("a test looks that every need is a file");
        place(name, sql, done, ordered);
    }
    ordered.push((name, failpoint::text(name, sql)));
}

pub(crate) const SCHEMA: &[(&str, &str)] = &[
    (
        "0000_schema",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0000_schema.sql")),
    ),
    ("0001_jobs", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0001_jobs.sql"))),
    ("0002_ends", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0002_ends.sql"))),
    (
        "0003_machines",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0003_machines.sql")),
    ),
    (
        "0004_output",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0004_output.sql")),
    ),
    ("0005_terms", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0005_terms.sql"))),
    (
        "0006_suspects",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0006_suspects.sql")),
    ),
    ("0007_keep", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0007_keep.sql"))),
    (
        "0008_admission",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0008_admission.sql")),
    ),
    (
        "0009_limits_of_loss",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0009_limits_of_loss.sql")),
    ),
    ("0010_peaks", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0010_peaks.sql"))),
    ("0011_facts", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0011_facts.sql"))),
    (
        "0012_enqueue_grant",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0012_enqueue_grant.sql")),
    ),
    (
        "0013_tokens",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0013_tokens.sql")),
    ),
    (
        "0014_sessions",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0014_sessions.sql")),
    ),
    (
        "0015_figures",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0015_figures.sql")),
    ),
    ("0016_steps", include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0016_steps.sql"))),
    (
        "0017_channels",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0017_channels.sql")),
    ),
    (
        "0018_schedules",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0018_schedules.sql")),
    ),
    (
        "0019_owners",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0019_owners.sql")),
    ),
    (
        "0020_acknowledged",
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/sql/schema/0020_acknowledged.sql")),
    ),
];

const BODIES: &[(&str, &str)] = &[
    file!("door/abi"),
    file!("door/acknowledge"),
    file!("door/acknowledge_alert"),
    file!("door/assert_lease"),
    file!("door/attempts"),
    file!("door/backfill"),
    file!("door/bury"),
    file!("door/cancel"),
    file!("door/check_alert"),
    file!("door/check_audit"),
    file!("door/check_claim"),
    file!("door/check_job"),
    file!("door/check_place"),
    file!("door/check_queue"),
    file!("door/check_unique"),
    file!("door/checkpoint"),
    file!("door/complete"),
    file!("door/contract"),
    file!("door/create_token"),
    file!("door/dead_letters"),
    file!("door/discard"),
    file!("door/drain"),
    file!("door/drop_partitions"),
    file!("door/edit"),
    file!("door/ended"),
    file!("door/enqueue"),
    file!("door/enqueue_many"),
    file!("door/enqueue_rows"),
    file!("door/find"),
    file!("door/jobs"),
    file!("door/know_session"),
    file!("door/know_token"),
    file!("door/make_partitions"),
    file!("door/mute"),
    file!("door/own"),
    file!("door/pause"),
    file!("door/progress"),
    file!("door/promote"),
    file!("door/queues"),
    file!("door/replay"),
    file!("door/restore"),
    file!("door/resume"),
    file!("door/resume_replay"),
    file!("door/reveal"),
    file!("door/revive"),
    file!("door/revoke_token"),
    file!("door/run"),
    file!("door/show"),
    file!("door/sign_in"),
    file!("door/sign_out"),
    file!("door/stop_replay"),
    file!("door/tail"),
    file!("door/test_channel"),
    file!("door/tick"),
    file!("door/why"),
    file!("door/workers"),
    file!("inner/absent"),
    file!("inner/accept"),
    file!("inner/ceiling"),
    file!("inner/check_args"),
    file!("inner/check_ids"),
    file!("inner/check_jobs"),
    file!("inner/check_keys"),
    file!("inner/clock"),
    file!("inner/contend"),
    file!("inner/doer"),
    file!("inner/fire"),
    file!("inner/hash"),
    file!("inner/holds"),
    file!("inner/instant"),
    file!("inner/inter"),
    file!("inner/job_document"),
    file!("inner/key_by"),
    file!("inner/known"),
    file!("inner/known_schedule"),
    file!("inner/leave"),
    file!("inner/lift"),
    file!("inner/mark_group"),
    file!("inner/nearest"),
    file!("inner/note_tick"),
    file!("inner/overlay"),
    file!("inner/place"),
    file!("inner/prepare"),
    file!("inner/put"),
    file!("inner/raise_dead"),
    file!("inner/read_backoff"),
    file!("inner/read_by"),
    file!("inner/read_contract"),
    file!("inner/read_contracts"),
    file!("inner/read_duration"),
    file!("inner/read_end"),
    file!("inner/read_flag"),
    file!("inner/read_instant"),
    file!("inner/read_meta"),
    file!("inner/read_name"),
    file!("inner/read_on"),
    file!("inner/read_on_oom"),
    file!("inner/read_priority"),
    file!("inner/read_rate"),
    file!("inner/read_reason"),
    file!("inner/read_scope"),
    file!("inner/read_share"),
    file!("inner/read_size"),
    file!("inner/read_tags"),
    file!("inner/read_text"),
    file!("inner/read_trace"),
    file!("inner/read_unique"),
    file!("inner/read_whole"),
    file!("inner/record"),
    file!("inner/redact"),
    file!("inner/refuse"),
    file!("inner/replace"),
    file!("inner/shape"),
    file!("inner/skip"),
    file!("inner/stand"),
    file!("inner/standing"),
    file!("inner/step_into"),
    file!("inner/stop_job"),
    file!("inner/take_keys"),
    file!("inner/tally"),
    file!("inner/wake"),
    file!("inner/why_facts"),
    file!("inner/why_line"),
    file!("inner/why_paused"),
    file!("inner/why_waits"),
];
