use super::*;
use proptest::prelude::*;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

/// The tables as the duty keeps them, with one channel.
#[derive(Default)]
struct World {
    rows: Vec<Raised>,
    folded: usize,
    groups: BTreeMap<String, (Group, u64)>,
    messages: Vec<Message>,
    silent: u64,
}

#[derive(Debug, Clone, PartialEq)]
struct Message {
    rule: Rule,
    subject: String,
    due: Timestamp,
    count: u64,
    closed: bool,
    resolved: bool,
    acknowledged: bool,
}

impl World {
    fn raise(&mut self, now: i64, cause: Cause, subject: &str, kind: Option<&str>, resolved: bool) {
        self.rows.push(Raised {
            id: self.rows.len() as i64 + 1,
            raised_at: at(now),
            cause,
            subject: subject.into(),
            kind: kind.map(str::to_owned),
            queue: None,
            reason: Some("failed".into()),
            job: Some(4211),
            title: Some(format!("failed: {subject}")),
            resolved,
        });
    }

    fn die(&mut self, now: i64, fingerprint: &str, times: usize) {
        for _ in 0..times {
            self.raise(now, Cause::Death, fingerprint, Some("report"), false);
        }
    }

    fn seen(&self, now: i64, subject: &Subject) -> Incident {
        let recent = |row: &&Raised| {
            row.cause == Cause::Death && row.kind == subject.kind && row.raised_at > at(now - 300)
        };
        let mut prints: Vec<_> = self.rows.iter().filter(recent).map(|row| &row.subject).collect();
        let kind_deaths = prints.len() as u64;
        prints.sort();
        prints.dedup();
        let fits = |message: &&Message| {
            message.subject == subject.subject
                && match subject.cause {
                    Cause::Death => message.rule.is_about_deaths(),
                    Cause::Rule(rule) => message.rule == rule,
                }
        };
        Incident {
            group: self.groups.get(&subject.subject).map(|(group, _)| group.clone()),
            told: self.messages.iter().rfind(fits).map(|message| Told {
                rule: message.rule,
                due_at: message.due,
                closed: message.closed,
                resolved: message.resolved,
                acknowledged: message.acknowledged,
            }),
            kind_deaths,
            kind_fingerprints: prints.len() as u64,
        }
    }

    /// One round of the duty; gives what is delivered by `now`.
    fn round(&mut self, now: i64) -> Vec<Message> {
        let raised = self.rows[self.folded..].to_vec();
        self.folded = self.rows.len();
        let known = subjects(&raised)
            .into_iter()
            .map(|subject| (subject.clone(), self.seen(now, &subject)))
            .collect();
        let folding = fold(at(now), &raised, &known, &Pace::default());
        self.check_nothing_lost(&raised, &folding);
        self.silent += folding.silent.len() as u64;
        for deaths in &folding.deaths {
            self.count(now, deaths);
        }
        for news in folding.news {
            self.apply(now, news);
        }
        self.deliver(now)
    }

    fn check_nothing_lost(&self, raised: &[Raised], folding: &Folding) {
        let told = folding.news.iter().flat_map(|news| news.rows.iter());
        let mut ids: Vec<_> = told.chain(&folding.silent).copied().collect();
        ids.sort_unstable();
        assert_eq!(ids, raised.iter().map(|row| row.id).collect::<Vec<_>>());
        let died = raised.iter().filter(|row| row.cause == Cause::Death).count() as u64;
        assert_eq!(folding.deaths.iter().map(|deaths| deaths.count).sum::<u64>(), died);
    }

    fn count(&mut self, now: i64, deaths: &Deaths) {
        let (state, owner) = (GroupState::Open, None);
        let fresh = Group { state, last_at: at(now), muted_until: None, owner };
        let entry = self.groups.entry(deaths.fingerprint.clone()).or_insert((fresh.clone(), 0));
        entry.1 += deaths.count;
        entry.0.last_at = at(now);
        if !is_muted(&entry.0, at(now)) {
            entry.0 = fresh;
        }
    }

