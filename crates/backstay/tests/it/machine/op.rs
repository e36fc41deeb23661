//! What can be done to jobs: every operation is defined in every state, so that any list of them is a test.

use proptest::prelude::*;

/// What a call to enqueue asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Wish {
    pub(crate) kind: &'static str,
    pub(crate) args: Vec<u8>,
    pub(crate) priority: i16,
    pub(crate) max_retries: i16,
    /// Seconds from now.
    pub(crate) run_in: Option<i64>,
    pub(crate) expires_in: Option<i64>,
    pub(crate) unique: Option<Unique>,
    /// The idempotency key; each job of a call for many gets it with its own number.
    pub(crate) once: Option<u8>,
    /// The caller changes its mind.
    pub(crate) rolled_back: bool,
}

/// A key made of the args.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Unique {
    pub(crate) until: Until,
    pub(crate) conflict: Conflict,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Finished,
    Started,
    Period(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Conflict {
    Keep,
    Reject,
    Replace,
}

/// A job, by a number that every state reads in its own way: mostly as one that the operation is made for.
pub(crate) type Pick = usize;

/// How a fence is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fence {
    Right,
    OldAttempt,
    OtherWorker,
}

/// What a worker writes down about an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verb {
    Complete,
    CompleteLean,
    /// The door, in the handler's own transaction.
    CompleteInside,
    Retry(&'static str, i64),
    RetryLarger(i64),
    Snooze(i64),
    Release(&'static str),
    ReleaseLater(&'static str, i64),
    Cancel,
    Bury(&'static str, &'static str),
}

impl Verb {
    /// Whether there is to be another attempt.
    pub(crate) fn goes_on(self) -> bool {
        matches!(
            self,
            Verb::Retry(..)
                | Verb::RetryLarger(_)
                | Verb::Snooze(_)
                | Verb::Release(_)
                | Verb::ReleaseLater(..)
        )
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    Enqueue(Wish),
    Claim {
        worker: u8,
        n: i32,
        kinds: Option<Vec<&'static str>>,
    },
    Beat {
        worker: u8,
        kinds: Vec<&'static str>,
    },
    Checkpoint(Pick, Fence),
    Settle {
        verb: Verb,
        first: Pick,
        most: usize,
        fence: Fence,
    },
    /// Evidence of death, or a goodbye that left jobs behind.
    Rescue {
        worker: u8,
        goodbye: bool,
    },
    PromoteDue,
    /// The three steps of the duty that parks and brings back.
    Sort,
    Expire,
    ForgetKeys,
    Prune,
    Cancel(Pick),
    Promote(Pick),
    Edit {
        job: Pick,
        priority: Option<i16>,
        run_in: Option<i64>,
    },
    Bury(Pick),
    Revive {
        job: Pick,
        without_unique: bool,
    },
    Discard(Pick),
    Restore(Pick),
    Pause {
        scope: &'static str,
        name: &'static str,
        for_in: Option<i64>,
    },
    Resume {
        scope: &'static str,
        name: &'static str,
    },
    Pass(i64),
}

impl Op {
    /// Its first word.
    pub(crate) fn name(&self) -> String {
        let shown = match self {
            Op::Settle { verb, .. } => format!("{verb:?}"),
            other => format!("{other:?}"),
        };
        shown.split(['(', ' ']).next().unwrap_or_default().to_owned()
    }
}

/// Seconds that meet each other exactly, a second apart, and far apart.
fn span() -> impl Strategy<Value = i64> {
    prop::sample::select(vec![1, 30, 60, 61, 120, 3600])
}

fn kind() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec!["a", "a", "a", "b", "b", "c"])
}

fn kinds() -> impl Strategy<Value = Vec<&'static str>> {
    prop::sample::select(vec![vec!["a", "b"], vec!["a", "b", "c"], vec!["c"]])
}

fn priority() -> impl Strategy<Value = i16> {
    prop::sample::select(vec![2_i16, 5, 9])
}

fn worker() -> impl Strategy<Value = u8> {
    1..3_u8
}

fn pick() -> impl Strategy<Value = Pick> {
    0..64_usize
}

fn fence() -> impl Strategy<Value = Fence> {
    prop_oneof![
        6 => Just(Fence::Right),
        1 => Just(Fence::OldAttempt),
        1 => Just(Fence::OtherWorker),
    ]
}

