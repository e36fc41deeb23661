//! People beside a run: they cancel, bury, revive, discard, restore, promote and edit jobs, whatever happens to the workers.

use backstay::operate::{self, Cancelled, Done, Revive};
use backstay_faults::history::{Op, Phase, Recorder, Role};

use crate::process::chance;
use crate::run::Run;

const WHY: &str = "a run with people";

/// What somebody does to one job.
#[derive(Debug, Clone, Copy)]
enum Verb {
    Cancel,
    Bury,
    Revive,
    Discard,
    Restore,
    Promote,
    Edit,
}

/// One after the other, each to a job that stands so. More are discarded than restored, so that some stay so.
const TURNS: &[(Verb, &str)] = &[
    (Verb::Cancel, "place = 'running'"),
    (Verb::Edit, "place in ('ready', 'scheduled')"),
    (Verb::Bury, "place in ('ready', 'scheduled')"),
    (Verb::Promote, "place = 'scheduled'"),
    (Verb::Bury, "place in ('ready', 'scheduled')"),
    (Verb::Revive, LETTER),
    (Verb::Cancel, "place in ('ready', 'scheduled', 'parked')"),
    (Verb::Discard, LETTER),
    (Verb::Edit, "place in ('ready', 'scheduled')"),
    (Verb::Bury, "place in ('ready', 'scheduled')"),
    (Verb::Cancel, "place = 'running'"),
    (Verb::Discard, LETTER),
    (
        Verb::Restore,
        "job_id in (select id from backstay.dead_letter where discarded_at is not null)",
    ),
];

const LETTER: &str = "job_id in (select id from backstay.dead_letter where discarded_at is null)";

/// What is changed about a job that waits; none of it keeps the job from its end.
const CHANGES: &[&str] = &[
    r#"{"priority": "urgent"}"#,
    r#"{"priority": "low", "tags": ["touched"]}"#,
    r#"{"run_in": "500ms"}"#,
    r#"{"max_retries": 30, "meta": {"touched": true}}"#,
];

/// Somebody who may do everything, and writes it down.
pub(crate) struct Operator {
    recorder: Recorder,
    turn: usize,
}

impl Operator {
    /// Takes part in a run.
    pub(crate) fn begin(run: &Run) -> Operator {
        Operator { recorder: run.recorder(Role::Operator), turn: 0 }
    }

    /// Does the next thing, to a job that chance picks; nothing where no job stands so.
    pub(crate) fn act(&mut self, run: &Run) {
        let (verb, stands) = TURNS[self.turn % TURNS.len()];
        self.turn += 1;
        let place = &run.place;
        let one = format!(
            "select job_id::text from backstay.check_job where {stands} order by random() limit 1"
        );
        let Some(id) = place.texts(&one).first().map(|id| id.parse().unwrap()) else { return };
        self.note(Phase::Invoke, verb, id);
        let (database, ids) = (place.database(), [id]);
        let phase = place.wait(async {
            match verb {
                Verb::Cancel => is_cancelled(operate::cancel(database, &ids, None, WHY).await),
                Verb::Bury => is_done(operate::bury(database, &ids, WHY).await),
                Verb::Revive => {
                    is_done(operate::revive(database, &ids, &Revive::default(), WHY).await)
                }
                Verb::Discard => is_done(operate::discard(database, &ids, WHY).await),
                Verb::Restore => is_done(operate::restore(database, &ids, WHY).await),
                Verb::Promote => is_done(operate::promote(database, &ids, WHY).await),
                Verb::Edit => {
                    let changes = CHANGES[usize::try_from(chance(CHANGES.len() as u64)).unwrap()];
                    is_done(operate::edit(database, &ids, changes, WHY).await)
                }
            }
        });
        self.note(phase, verb, id);
    }

    fn note(&self, phase: Phase, verb: Verb, id: i64) {
        let op = match verb {
            Verb::Cancel => Op::Cancel { id },
            Verb::Bury => Op::Bury { id },
            Verb::Revive => Op::Revive { id },
            Verb::Discard => Op::Discard { id },
            Verb::Restore => Op::Restore { id },
            Verb::Promote => Op::Promote { id },
            Verb::Edit => Op::Edit { id },
        };
        self.recorder.note(phase, op).unwrap();
    }
}

/// Where the job has ended or moved on meanwhile, nothing was done. What was answered by nobody is not known.
fn is_done(answer: Result<Done, impl Sized>) -> Phase {
    match answer {
        Ok(done) if done.count == 1 => Phase::Ok,
        Ok(_) => Phase::Fail,
        Err(_) => Phase::Info,
    }
}

fn is_cancelled(answer: Result<Vec<(i64, Cancelled)>, impl Sized>) -> Phase {
    match answer.as_deref() {
        Ok([(_, Cancelled::Cancelled | Cancelled::Cancelling)]) => Phase::Ok,
        Ok(_) => Phase::Fail,
        Err(_) => Phase::Info,
    }
}