    fn apply(&mut self, now: i64, news: News) {
        let count = news.count();
        let soon = |due_in| later(at(now), due_in);
        let (of, due) = match news.how {
            How::Write { due_in } => {
                let (rule, subject, resolved) = (news.rule, news.subject, news.resolved);
                let due = soon(due_in);
                let closed = false;
                let message =
                    Message { rule, subject, due, count, closed, resolved, acknowledged: false };
                return self.messages.push(message);
            }
            How::Extend { of } => (of, None),
            How::Hasten { of, due_in } => (of, Some(soon(due_in))),
        };
        let waits = |message: &&mut Message| {
            message.rule == of && message.subject == news.subject && !message.closed
        };
        let message = self.messages.iter_mut().rfind(waits).expect("something to extend");
        message.count += count;
        if let Some(due) = due {
            assert!(due < message.due, "hastened to a later time");
            (message.due, message.rule, message.resolved) = (due, news.rule, news.resolved);
            message.acknowledged = false;
        }
    }

    fn deliver(&mut self, now: i64) -> Vec<Message> {
        let mut sent = Vec::new();
        for message in self.messages.iter_mut().filter(|m| !m.closed && m.due <= at(now)) {
            message.closed = true;
            sent.push(message.clone());
        }
        sent
    }

    fn set(&mut self, fingerprint: &str, state: GroupState, muted_until: Option<Timestamp>) {
        let group = &mut self.groups.get_mut(fingerprint).unwrap().0;
        (group.state, group.muted_until) = (state, muted_until);
    }
}

fn short(sent: &[Message]) -> Vec<(Rule, &str, u64)> {
    sent.iter().map(|message| (message.rule, message.subject.as_str(), message.count)).collect()
}

#[test]
fn four_hundred_equal_deaths_make_one_message() {
    let mut world = World::default();
    world.die(0, "a3f19c02", 400);
    assert_eq!(short(&world.round(0)), [(Rule::First, "a3f19c02", 400)]);
    assert_eq!(world.groups["a3f19c02"].1, 400);
}

#[test]
fn also_when_they_die_over_minutes_and_the_rest_is_counted_after_the_quiet_time() {
    let mut world = World::default();
    let mut sent = Vec::new();
    for second in 0..200 {
        world.die(second, "a3f19c02", 2);
        sent.extend(world.round(second));
    }
    assert_eq!(short(&sent), [(Rule::First, "a3f19c02", 2)]);
    assert_eq!(short(&world.round(3599)), []);
    assert_eq!(short(&world.round(3600)), [(Rule::First, "a3f19c02", 398)]);
    assert_eq!(short(&world.round(99_999)), []);
}

#[test]
fn a_death_after_the_quiet_time_is_told_at_once() {
    let mut world = World::default();
    world.die(0, "a", 1);
    world.round(0);
    world.die(4000, "a", 1);
    assert_eq!(short(&world.round(4000)), [(Rule::First, "a", 1)]);
}

#[test]
fn what_was_acknowledged_or_emptied_or_quiet_for_a_day_is_told_again() {
    for state in [GroupState::Acknowledged, GroupState::Empty] {
        let mut world = World::default();
        world.die(0, "a", 1);
        world.round(0);
        world.set("a", state, None);
        world.die(600, "a", 3);
        assert_eq!(short(&world.round(600)), [(Rule::Again, "a", 3)]);
    }
    let mut world = World::default();
    world.die(0, "a", 1);
    world.round(0);
    world.die(86_400, "a", 1);
    assert_eq!(short(&world.round(86_400)), [(Rule::Again, "a", 1)]);
}

#[test]
fn two_messages_about_one_subject_are_a_minute_apart() {
    let mut world = World::default();
    world.die(0, "a", 1);
    world.round(0);
    world.set("a", GroupState::Acknowledged, None);
    world.die(10, "a", 1);
    assert_eq!(short(&world.round(10)), []);
    world.die(20, "a", 1);
    assert_eq!(short(&world.round(59)), []);
    assert_eq!(short(&world.round(60)), [(Rule::Again, "a", 2)]);
}