fn unique() -> impl Strategy<Value = Unique> {
    let until = prop_oneof![
        3 => Just(Until::Finished),
        2 => Just(Until::Started),
        2 => span().prop_map(Until::Period),
    ];
    let conflict = prop::sample::select(vec![Conflict::Keep, Conflict::Reject, Conflict::Replace]);
    (until, conflict).prop_map(|(until, conflict)| Unique { until, conflict })
}

fn wish() -> impl Strategy<Value = Wish> {
    let when = (prop::option::weighted(0.3, span()), prop::option::weighted(0.2, span()));
    let keys = (prop::option::weighted(0.6, unique()), prop::option::weighted(0.1, 0..2_u8));
    let args = prop::collection::vec(0..2_u8, 1..4);
    (kind(), args, priority(), 0..3_i16, when, keys, prop::bool::weighted(0.1)).prop_map(
        |(kind, args, priority, max_retries, (run_in, expires_in), (unique, once), rolled_back)| {
            Wish {
                kind,
                args,
                priority,
                max_retries,
                run_in,
                expires_in,
                unique,
                once,
                rolled_back,
            }
        },
    )
}

fn verb() -> impl Strategy<Value = Verb> {
    let bill = prop::sample::select(vec!["retry", "crash", "lost"]);
    let free = || prop::sample::select(vec!["interrupt", "lost", "nothing"]);
    let buried = prop::sample::select(vec![
        ("failed", "nothing"),
        ("crashed", "crash"),
        ("crashed_worker", "lost"),
        ("rejected", "nothing"),
    ]);
    prop_oneof![
        3 => Just(Verb::Complete),
        1 => Just(Verb::CompleteLean),
        1 => Just(Verb::CompleteInside),
        3 => (bill, span()).prop_map(|(bill, delay)| Verb::Retry(bill, delay)),
        1 => span().prop_map(Verb::RetryLarger),
        2 => span().prop_map(Verb::Snooze),
        2 => free().prop_map(Verb::Release),
        1 => (free(), span()).prop_map(|(bill, delay)| Verb::ReleaseLater(bill, delay)),
        1 => Just(Verb::Cancel),
        4 => buried.prop_map(|(reason, bill)| Verb::Bury(reason, bill)),
    ]
}

/// Any operation, the common ones more often.
pub(crate) fn op() -> impl Strategy<Value = Op> {
    let scope = || prop::sample::select(vec![("kind", "a"), ("kind", "b"), ("queue", "default")]);
    let worker_side = prop_oneof![
        6 => (worker(), 1..4_i32, prop::option::weighted(0.7, kinds()))
            .prop_map(|(worker, n, kinds)| Op::Claim { worker, n, kinds }),
        6 => (verb(), pick(), 1..4_usize, fence())
            .prop_map(|(verb, first, most, fence)| Op::Settle { verb, first, most, fence }),
        1 => (worker(), kinds()).prop_map(|(worker, kinds)| Op::Beat { worker, kinds }),
        1 => (pick(), fence()).prop_map(|(job, fence)| Op::Checkpoint(job, fence)),
        2 => (worker(), any::<bool>()).prop_map(|(worker, goodbye)| Op::Rescue { worker, goodbye }),
    ];
    let duties = prop_oneof![
        3 => Just(Op::PromoteDue),
        3 => Just(Op::Sort),
        1 => Just(Op::Expire),
        1 => Just(Op::ForgetKeys),
        1 => Just(Op::Prune),
    ];
    let operators = prop_oneof![
        2 => pick().prop_map(Op::Cancel),
        1 => pick().prop_map(Op::Promote),
        1 => (pick(), prop::option::of(priority()), prop::option::of(span()))
            .prop_map(|(job, priority, run_in)| Op::Edit { job, priority, run_in }),
        1 => pick().prop_map(Op::Bury),
        3 => (pick(), any::<bool>())
            .prop_map(|(job, without_unique)| Op::Revive { job, without_unique }),
        1 => pick().prop_map(Op::Discard),
        1 => pick().prop_map(Op::Restore),
        2 => (scope(), prop::option::of(span()))
            .prop_map(|((scope, name), for_in)| Op::Pause { scope, name, for_in }),
        2 => scope().prop_map(|(scope, name)| Op::Resume { scope, name }),
    ];
    let time = prop_oneof![8 => span(), 1 => Just(86_400), 1 => Just(8 * 86_400)];
    prop_oneof![
        6 => wish().prop_map(Op::Enqueue),
        8 => worker_side,
        4 => duties,
        5 => operators,
        4 => time.prop_map(Op::Pass),
    ]
}
