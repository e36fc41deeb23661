//! Two sessions, woven into each other: every pair of verbs that touch the same job, at every position of their
//! statements. What comes out must be what one of the two orders comes to, one verb after the other. The same with
//! three sessions takes half an hour on two busy cores: the suite takes a few of them, and `BACKSTAY_WEAVE_THREE=1` takes all.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use backstay_postgres::template::TestDatabase;
use tokio::task::{JoinHandle, JoinSet};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, SimpleQueryMessage, Statement};

use crate::database::{connect, fresh};
use crate::machine::{CLOCK, FREEZE, NAMES, STATE};

const WORKER: &str = "00000000-0000-0000-0000-000000000001";
const DETAIL: &str =
    r#"{"outcome": "failed", "message": "m", "late": false, "survivor": false, "suspect": false}"#;
/// A circle is found at once; and plans as those of a worker are.
const STEADY_PLANS: &str = "set deadlock_timeout = '5 ms'; set enable_seqscan = off; set enable_sort = off; \
    set enable_hashjoin = off; set enable_mergejoin = off; set jit = off; set plan_cache_mode = force_generic_plan";
/// A verb that always loses is no verb; this is far above what any of them needs.
const TRIES: usize = 8;

/// Most of the time is spent waiting for answers, so several weave at once, each in a database of its own.
const LOOMS: usize = 3;
/// Of every so many threes of verbs the suite takes one.
const ONE_THREE_OF: usize = 397;

/// The statements that workers and duties send, under the name of their files.
const FILES: [(&str, &str); 19] = [
    ("gate", include_str!("../../sql/attempt/gate.sql")),
    ("claim", include_str!("../../sql/attempt/claim.sql")),
    ("complete_and_enqueue", include_str!("../../sql/attempt/complete_and_enqueue.sql")),
    ("complete_lean", include_str!("../../sql/attempt/complete_lean.sql")),
    ("complete", include_str!("../../sql/attempt/complete.sql")),
    ("retry", include_str!("../../sql/attempt/retry.sql")),
    ("retry_larger", include_str!("../../sql/attempt/retry_larger.sql")),
    ("snooze", include_str!("../../sql/attempt/snooze.sql")),
    ("release", include_str!("../../sql/attempt/release.sql")),
    ("release_later", include_str!("../../sql/attempt/release_later.sql")),
    ("cancel", include_str!("../../sql/attempt/cancel.sql")),
    ("bury", include_str!("../../sql/attempt/bury.sql")),
    ("doomed", include_str!("../../sql/duty/doomed.sql")),
    ("promote", include_str!("../../sql/duty/promote.sql")),
    ("park_paused", include_str!("../../sql/duty/park_paused.sql")),
    ("admit_kinds", include_str!("../../sql/duty/admit_kinds.sql")),
    ("expired", include_str!("../../sql/duty/expired.sql")),
    ("expired_keys", include_str!("../../sql/duty/expired_keys.sql")),
    ("prune_dead", include_str!("../../sql/duty/prune_dead.sql")),
];

/// What is done in one transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Verb {
    name: &'static str,
    steps: &'static [&'static str],
    /// It passes over what another session has locked, and comes again: it may also have done nothing.
    passes_over: bool,
}