#[test]
fn news_brings_forward_what_waits_for_the_quiet_time() {
    let mut world = World::default();
    for second in [0, 10] {
        world.die(second, "a", 1);
        world.round(second);
    }
    world.set("a", GroupState::Acknowledged, None);
    world.die(1800, "a", 1);
    assert_eq!(short(&world.round(1800)), [(Rule::Again, "a", 2)]);
    assert_eq!(short(&world.round(3600)), []);
}

#[test]
fn a_muted_group_is_counted_and_not_told_until_the_mute_is_over() {
    let mut world = World::default();
    world.die(0, "a", 1);
    world.round(0);
    world.set("a", GroupState::Muted, Some(at(1000)));
    world.die(500, "a", 7);
    assert_eq!(short(&world.round(500)), []);
    assert_eq!(world.silent, 7);
    world.die(1000, "a", 1);
    assert_eq!(short(&world.round(1000)), [(Rule::Again, "a", 1)]);
    assert_eq!(world.groups["a"].1, 9);
    world.set("a", GroupState::Muted, None);
    world.die(999_999, "a", 1);
    assert_eq!(short(&world.round(999_999)), []);
}

#[test]
fn a_known_error_that_becomes_a_burst_is_told_before_the_quiet_time_is_over() {
    let mut world = World::default();
    world.die(0, "a", 1);
    world.round(0);
    world.die(600, "a", 19);
    assert_eq!(short(&world.round(600)), []);
    world.die(610, "a", 30);
    assert_eq!(short(&world.round(610)), [(Rule::Burst, "a", 49)]);
    world.die(620, "a", 500);
    assert_eq!(short(&world.round(620)), []);
    assert_eq!(short(&world.round(610 + 3600)), [(Rule::Burst, "a", 500)]);
}

#[test]
fn a_storm_of_different_errors_is_told_once_for_the_kind() {
    let mut world = World::default();
    for n in 0..500 {
        world.die(0, &format!("{n:08x}"), 1);
    }
    assert_eq!(short(&world.round(0)), [(Rule::Burst, "report", 500)]);
    for n in 500..600 {
        world.die(60, &format!("{n:08x}"), 1);
    }
    assert_eq!(short(&world.round(60)), []);
    assert_eq!(short(&world.round(3600)), [(Rule::Burst, "report", 100)]);
}

#[test]
fn a_few_different_errors_are_told_each_by_its_name() {
    let mut world = World::default();
    for n in 0..19 {
        world.die(0, &format!("{n}"), 1);
    }
    assert_eq!(world.round(0).len(), 19);
}

#[test]
fn a_state_is_told_once_an_hour_and_once_when_it_is_over() {
    let late = Cause::Rule(Rule::QueueLate);
    let mut world = World::default();
    let mut sent = Vec::new();
    for minute in 0..150 {
        world.raise(minute * 60, late, "mail", None, false);
        sent.extend(world.round(minute * 60));
    }
    assert_eq!(sent.iter().map(|m| m.count).collect::<Vec<_>>(), [1, 60, 60]);
    world.raise(9000, late, "mail", None, true);
    let over = world.round(9000);
    assert_eq!((over.len(), over[0].resolved), (1, true));
    world.raise(9060, late, "mail", None, true);
    assert_eq!(world.round(99_999), []);
    world.raise(100_000, late, "mail", None, false);
    assert!(!world.round(100_000)[0].resolved);
}

#[test]
fn what_is_raised_after_an_acknowledgement_is_told_at_once_as_another_incident() {
    let missed = Cause::Rule(Rule::CronMissed);
    let mut world = World::default();
    world.raise(0, missed, "nightly", None, false);
    assert_eq!(short(&world.round(0)), [(Rule::CronMissed, "nightly", 1)]);
    world.raise(120, missed, "nightly", None, false);
    assert_eq!(short(&world.round(120)), [], "it waits for the end of the quiet time");
    world.messages.iter_mut().for_each(|message| message.acknowledged = true);
    world.raise(180, missed, "nightly", None, false);
    assert_eq!(short(&world.round(180)), [(Rule::CronMissed, "nightly", 2)]);
    world.raise(240, missed, "nightly", None, false);
    assert_eq!(short(&world.round(240)), [], "nobody has acknowledged that one");
    // That a state is over is told all the same.
    world.messages.iter_mut().for_each(|message| message.acknowledged = true);
    world.raise(400, missed, "nightly", None, true);
    let over = world.round(400);
    assert!(over.last().is_some_and(|message| message.resolved), "{over:?}");
}

