//! The model test: random operations on the real SQL and on a small reference, which must agree on every answer and,
//! after every step, on the whole state.
//!
//! `BACKSTAY_MODEL_CASES=20000` makes a campaign of it.

mod model;
mod op;
mod real;

use backstay_postgres::template::TestDatabase;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Runtime;

use crate::database::{connect, fresh};
use model::Model;
use op::{Op, op};
use real::Real;

/// Puts a clock that can be moved in the place of the database's own.
pub(crate) const CLOCK: &str = include_str!("../../sql/testing/clock.sql");
/// Then it stands still, so that what happens at one time happens at exactly one time.
pub(crate) const FREEZE: &str = "\
    create or replace function backstay.clock() returns timestamptz language sql stable as \
    $$select timestamptz '2026-12-01 00:00Z' + (select ahead from backstay.test_clock)$$;
    insert into backstay.queue values ('default', '{}', '', now())";
/// Times as seconds, hashes as what they were made of: for one session, to read the state with.
pub(crate) const NAMES: &str = "\
    create function pg_temp.at(moment timestamptz) returns bigint language sql immutable as \
    $$select extract(epoch from moment - timestamptz '2026-12-01 00:00Z')::bigint$$;
    create temp table name_of as
    select backstay.hash('unique', kind, '[' || v || ']') as hash, kind || ' ' || v as name
      from unnest(array['a', 'b', 'c']) kind, generate_series(0, 1) v
    union all select backstay.hash('once', '', o::text), 'once ' || o from generate_series(0, 1) o
    union all select backstay.hash('once', '', o || e'\\x1f' || n), 'once ' || o || '.' || n
      from generate_series(0, 1) o, generate_series(1, 3) n;
    create function pg_temp.name(h bytea) returns text language sql stable as \
    $$select name from pg_temp.name_of n where n.hash = h$$";
/// Everything that operations change, as lines.
pub(crate) const STATE: &str = include_str!("machine/state.sql");

const CASES: u32 = 40;
/// Few mistakes need more, and most need what came before.
const STEPS: std::ops::RangeInclusive<usize> = 20..=60;

/// How often each operation was done, and came to what.
type Tally = std::collections::BTreeMap<String, usize>;

/// A database in which time passes only when an operation says so, and its one connection.
struct Stage {
    runtime: Runtime,
    real: Real,
    tally: Tally,
    // The last field: the database goes when everybody has left it.
    _place: TestDatabase,
}

fn stage() -> Option<Stage> {
    let place = fresh()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let real = runtime.block_on(async {
        let client = connect(&place.url).await;
        client.batch_execute(CLOCK).await.unwrap();
        Real::new(client).await
    });
    Some(Stage { runtime, real, tally: Tally::new(), _place: place })
}

impl Stage {
    fn play(&mut self, ops: &[Op]) -> Result<(), TestCaseError> {
        self.runtime.block_on(async {
            self.real.begin().await;
            let answer = play(&mut self.real, ops, &mut self.tally).await;
            self.real.roll_back().await;
            answer
        })
    }
}

async fn play(real: &mut Real, ops: &[Op], tally: &mut Tally) -> Result<(), TestCaseError> {
    let mut model = Model::default();
    for (step, op) in ops.iter().enumerate() {
        let before = model.clone();
        let expected = model.apply(op);
        let answer = real.apply(&before, op).await;
        prop_assert_eq!(&answer, &expected, "the answer of step {}: {:?}", step, op);
        *tally.entry(format!("{} {}", op.name(), answer.came_to())).or_default() += 1;
        let (expected, found) = (model.lines(&real.ids), real.lines().await);
        if expected != found {
            let only = |these: &[String], those: &[String]| -> Vec<String> {
                these.iter().filter(|line| !those.contains(line)).cloned().collect()
            };
            let (missing, strange) = (only(&expected, &found), only(&found, &expected));
            prop_assert!(
                false,
                "after step {step}, {op:?}: missing {missing:#?}, found {strange:#?}"
            );
        }
    }
    let broken = real.broken().await;
    prop_assert!(broken.is_empty(), "at the end: {broken:#?}");
    Ok(())
}

#[test]
fn whatever_is_done_to_jobs_the_database_does_as_the_model_says() {
    let Some(mut stage) = stage() else { return };
    let cases = std::env::var("BACKSTAY_MODEL_CASES").ok().and_then(|text| text.parse().ok());
    let config = Config {
        cases: cases.unwrap_or(CASES),
        failure_persistence: None,
        max_shrink_iters: 2000,
        ..Config::default()
    };
    let stage = std::cell::RefCell::new(&mut stage);
    let mut runner = TestRunner::new(config);
    let played =
        runner.run(&prop::collection::vec(op(), STEPS), |ops| stage.borrow_mut().play(&ops));
    if let Err(error) = played {
        panic!("{error}");
    }
    for (what, times) in &stage.borrow().tally {
        println!("{times:6} {what}");
    }
}