const fn waits(name: &'static str, steps: &'static [&'static str]) -> Verb {
    Verb { name, steps, passes_over: false }
}

const fn passes_over(name: &'static str, steps: &'static [&'static str]) -> Verb {
    Verb { name, steps, passes_over: true }
}

/// `{1}`: the job; `W`: its worker; `D`: what is known of its attempt.
const CLAIM: Verb = passes_over(
    "claim",
    &[
        "execute gate('default'); execute claim('default', '{2,5}', '{0,0}', 1, 'W', '{a}', 1000000, 0, 60000, 900000, 60000)",
    ],
);
/// The same, for those who might come between its two statements.
const CLAIM_SLOWLY: Verb = passes_over(
    "claim slowly",
    &[
        "execute gate('default')",
        "execute claim('default', '{2,5}', '{0,0}', 1, 'W', '{a}', 1000000, 0, 60000, 900000, 60000)",
    ],
);
const COMPLETE: Verb = waits(
    "complete",
    &["execute complete('{1}', '{1}', 'W', '{1}', '{1}', '{1}', '{null}', '1', '{1}', '{null}')"],
);
const COMPLETE_INSIDE: Verb = waits("complete inside", &["select backstay.complete(1, 1, 'W')"]);
const RETRY: Verb =
    waits("retry", &["execute retry('{1}', '{1}', 'W', '{60000}', '{retry}', array['D'])"]);
const SNOOZE: Verb = waits("snooze", &["execute snooze('{1}', '{1}', 'W', '{60000}', array['D'])"]);
const RELEASE: Verb =
    waits("release", &["execute release('{1}', '{1}', 'W', '{interrupt}', array['D'])"]);
const COMPLETE_AND_ENQUEUE: Verb = waits(
    "complete and enqueue",
    &[
        r#"execute complete_and_enqueue(1, 1, 'W', 1, 1, 1, null, '1', '[{"kind": "b", "args": {"v": 1}}]', 1, null)"#,
    ],
);
const COMPLETE_LEAN: Verb = waits("complete lean", &["execute complete_lean('{1}', '{1}', 'W')"]);
const RETRY_LARGER: Verb = waits(
    "retry with more",
    &[
        "execute retry_larger('{1}', '{1}', 'W', '{60000}', '{retry}', array['D'], '{1048576}', '{null}', '{null}')",
    ],
);
const RELEASE_LATER: Verb = waits(
    "release later",
    &["execute release_later('{1}', '{1}', 'W', '{60000}', '{nothing}', array['D'], '{released}')"],
);
const SETTLE_CANCEL: Verb =
    waits("settle cancel", &["execute cancel('{1}', '{1}', 'W', '{handler}', array['D'])"]);
const SETTLE_BURY: Verb = waits(
    "settle bury",
    &["execute bury('{1}', '{1}', 'W', '{failed}', '{nothing}', '{abcdef01}', '{m}', array['D'])"],
);
const CHECKPOINT: Verb = waits("checkpoint", &["select backstay.checkpoint(1, 1, 'W', '1')"]);
const RESCUE: Verb = passes_over(
    "rescue",
    &[
        "execute doomed('W', 500, false, backstay.clock())",
        "if found: execute release('{1}', '{1}', 'W', '{lost}', array['D'])",
    ],
);
const CANCEL: Verb = waits("cancel", &[r#"select backstay.cancel(1, '{"reason": "operator"}')"#]);
const PAUSE_AND_CANCEL: Verb = waits(
    "pause and cancel",
    &[r#"select backstay.pause('queue', 'default', '{"cancel_running": true}')"#],
);
const PAUSE_QUEUE: Verb = waits("pause queue", &["select backstay.pause('queue', 'default')"]);
const PAUSE_KIND: Verb = waits("pause kind", &["select backstay.pause('kind', 'a')"]);
const RESUME_KIND: Verb = waits("resume kind", &["select backstay.resume('kind', 'a')"]);
const EDIT: Verb = waits("edit", &[r#"select backstay.edit(1, '{"priority": 2}')"#]);
const PUT_OFF: Verb = waits("put off", &[r#"select backstay.edit(1, '{"run_in": "1h"}')"#]);
const PROMOTE: Verb = waits("promote", &["select backstay.promote(1)"]);
const BURY: Verb = waits("bury", &["select backstay.bury(1)"]);
const REVIVE: Verb = waits("revive", &["select backstay.revive('{1}')"]);
const DISCARD: Verb =
    waits("discard", &[r#"select backstay.discard('{1}', '{"reason": "done with"}')"#]);
const RESTORE: Verb = waits("restore", &["select backstay.restore('{1}')"]);
const PRUNE: Verb = passes_over("prune", &["execute prune_dead(1000, null)"]);
const KEEP: Verb = waits(
    "enqueue, keep",
    &[r#"select * from backstay.enqueue('a', '{"v": 0}', '{"unique": {"by": ["v"]}}')"#],
);
const REPLACE: Verb = waits(
    "enqueue, replace",
    &[
        r#"select * from backstay.enqueue('a', '{"v": 0}', '{"priority": 2, "unique": {"by": ["v"], "on_conflict": "replace"}}')"#,
    ],
);
const STARTED: Verb = waits(
    "enqueue until started",
    &[
        r#"select * from backstay.enqueue('a', '{"v": 1}', '{"unique": {"by": ["v"], "until": "started"}}')"#,
    ],
);
const PROMOTE_DUE: Verb = passes_over("promote what is due", &["execute promote(1000, null)"]);
const PARK: Verb = passes_over("park", &["execute park_paused(1000)"]);
const ADMIT: Verb = passes_over("admit", &["execute admit_kinds(1000)"]);
const EXPIRE: Verb = passes_over("expire", &["execute expired(1000)"]);
const FORGET_KEYS: Verb = passes_over("forget keys", &["execute expired_keys(1000)"]);

/// How the job comes to stand where it stands, and the verbs that touch it there.
struct Scene {
    name: &'static str,
    before: &'static [&'static str],
    verbs: &'static [Verb],
    /// What each of them meets; empty: each other, and themselves.
    against: &'static [Verb],
}

impl Scene {
    /// Every so many verbs that meet here.
    fn groups(&'static self, many: usize) -> impl Iterator<Item = Group> {
        let groups = if self.against.is_empty() {
            chosen(self.verbs, many)
        } else {
            let with =
                |group: Vec<Verb>| self.against.iter().map(move |b| [&group[..], &[*b]].concat());
            chosen(self.verbs, many - 1).into_iter().flat_map(with).collect()
        };
        groups.into_iter().map(move |verbs| Group { scene: self, verbs })
    }
}

/// Every choice of so many, in which one may stand several times.
fn chosen(verbs: &[Verb], many: usize) -> Vec<Vec<Verb>> {
    if many == 0 {
        return vec![Vec::new()];
    }
    let from = |at: usize| {
        let rest = chosen(&verbs[at..], many - 1).into_iter();
        rest.map(move |rest| [&verbs[at..=at], &rest].concat())
    };
    (0..verbs.len()).flat_map(from).collect()
}

/// Verbs that begin at the same time.
struct Group {
    scene: &'static Scene,
    verbs: Vec<Verb>,
}

impl Group {
    /// All of them, or without some of those that may have passed over everything.
    fn attendances(&self) -> Vec<Vec<Option<Verb>>> {
        let mut all = vec![Vec::new()];
        for verb in &self.verbs {
            let without: Vec<Vec<Option<Verb>>> =
                if verb.passes_over { all.clone() } else { Vec::new() };
            all.iter_mut().for_each(|line| line.push(Some(*verb)));
            all.extend(without.into_iter().map(|line| [line, vec![None]].concat()));
        }
        // Somebody must have had what the others passed over.
        all.retain(|line| line.iter().any(Option::is_some));
        all
    }

    /// Every order of the steps of all in which they do not just follow one another.
    fn orders(&self) -> Vec<Vec<usize>> {
        let mut all = Vec::new();
        let left: Vec<usize> = self.verbs.iter().map(|verb| verb.steps.len() + 1).collect();
        interleave(&left, &mut Vec::new(), &mut all);
        let switches = |order: &[usize]| order.windows(2).filter(|pair| pair[0] != pair[1]).count();
        all.retain(|order| switches(order) >= self.verbs.len() && self.is_first_of_its_like(order));
        all
    }

    /// Of two equal verbs the first begins first: the other way round is the same again.
    fn is_first_of_its_like(&self, order: &[usize]) -> bool {
        let begins = |who| order.iter().position(|step| *step == who);
        let pairs = (1..self.verbs.len()).flat_map(|b| (0..b).map(move |a| (a, b)));
        pairs.filter(|(a, b)| self.verbs[*a] == self.verbs[*b]).all(|(a, b)| begins(a) < begins(b))
    }

    fn name(&self) -> String {
        let names: Vec<&str> = self.verbs.iter().map(|verb| verb.name).collect();
        format!("{}: {}", self.scene.name, names.join(" and "))
    }
}

fn interleave(left: &[usize], so_far: &mut Vec<usize>, all: &mut Vec<Vec<usize>>) {
    if left.iter().all(|steps| *steps == 0) {
        all.push(so_far.clone());
    }
    for who in (0..left.len()).filter(|who| left[*who] > 0) {
        let mut rest = left.to_vec();
        rest[who] -= 1;
        so_far.push(who);
        interleave(&rest, so_far, all);
        so_far.pop();
    }
}

/// Every order of these.
fn permutations(these: &[usize]) -> Vec<Vec<usize>> {
    let mut all = Vec::new();
    let mut left = vec![0; these.iter().max().map_or(0, |most| most + 1)];
    these.iter().for_each(|this| left[*this] = 1);
    interleave(&left, &mut Vec::new(), &mut all);
    all
}

const ENQUEUE: &str =
    r#"select * from backstay.enqueue('a', '{"v": 0}', '{"unique": {"by": ["v"]}}')"#;
static SCENES: [Scene; 11] = [
    Scene {
        name: "ready",
        before: &[ENQUEUE],
        verbs: &[CLAIM, CANCEL, EDIT, PUT_OFF, BURY, KEEP, REPLACE],
        against: &[],
    },
    Scene {
        name: "ready, and its queue is paused",
        before: &[ENQUEUE],
        verbs: &[CLAIM_SLOWLY, PAUSE_QUEUE],
        against: &[],
    },
    Scene {
        name: "late",
        before: &[
            r#"select * from backstay.enqueue('a', '{"v": 0}', '{"expires_in": "1s", "unique": {"by": ["v"]}}')"#,
            "update backstay.test_clock set ahead = '2 s'",
        ],
        verbs: &[CLAIM, EXPIRE, CANCEL, EDIT],
        against: &[],
    },
    Scene {
        name: "ready though its kind is paused",
        before: &[ENQUEUE, "select backstay.pause('kind', 'a')"],
        verbs: &[CLAIM, PARK, ADMIT, CANCEL, EDIT, RESUME_KIND],
        against: &[],
    },
    Scene {
        name: "running",
        before: &[ENQUEUE, CLAIM.steps[0]],
        verbs: &[
            COMPLETE,
            COMPLETE_INSIDE,
            RETRY,
            RELEASE,
            SETTLE_BURY,
            CHECKPOINT,
            RESCUE,
            CANCEL,
            PAUSE_AND_CANCEL,
            KEEP,
            REPLACE,
        ],
        against: &[],
    },
    Scene {
        name: "running, and somebody cancels",
        before: &[ENQUEUE, CLAIM.steps[0]],
        verbs: &[
            COMPLETE_AND_ENQUEUE,
            COMPLETE_LEAN,
            RETRY_LARGER,
            SNOOZE,
            RELEASE_LATER,
            SETTLE_CANCEL,
        ],
        against: &[CANCEL],
    },
    Scene {
        name: "scheduled and due",
        before: &[
            r#"select * from backstay.enqueue('a', '{"v": 0}', '{"run_in": "1s", "unique": {"by": ["v"]}}')"#,
            "update backstay.test_clock set ahead = '2 s'",
        ],
        verbs: &[PROMOTE_DUE, PROMOTE, CANCEL, EDIT, PUT_OFF, BURY, KEEP, REPLACE, PAUSE_KIND],
        against: &[],
    },
    Scene {
        name: "parked",
        before: &[
            "select backstay.pause('kind', 'a')",
            ENQUEUE,
            "select backstay.resume('kind', 'a')",
        ],
        verbs: &[ADMIT, CANCEL, EDIT, BURY, REPLACE, PAUSE_KIND],
        against: &[],
    },
    Scene {
        name: "dead",
        before: &[ENQUEUE, CLAIM.steps[0], SETTLE_BURY.steps[0]],
        verbs: &[REVIVE, DISCARD, KEEP, REPLACE],
        against: &[],
    },
    Scene {
        name: "discarded more than a week ago",
        before: &[
            ENQUEUE,
            CLAIM.steps[0],
            SETTLE_BURY.steps[0],
            DISCARD.steps[0],
            "update backstay.test_clock set ahead = '8 days'",
        ],
        verbs: &[RESTORE, PRUNE, REVIVE],
        against: &[],
    },
    Scene {
        name: "waiting with a key until it starts",
        before: &[STARTED.steps[0]],
        verbs: &[CLAIM, STARTED, CANCEL, FORGET_KEYS],
        against: &[],
    },
];

/// Makes a function that takes away everything that operations leave, so that ids begin again at 1.
pub(crate) const CLEAR: &str = "\
    create function pg_temp.clear() returns void language plpgsql as $$ begin
    delete from backstay.job; delete from backstay.ready; delete from backstay.scheduled; delete from backstay.parked;
    delete from backstay.running; delete from backstay.dead_letter; delete from backstay.history;
    delete from backstay.history_body; delete from backstay.attempt; delete from backstay.alert;
    delete from backstay.checkpoint; delete from backstay.unique_key; delete from backstay.pause;
    delete from backstay.audit; update backstay.test_clock set ahead = '0';
    perform setval('backstay.entry_seq', 1, false);
    end $$";

fn filled(step: &str) -> String {
    step.replace("'W'", &format!("'{WORKER}'")).replace("'D'", &format!("'{DETAIL}'"))
}

/// One of those that meet, with the statements that it has still to send.
struct Session {
    client: Arc<Client>,
    pid: i32,
    verb: Verb,
    /// The next one; after the last comes the commit.
    next: usize,
    sent: Option<JoinHandle<Heard>>,
    answer: String,
    /// The last statement answered with a row.
    found: bool,
    tries: usize,
}

type Heard = Result<Vec<SimpleQueryMessage>, tokio_postgres::Error>;

#[derive(Debug, PartialEq)]
enum Now {
    Answered,
    Waits,
}

impl Session {
    async fn open(url: &str) -> Session {
        let client = connect(url).await;
        for (name, text) in FILES {
            client.batch_execute(&format!("prepare {name} as {text}")).await.unwrap();
        }
        client.batch_execute(STEADY_PLANS).await.unwrap();
        let pid = client.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0);
        let verb = CLAIM;
        Session {
            client: client.into(),
            pid,
            verb,
            next: 0,
            sent: None,
            answer: String::new(),
            found: false,
            tries: 0,
        }
    }

    fn take(&mut self, verb: Verb) {
        (self.verb, self.next, self.tries) = (verb, 0, 0);
        self.answer.clear();
    }

    fn is_done(&self) -> bool {
        self.next > self.verb.steps.len() && self.sent.is_none()
    }

    fn send(&mut self) {
        let step = self.verb.steps.get(self.next).map(|step| filled(step));
        let sql = match step.as_deref().map(|step| (step, step.strip_prefix("if found: "))) {
            Some((_, Some(step))) if self.found => step.to_owned(),
            Some((_, Some(_))) => "select 1 where false".to_owned(),
            Some((step, None)) if self.next == 0 => format!("begin; {step}"),
            Some((step, None)) => step.to_owned(),
            None => "commit".to_owned(),
        };
        let client = self.client.clone();
        self.sent = Some(tokio::spawn(async move { client.simple_query(&sql).await }));
    }

    /// Takes the answer of what was sent; a verb that lost in a circle begins again.
    async fn hear(&mut self, heard: Heard) {
        self.sent = None;
        match heard {
            Ok(messages) => {
                self.found =
                    messages.iter().any(|message| matches!(message, SimpleQueryMessage::Row(_)));
                self.answer.extend(messages.iter().map(said));
                self.next += 1;
            }
            Err(error) => {
                self.client.batch_execute("rollback").await.unwrap();
                let code = error.code().unwrap_or_else(|| panic!("{error:?}")).clone();
                let again = [SqlState::T_R_DEADLOCK_DETECTED, SqlState::T_R_SERIALIZATION_FAILURE];
                if again.contains(&code) {
                    self.tries += 1;
                    assert!(self.tries < TRIES, "{:?} never gets through", self.verb);
                    self.next = 0;
                    self.answer.clear();
                } else {
                    assert!(code.code().starts_with("BS"), "{:?}: {error:?}", self.verb);
                    self.answer = code.code().to_owned();
                    self.next = self.verb.steps.len() + 1;
                }
            }
        }
    }
}

/// A row as part of an outcome, to which no real time belongs.
fn said(message: &SimpleQueryMessage) -> String {
    let SimpleQueryMessage::Row(row) = message else { return String::new() };
    let columns = row.columns().iter().enumerate();
    let lasting =
        columns.filter(|(_, column)| !column.name().ends_with("_at") && column.name() != "lowered");
    let value = |at| match row.get(at).unwrap_or("-") {
        // Of a job that has left nothing, both are true.
        "not_found" => "too_late,".to_owned(),
        value => format!("{value},"),
    };
    lasting.map(|(at, _)| value(at)).collect()
}

/// Where they meet, and who looks on.
struct Loom {
    watcher: Client,
    state: Statement,
    waits: Statement,
    sessions: Vec<Session>,
    /// How often a verb had to begin again.
    retries: usize,
    /// Whose statements were answered, in this order.
    course: Vec<usize>,
    // The last field: the database goes when everybody has left it.
    _place: TestDatabase,
}

/// What the database holds, and what each verb answered.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Outcome {
    lines: Vec<String>,
    answers: Vec<Option<String>>,
}

impl Loom {
    async fn new(many: usize) -> Option<Loom> {
        let place = fresh()?;
        let watcher = connect(&place.url).await;
        watcher.batch_execute(CLOCK).await.unwrap();
        watcher.batch_execute(FREEZE).await.unwrap();
        watcher.batch_execute(NAMES).await.unwrap();
        watcher.batch_execute(CLEAR).await.unwrap();
        for (name, text) in FILES {
            watcher.batch_execute(&format!("prepare {name} as {text}")).await.unwrap();
        }
        let mut sessions = Vec::new();
        for _ in 0..many {
            sessions.push(Session::open(&place.url).await);
        }
        let state = watcher.prepare(STATE).await.unwrap();
        let waits = "select exists (select from pg_locks where pid = $1 and not granted)";
        let waits = watcher.prepare(waits).await.unwrap();
        Some(Loom {
            watcher,
            state,
            waits,
            sessions,
            retries: 0,
            course: Vec::new(),
            _place: place,
        })
    }

    async fn set(&self, scene: &Scene) {
        let steps: Vec<String> = scene.before.iter().map(|step| filled(step)).collect();
        let sql = format!("begin; select pg_temp.clear(); {}; commit", steps.join(";"));
        self.watcher.batch_execute(&sql).await.unwrap();
    }

    /// Sends what comes next, and tells whether it was answered or waits for a lock.
    async fn step(&mut self, who: usize) -> Now {
        if self.sessions[who].sent.is_none() {
            self.sessions[who].send();
        }
        self.settle(who).await
    }

    async fn settle(&mut self, who: usize) -> Now {
        let pid = self.sessions[who].pid;
        loop {
            let Some(sent) = &mut self.sessions[who].sent else { return Now::Answered };
            if let Ok(heard) = tokio::time::timeout(Duration::from_millis(1), sent).await {
                let tries = self.sessions[who].tries;
                self.sessions[who].hear(heard.unwrap()).await;
                self.retries += self.sessions[who].tries - tries;
                return Now::Answered;
            }
            if self.watcher.query_one(&self.waits, &[&pid]).await.unwrap().get(0) {
                return Now::Waits;
            }
        }
    }

    /// Runs them in this order, as far as locks let it; whoever must wait is passed over. In which order it was is noted.
    async fn weave(&mut self, scene: &Scene, verbs: &[Option<Verb>], order: &[usize]) -> Outcome {
        self.course.clear();
        self.set(scene).await;
        for (session, verb) in self.sessions.iter_mut().zip(verbs) {
            session.take(verb.unwrap_or(Verb { steps: &[], ..CLAIM }));
            if verb.is_none() {
                session.next = 1;
            }
        }
        for who in order {
            if !self.sessions[*who].is_done() && self.step(*who).await == Now::Answered {
                self.course.push(*who);
            }
        }
        while !self.sessions.iter().all(Session::is_done) {
            for who in 0..verbs.len() {
                if !self.sessions[who].is_done() && self.step(who).await == Now::Answered {
                    self.course.push(who);
                }
            }
        }
        let sessions = self.sessions.iter().zip(verbs);
        let answers =
            sessions.map(|(session, verb)| verb.map(|_| session.answer.clone())).collect();
        Outcome { lines: self.lines().await, answers }.renumbered()
    }

    /// The state.
    async fn lines(&self) -> Vec<String> {
        let row = self.watcher.query_one(&self.state, &[]).await.unwrap();
        row.get("lines")
    }

    /// What is lawful: one after the other, in any order; a verb that passes over what is locked may have done nothing.
    async fn lawful(&mut self, group: &Group) -> BTreeSet<Outcome> {
        let mut lawful = BTreeSet::new();
        for there in group.attendances() {
            let present: Vec<usize> =
                (0..there.len()).filter(|who| there[*who].is_some()).collect();
            for line in permutations(&present) {
                let steps = |who: usize| std::iter::repeat_n(who, group.verbs[who].steps.len() + 1);
                let order: Vec<usize> = line.into_iter().flat_map(steps).collect();
                lawful.insert(self.weave(group.scene, &there, &order).await);
            }
        }
        lawful
    }
}

impl Outcome {
    /// With jobs numbered in the order of their ids: an enqueue that found its job there has used up an id, too.
    fn renumbered(self) -> Outcome {
        let first = |line: &String| line.split(' ').next().and_then(|word| word.parse().ok());
        let ids: BTreeSet<i64> = self.lines.iter().filter_map(first).collect();
        let number = |word: &str| match word.parse() {
            Ok(id) if ids.contains(&id) => (1 + ids.range(..id).count()).to_string(),
            _ => word.to_owned(),
        };
        let line = |line: &String| {
            let words: Vec<&str> = line.split(' ').collect();
            let is_id = |at: usize| at == 0 || words[0] == "line" || words[at - 1] == "of";
            let word = |at: usize| if is_id(at) { number(words[at]) } else { words[at].to_owned() };
            (0..words.len()).map(word).collect::<Vec<_>>().join(" ")
        };
        // What enqueue answers: which job, and whether it is new.
        let answer = |answer: &Option<String>| {
            answer.as_ref().map(|said| match said.split_once(',') {
                Some((id, rest @ ("t," | "f,"))) => format!("{},{rest}", number(id)),
                _ => said.clone(),
            })
        };
        let answers = self.answers.iter().map(answer).collect();
        Outcome { lines: self.lines.iter().map(line).collect(), answers }
    }

    /// The same, but for the answers that a verb which passed over everything has not given.
    fn is_one_of(&self, lawful: &BTreeSet<Outcome>) -> bool {
        lawful.iter().any(|one| {
            let agree =
                |(found, said): (&Option<String>, &Option<String>)| said.is_none() || found == said;
            one.lines == self.lines && self.answers.iter().zip(&one.answers).all(agree)
        })
    }
}

/// What came of trying every order of some groups.
#[derive(Default)]
struct Woven {
    schedules: usize,
    retries: usize,
    /// Those that came to something that no order of whole verbs comes to.
    strange: Vec<String>,
}

async fn weave_some(mut loom: Loom, groups: Vec<Group>) -> Woven {
    let mut woven = Woven::default();
    for group in groups {
        let lawful = loom.lawful(&group).await;
        let verbs: Vec<Option<Verb>> = group.verbs.iter().copied().map(Some).collect();
        let mut courses: BTreeSet<Vec<usize>> = BTreeSet::new();
        for order in group.orders() {
            // Where a lock forced another order, that one needs no run of its own.
            if courses.contains(&order) {
                continue;
            }
            woven.schedules += 1;
            let outcome = loom.weave(group.scene, &verbs, &order).await;
            courses.insert(loom.course.clone());
            if !outcome.is_one_of(&lawful) {
                let name = group.name();
                woven.strange.push(format!("{name}, {order:?}: {outcome:#?}\nlawful: {lawful:#?}"));
            }
        }
    }
    woven.retries = loom.retries;
    woven
}

/// Weaves all of these, on several looms of so many sessions; what is to be said of it.
async fn weave_all(many: usize, groups: Vec<Group>) -> Option<String> {
    let mut shares: [Vec<Group>; LOOMS] = Default::default();
    for (at, group) in groups.into_iter().enumerate() {
        shares[at % LOOMS].push(group);
    }
    let mut looms = JoinSet::new();
    for share in shares {
        let loom = Loom::new(many).await?;
        looms.spawn(weave_some(loom, share));
    }
    let mut all = Woven::default();
    for woven in looms.join_all().await {
        all.schedules += woven.schedules;
        all.retries += woven.retries;
        all.strange.extend(woven.strange);
    }
    let (count, Woven { schedules, retries, strange }) = (all.strange.len(), all);
    assert!(strange.is_empty(), "{count} of {schedules}:\n{}", strange.join("\n"));
    Some(format!("{schedules} schedules, {retries} verbs had to begin again"))
}

#[tokio::test]
async fn two_verbs_at_once_come_to_what_one_after_the_other_comes_to() {
    let groups = SCENES.iter().flat_map(|scene| scene.groups(2)).collect();
    println!("{:?}", weave_all(2, groups).await);
}

#[tokio::test]
async fn three_verbs_at_once_come_to_what_some_order_of_them_comes_to() {
    let every = if std::env::var_os("BACKSTAY_WEAVE_THREE").is_some() { 1 } else { ONE_THREE_OF };
    let groups = SCENES.iter().flat_map(|scene| scene.groups(3)).step_by(every);
    println!("{:?}", weave_all(3, groups.collect()).await);
}