#[test]
fn what_was_over_before_anybody_was_told_is_not_told() {
    let mut world = World::default();
    world.raise(0, Cause::Rule(Rule::Brake), "database", None, false);
    world.raise(1, Cause::Rule(Rule::Brake), "database", None, true);
    assert_eq!(world.round(1), []);
    assert_eq!(world.silent, 2);
}

#[test]
fn incidents_of_different_subjects_do_not_wait_for_each_other() {
    let mut world = World::default();
    for worker in ["one", "two"] {
        world.raise(0, Cause::Rule(Rule::WorkerLost), worker, None, false);
    }
    assert_eq!(world.round(0).len(), 2);
}

#[test]
fn a_row_of_a_rule_that_is_not_known_has_no_cause() {
    assert_eq!(Cause::of("death"), Some(Cause::Death));
    assert_eq!(Cause::of("queue_late"), Some(Cause::Rule(Rule::QueueLate)));
    assert_eq!(Cause::of("invented_later"), None);
}

#[derive(Debug, Clone)]
enum Happens {
    Die(u8, usize),
    Late(bool),
    Acknowledge(u8),
    Mute(u8),
}

fn happens() -> impl Strategy<Value = (i64, Happens)> {
    let what = prop_oneof![
        6 => (0u8..3, 1usize..40).prop_map(|(print, times)| Happens::Die(print, times)),
        1 => (20u8..80, 1usize..3).prop_map(|(print, times)| Happens::Die(print, times)),
        2 => any::<bool>().prop_map(Happens::Late),
        2 => (0u8..3).prop_map(Happens::Acknowledge),
        1 => (0u8..3).prop_map(Happens::Mute),
    ];
    let wait = prop_oneof![4 => 0i64..90, 1 => 90i64..4000, 1 => 80_000i64..100_000];
    (wait, what)
}

proptest! {
    #[test]
    fn no_death_is_lost_or_invented_and_no_subject_speaks_twice_a_minute(
        story in prop::collection::vec(happens(), 1..60),
    ) {
        let mut world = World::default();
        let mut now = 0;
        let mut sent: Vec<(i64, Message)> = Vec::new();
        for (wait, what) in story {
            // What waits is delivered when it is due, not only when something happens.
            let mut due: Vec<_> = world.messages.iter().filter(|m| !m.closed).map(|m| m.due).collect();
            due.sort();
            for due in due {
                let second = due.as_second() - 1_800_000_000;
                if second < now + wait {
                    sent.extend(world.deliver(second).into_iter().map(|message| (second, message)));
                }
            }
            now += wait;
            match what {
                Happens::Die(print, times) => world.die(now, &format!("{print:08x}"), times),
                Happens::Late(over) => {
                    world.raise(now, Cause::Rule(Rule::QueueLate), "mail", None, over);
                }
                Happens::Acknowledge(print) | Happens::Mute(print) => {
                    let (state, until) = match what {
                        Happens::Mute(_) => (GroupState::Muted, Some(at(now + 2000))),
                        _ => (GroupState::Acknowledged, None),
                    };
                    if world.groups.contains_key(&format!("{print:08x}")) {
                        world.set(&format!("{print:08x}"), state, until);
                    }
                }
            }
            sent.extend(world.round(now).into_iter().map(|message| (now, message)));
        }
        let told: u64 = world.messages.iter().map(|message| message.count).sum();
        prop_assert_eq!(told + world.silent, world.rows.len() as u64);
        let died = world.rows.iter().filter(|row| row.cause == Cause::Death).count() as u64;
        prop_assert_eq!(world.groups.values().map(|(_, count)| count).sum::<u64>(), died);
        let mut last: HashMap<String, i64> = HashMap::new();
        sent.sort_by_key(|(second, _)| *second);
        for (second, message) in sent {
            let before = last.insert(message.subject.clone(), second);
            prop_assert!(before.is_none_or(|before| second - before >= 60), "{message:?} at {second}");
        }
    }
}
