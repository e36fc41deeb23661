use super::super::outcome::Allowed;
use super::*;
use proptest::prelude::*;
use serde_json::json;

const NEUTRAL: f64 = 0.5;

fn policy(json: serde_json::Value) -> Policy {
    Policy::of(10, 3, 3, Some(&json.to_string()))
}

fn counted(retry: i16, crash: i16, lost: i16) -> Counters {
    Counters { retry_count: retry, crash_count: crash, lost_count: lost, ..Counters::default() }
}

fn verdict(outcome: Outcome, counters: Counters) -> Verdict {
    judge(&Attempted::of(outcome), &counters, &Policy::default(), NEUTRAL)
}

fn later(seconds: u64, bill: Bill) -> Verdict {
    Verdict::Retry { delay: Duration::from_secs(seconds), bill, memory: None }
}

fn buried(reason: Reason, bill: Bill) -> Verdict {
    Verdict::Bury { reason, bill }
}

#[track_caller]
fn check(outcome: Outcome, counters: Counters, expected: Verdict) {
    assert_eq!(verdict(outcome, counters), expected, "{outcome} after {counters:?}");
}

/// The outcomes that use up the retries.
const FAILURES: [Outcome; 9] = [
    Outcome::Failed,
    Outcome::Exited,
    Outcome::TimedOut,
    Outcome::Stalled,
    Outcome::CpuLimit,
    Outcome::ProcessLimit,
    Outcome::DiskLimit,
    Outcome::OutputLimit,
    Outcome::ProtocolError,
];

#[test]
fn what_is_nobodys_failure_costs_nothing() {
    let none = Counters::default();
    check(Outcome::Completed, none, Verdict::Complete);
    check(Outcome::Cancelled, none, Verdict::Cancel);
    check(Outcome::Stale, none, Verdict::Drop);
    check(Outcome::Interrupted, none, Verdict::Release { bill: Bill::Interrupt });
    let after = |seconds| Verdict::ReleaseLater {
        delay: Duration::from_secs(seconds),
        bill: Bill::Nothing,
    };
    check(Outcome::Evicted, none, after(30));
    check(Outcome::BootFailed, none, after(5));
}

#[test]
fn a_failure_is_retried_with_backoff_until_the_retries_are_used_up() {
    for outcome in FAILURES {
        check(outcome, counted(0, 0, 0), later(15, Bill::Retry));
        check(outcome, counted(9, 0, 0), later(3600, Bill::Retry));
        let reason = outcome.as_str().parse().unwrap();
        check(outcome, counted(10, 0, 0), buried(reason, Bill::Nothing));
    }
}

#[test]
fn a_rejected_job_is_dead_at_once() {
    check(Outcome::Rejected, counted(0, 0, 0), buried(Reason::Rejected, Bill::Nothing));
}

#[test]
fn the_third_crash_buries_whatever_the_retries_say() {
    for outcome in [Outcome::Crashed, Outcome::Killed] {
        check(outcome, counted(10, 0, 0), later(15, Bill::Crash));
        check(outcome, counted(0, 1, 2), later(30, Bill::Crash));
        check(outcome, counted(0, 2, 0), buried(Reason::Crashed, Bill::Crash));
    }
}

#[test]
fn the_first_lost_worker_costs_no_time_and_the_third_buries() {
    check(Outcome::Lost, counted(10, 2, 0), Verdict::Release { bill: Bill::Lost });
    check(Outcome::Lost, counted(0, 0, 1), later(15, Bill::Lost));
    check(Outcome::Lost, counted(0, 0, 2), buried(Reason::CrashedWorker, Bill::Lost));
}

#[test]
fn beside_a_suspect_nobody_else_is_billed() {
    let judged =
        |lost, beside| judge_lost(&counted(0, 0, lost), &Policy::default(), beside, NEUTRAL);
    for lost in 0..=2 {
        assert_eq!(judged(lost, true), Verdict::Release { bill: Bill::Nothing }, "{lost}");
    }
    assert_eq!(judged(2, false), buried(Reason::CrashedWorker, Bill::Lost));
    assert_eq!(judged(0, false), Verdict::Release { bill: Bill::Lost });
}

#[test]
fn a_second_suspect_waits_half_a_minute_more_or_less() {
    let wait = |jitter| match put_off(jitter) {
        Verdict::PutOff { delay } => delay.as_secs(),
        other => panic!("{other:?}"),
    };
    assert_eq!([0.0, 0.5, 1.0, 7.0].map(wait), [24, 30, 36, 36]);
}

const MIB: u64 = 1 << 20;

/// An attempt that ran out of `mib` of memory.
fn out_of(outcome: Outcome, mib: u64) -> Attempted {
    let allowed = Some(Allowed { bytes: mib * MIB, most: None });
    Attempted { allowed, ..Attempted::of(outcome) }
}

#[test]
fn memory_is_raised_once_and_then_the_job_is_dead() {
    for outcome in [Outcome::OomKilled, Outcome::MemoryLimit, Outcome::ProbableOom] {
        let first = judge(&out_of(outcome, 512), &counted(3, 0, 0), &Policy::default(), NEUTRAL);
        let Verdict::Retry { memory: Some(more), bill, .. } = first else {
            panic!("{outcome} was not retried")
        };
        assert_eq!((more.bytes, more.raised, bill), (1024 * MIB, 1, Bill::Retry));
        let mark: serde_json::Value = serde_json::from_str(&more.mark()).unwrap();
        let again = policy(json!({ "on_oom": mark }));
        let dead = judge(&out_of(outcome, 1024), &counted(4, 0, 0), &again, NEUTRAL);
        assert_eq!(dead, buried(Reason::OutOfMemory, Bill::Nothing));
        let used_up = judge(&out_of(outcome, 512), &counted(10, 0, 0), &Policy::default(), NEUTRAL);
        assert_eq!(used_up, buried(Reason::OutOfMemory, Bill::Nothing));
        check(outcome, counted(0, 0, 0), buried(Reason::OutOfMemory, Bill::Nothing));
    }
}

#[test]
fn memory_grows_to_its_most_and_never_gets_the_same_size_twice() {
    let sizes = |json: serde_json::Value, most: Option<u64>| {
        let mut on_oom = policy(json!({ "on_oom": json })).on_oom;
        let mut allowed = Allowed { bytes: 100 * MIB, most: most.map(|mib| mib * MIB) };
        let mut sizes = vec![];
        while let Some(more) = on_oom.next(allowed) {
            assert!(more.bytes > allowed.bytes);
            sizes.push(more.bytes / MIB);
            allowed.bytes = more.bytes;
            (on_oom.raised, on_oom.first) = (more.raised, Some(more.first));
        }
        sizes
    };
    assert_eq!(sizes(json!({"retry": 5}), None), [200, 400]);
    assert_eq!(sizes(json!({"retry": 5, "factor": 3, "max": "4x"}), None), [300, 400]);
    assert_eq!(sizes(json!({"retry": 5, "factor": 10, "max": "350MiB"}), None), [350]);
    assert_eq!(sizes(json!({"retry": 5}), Some(300)), [200, 300], "the queue allows no more");
    assert_eq!(sizes(json!({"retry": 5}), Some(100)), [0; 0]);
    assert_eq!(sizes(json!({"retry": 9, "factor": 1}), None), [0; 0]);
    assert_eq!(sizes(json!({"retry": 0}), None), [0; 0]);
    let large = policy(json!({"on_oom": {"max": "4GiB", "queue": "large"}})).on_oom;
    let more = large.next(Allowed { bytes: MIB, most: None }).unwrap();
    assert_eq!(more.queue.as_deref(), Some("large"));
}

#[test]
fn a_snooze_is_free_until_there_were_too_many() {
    let snoozed = |asked, count, retries| {
        let attempted = Attempted { asked, ..Attempted::of(Outcome::Snoozed) };
        let counters =
            Counters { snooze_count: count, retry_count: retries, ..Counters::default() };
        judge(&attempted, &counters, &Policy::default(), NEUTRAL)
    };
    let for_secs = |seconds| Verdict::Snooze { delay: Duration::from_secs(seconds) };
    assert_eq!(snoozed(Some(Duration::from_secs(90)), 999, 10), for_secs(90));
    assert_eq!(snoozed(Some(Duration::ZERO), 0, 0), for_secs(1));
    assert_eq!(snoozed(Some(Duration::MAX), 0, 0), for_secs(366 * 86_400));
    assert_eq!(snoozed(None, 0, 0), for_secs(15));
    assert_eq!(snoozed(Some(Duration::from_secs(90)), 1000, 0), later(15, Bill::Retry));
    assert_eq!(snoozed(None, 1000, 10), buried(Reason::SnoozeLimit, Bill::Nothing));
}

#[test]
fn the_wait_that_a_handler_asked_for_wins() {
    let asked = Attempted { asked: Some(Duration::from_secs(7)), ..Attempted::of(Outcome::Failed) };
    let rule = policy(json!({"on": {"failed": {"delay": "5m"}}}));
    assert_eq!(judge(&asked, &counted(0, 0, 0), &rule, NEUTRAL), later(7, Bill::Retry));
    assert_eq!(
        judge(&Attempted::of(Outcome::Failed), &counted(0, 0, 0), &rule, NEUTRAL),
        later(300, Bill::Retry)
    );
    let used_up = judge(&asked, &counted(10, 0, 0), &rule, NEUTRAL);
    assert_eq!(used_up, buried(Reason::Failed, Bill::Nothing));
}

#[test]
fn the_patience_that_a_server_asked_for_lengthens_the_wait_and_never_shortens_it() {
    let after = |seconds: u64, policy: &Policy| {
        let not_before = Some(Duration::from_secs(seconds));
        let attempted = Attempted { not_before, ..Attempted::of(Outcome::Failed) };
        judge(&attempted, &counted(0, 0, 0), policy, NEUTRAL)
    };
    let rule = policy(json!({"on": {"failed": {"delay": "5m"}}}));
    assert_eq!(after(120, &Policy::default()), later(120, Bill::Retry));
    assert_eq!(after(1, &Policy::default()), later(15, Bill::Retry));
    assert_eq!(after(120, &rule), later(300, Bill::Retry));
    assert_eq!(after(u64::MAX, &rule), later(86_400, Bill::Retry));
}

#[test]
fn a_rule_may_bury_cancel_or_cap() {
    let rules = policy(json!({"on": {
        "timed_out": "bury", "exit:3": "cancel", "failed": 2, "crashed": 0, "lost": 1,
        "process_limit": 50,
    }}));
    let ended = |outcome, exit_code, counters: Counters| {
        let attempted = Attempted { exit_code, ..Attempted::of(outcome) };
        judge(&attempted, &counters, &rules, NEUTRAL)
    };
    let none = Counters::default();
    assert_eq!(ended(Outcome::TimedOut, None, none), buried(Reason::TimedOut, Bill::Nothing));
    assert_eq!(ended(Outcome::Exited, Some(3), none), Verdict::Cancel);
    assert_eq!(ended(Outcome::Exited, Some(4), none), later(15, Bill::Retry));
    assert_eq!(ended(Outcome::Failed, None, counted(1, 0, 0)), later(30, Bill::Retry));
    let dead = buried(Reason::Failed, Bill::Nothing);
    assert_eq!(ended(Outcome::Failed, None, counted(2, 0, 0)), dead);
    assert_eq!(ended(Outcome::Crashed, None, none), buried(Reason::Crashed, Bill::Crash));
    assert_eq!(ended(Outcome::Lost, None, none), Verdict::Release { bill: Bill::Lost });
    let lost = buried(Reason::CrashedWorker, Bill::Lost);
    assert_eq!(ended(Outcome::Lost, None, counted(0, 0, 1)), lost);
    let more_than_allowed = ended(Outcome::ProcessLimit, None, counted(10, 0, 0));
    assert_eq!(more_than_allowed, buried(Reason::ProcessLimit, Bill::Nothing));
}

#[test]
fn the_most_exact_rule_speaks() {
    let rules = OnRules::parse(&json!({
        "failed": 1, "exit:3": 2, "error:Rate*": 3, "error:RateLimited*": 4, "error:RateLimited": 5,
    }))
    .unwrap();
    let said = |class: Option<&str>, exit_code| {
        let error_class = class.map(str::to_owned);
        let attempted = Attempted { error_class, exit_code, ..Attempted::of(Outcome::Failed) };
        rules.action(&attempted).copied()
    };
    for (class, exit, retries) in [
        (Some("RateLimited"), Some(3), 5),
        (Some("RateLimitedByHost"), Some(3), 4),
        (Some("Rates"), None, 3),
        (Some("Other"), Some(3), 2),
        (None, None, 1),
    ] {
        assert_eq!(said(class, exit), Some(OnAction::Retries(retries)), "{class:?} {exit:?}");
    }
    let lost = Attempted::of(Outcome::Lost);
    assert_eq!(rules.action(&lost), None);
}

#[test]
fn a_bad_rule_is_refused_with_the_right_word() {
    for (rules, part) in [
        (json!({"timedout": "bury"}), "did you mean `timed_out`?"),
        (json!({"completed": "bury"}), "`completed` counts against nobody"),
        (json!({"failed": "burry"}), "`failed` may be \"bury\""),
        (json!({"failed": 101}), "from 0 to 100"),
        (json!({"failed": {"delay": "5"}}), "did you mean `5s`?"),
        (json!({"failed": {"delay": "8d"}}), "longer than `7d`"),
        (json!({"exit:300": "bury"}), "an exit code is 0 to 255"),
        (json!({"error:*X*": "bury"}), "with a `*` at its end"),
        (json!("bury"), "`on` is a map"),
    ] {
        let error = OnRules::parse(&rules).unwrap_err();
        assert!(error.to_string().contains(part), "{rules}: {error}");
    }
    let many: serde_json::Map<_, _> =
        (0..21).map(|n| (format!("exit:{n}"), json!("bury"))).collect();
    assert!(OnRules::parse(&many.into()).unwrap_err().to_string().contains("at most 20"));
}

#[test]
fn work_that_must_not_begin_twice_is_buried_at_whatever_end() {
    let never = policy(json!({"restart": "never"}));
    let ended = |outcome| judge(&out_of(outcome, 512), &Counters::default(), &never, NEUTRAL);
    for outcome in Outcome::ALL {
        match outcome {
            Outcome::Completed => assert_eq!(ended(outcome), Verdict::Complete),
            Outcome::Cancelled => assert_eq!(ended(outcome), Verdict::Cancel),
            Outcome::Stale => assert_eq!(ended(outcome), Verdict::Drop),
            Outcome::Snoozed => assert!(matches!(ended(outcome), Verdict::Snooze { .. })),
            // The handler never began.
            Outcome::BootFailed => {
                assert!(matches!(ended(outcome), Verdict::ReleaseLater { .. }));
            }
            Outcome::Rejected => {
                assert!(matches!(ended(outcome), Verdict::Bury { reason: Reason::Rejected, .. }));
            }
            _ => assert!(
                matches!(ended(outcome), Verdict::Bury { reason: Reason::NotRestartable, .. }),
                "{outcome}"
            ),
        }
    }
    let beside_a_suspect = judge_lost(&Counters::default(), &never, true, NEUTRAL);
    assert_eq!(beside_a_suspect, buried(Reason::NotRestartable, Bill::Lost));
}

#[test]
fn a_policy_that_cannot_be_read_is_the_built_in_one() {
    let built_in = Policy::default();
    for json in
        ["", "null", "[]", "7", "{", "\"never\"", r#"{"backoff": 3, "on": [], "on_oom": "x"}"#]
    {
        assert_eq!(Policy::of(10, 3, 3, Some(json)), built_in, "{json}");
    }
    assert_eq!(Policy::of(10, 3, 3, None), built_in);
    let half =
        policy(json!({"on": {"nonsense": "bury", "lost": "bury"}, "backoff": {"fixed": "x"}}));
    assert_eq!(half.backoff, built_in.backoff);
    assert_eq!(half.on.action(&Attempted::of(Outcome::Lost)), Some(&OnAction::Bury));
}

#[test]
fn what_the_policy_says_is_read() {
    let said = policy(json!({
        "backoff": {"fixed": "30s"}, "restart": "never", "snooze_max": 7,
        "on_oom": {"retry": 3, "factor": 1.5, "max": "8x"},
    }));
    assert_eq!(said.backoff, crate::model::retry::Backoff::Fixed(Duration::from_secs(30)));
    assert_eq!((said.restart, said.snooze_max), (Restart::Never, 7));
    assert_eq!((said.on_oom.retry, said.on_oom.most), (3, MemoryMost::Times(8.0)));
}

fn any_attempted() -> impl Strategy<Value = Attempted> {
    (
        prop::sample::select(Outcome::ALL.to_vec()),
        prop::option::of((0u64..=u64::MAX).prop_map(Duration::from_millis)),
        prop::option::of((0u64..=u64::MAX).prop_map(Duration::from_millis)),
        prop::option::of("[A-C]{0,3}"),
        prop::option::of(any::<i32>()),
        prop::option::of(
            any::<(u64, Option<u64>)>().prop_map(|(bytes, most)| Allowed { bytes, most }),
        ),
    )
        .prop_map(|(outcome, asked, not_before, error_class, exit_code, allowed)| Attempted {
            outcome,
            asked,
            not_before,
            error_class,
            exit_code,
            allowed,
        })
}

fn any_counters() -> impl Strategy<Value = Counters> {
    any::<(i32, i16, i16, i16, i16, i16)>().prop_map(
        |(attempt, retry, crash, lost, snooze, interrupt)| Counters {
            attempt,
            retry_count: retry,
            crash_count: crash,
            lost_count: lost,
            snooze_count: snooze,
            interrupt_count: interrupt,
        },
    )
}

fn any_policy() -> impl Strategy<Value = Policy> {
    let json = prop_oneof![
        Just("{}".to_owned()),
        any::<String>(),
        Just(json!({"restart": "never"}).to_string()),
        Just(
            json!({"on": {"error:A*": 100, "exit:3": "cancel", "lost": {"delay": "1d"}}})
                .to_string()
        ),
        Just(json!({"on": {"failed": 0, "crashed": 100, "oom_killed": "bury"}}).to_string()),
        Just(json!({"on_oom": {"retry": 30000, "factor": 1e300, "max": "1e300x"}}).to_string()),
        Just(json!({"backoff": {"list": ["1s", "7d"]}, "snooze_max": -5}).to_string()),
    ];
    (any::<(i16, i16, i16)>(), json).prop_map(|((retries, crashes, losses), json)| {
        Policy::of(retries, crashes, losses, Some(&json))
    })
}

/// The longest wait any verdict can name: a year and a day, or a week with full jitter.
const LONGEST: Duration = Duration::from_secs(366 * 86_400);

proptest! {
    #[test]
    fn every_end_of_every_job_has_a_verdict_with_a_finite_wait(
        attempted in any_attempted(), counters in any_counters(), policy in any_policy(), jitter: f64,
    ) {
        match judge(&attempted, &counters, &policy, jitter) {
            Verdict::Retry { delay, .. } | Verdict::Snooze { delay } | Verdict::ReleaseLater { delay, .. } => {
                prop_assert!(delay <= LONGEST);
            }
            _ => {}
        }
    }

    #[test]
    fn a_billed_failure_with_no_retry_left_never_lives_on(
        attempted in any_attempted(), retries in 0i16..=100, policy in any_policy(), jitter: f64,
    ) {
        let policy = Policy { max_retries: retries, ..policy };
        let counters = counted(retries, 0, 0);
        if let Verdict::Retry { bill, .. } = judge(&attempted, &counters, &policy, jitter) {
            prop_assert_ne!(bill, Bill::Retry);
        }
    }

    #[test]
    fn with_all_retries_used_up_no_failure_lives_on(
        attempted in any_attempted(), retries in 0i16..=100, more in 0i16..=100, policy in any_policy(), jitter: f64,
    ) {
        use Outcome::{Crashed, Killed, Lost};
        prop_assume!(attempted.outcome.is_billed() && ![Crashed, Killed, Lost].contains(&attempted.outcome));
        let policy = Policy { max_retries: retries, ..policy };
        let verdict = judge(&attempted, &counted(retries.saturating_add(more), 0, 0), &policy, jitter);
        prop_assert!(matches!(verdict, Verdict::Bury { .. } | Verdict::Cancel), "{verdict:?}");
    }

    #[test]
    fn crashes_and_losses_end_at_their_own_limits(
        limit in 1i16..=100, more in 0i16..=100, jitter: f64, beside_suspect: bool,
    ) {
        let policy = Policy { crash_limit: limit, lost_limit: limit, ..Policy::default() };
        let used_up = limit.saturating_add(more) - 1;
        let crashed = judge(&Attempted::of(Outcome::Crashed), &counted(0, used_up, 0), &policy, jitter);
        prop_assert!(matches!(crashed, Verdict::Bury { reason: Reason::Crashed, .. }), "{crashed:?}");
        let lost = judge_lost(&counted(0, 0, used_up), &policy, beside_suspect, jitter);
        let free = Verdict::Release { bill: Bill::Nothing };
        prop_assert!(
            if beside_suspect { lost == free } else { matches!(lost, Verdict::Bury { reason: Reason::CrashedWorker, .. }) },
            "{lost:?}"
        );
    }

    #[test]
    fn each_end_bills_the_counter_of_its_kind_or_none(
        attempted in any_attempted(), counters in any_counters(), policy in any_policy(), jitter: f64,
    ) {
        let bill = match judge(&attempted, &counters, &policy, jitter) {
            Verdict::Retry { bill, .. }
            | Verdict::Release { bill }
            | Verdict::ReleaseLater { bill, .. }
            | Verdict::Bury { bill, .. } => bill,
            Verdict::Snooze { .. } => Bill::Snooze,
            Verdict::Complete | Verdict::Cancel | Verdict::Drop | Verdict::PutOff { .. } => {
                Bill::Nothing
            }
        };
        let lawful = match attempted.outcome {
            Outcome::Crashed | Outcome::Killed => Bill::Crash,
            Outcome::Lost => Bill::Lost,
            Outcome::Interrupted => Bill::Interrupt,
            Outcome::Snoozed if bill == Bill::Snooze => Bill::Snooze,
            Outcome::Snoozed => Bill::Retry,
            outcome if outcome.is_billed() => Bill::Retry,
            _ => Bill::Nothing,
        };
        prop_assert!(bill == lawful || bill == Bill::Nothing, "{bill:?}");
    }

    #[test]
    fn every_job_that_only_fails_comes_to_an_end(
        ends in prop::collection::vec(prop::sample::select(
            Outcome::ALL.into_iter().filter(|outcome| outcome.is_billed()).collect::<Vec<_>>()), 1..8),
        retries in 0i16..=20,
    ) {
        let mut counters = Counters::default();
        let mut policy = Policy { max_retries: retries, ..Policy::default() };
        let mut starts = 0;
        let most = 1 + i32::from(retries) + 2 + 2;
        let mut mib = 256;
        for outcome in ends.iter().cycle() {
            starts += 1;
            prop_assert!(starts <= most, "{starts} starts of at most {most}");
            let bill = match judge(&out_of(*outcome, mib), &counters, &policy, NEUTRAL) {
                Verdict::Bury { .. } | Verdict::Cancel => break,
                Verdict::Retry { bill, memory, .. } => {
                    if let Some(more) = memory {
                        prop_assert!(more.bytes > mib * MIB);
                        (policy.on_oom.raised, policy.on_oom.first) = (more.raised, Some(more.first));
                        mib = more.bytes / MIB;
                    }
                    bill
                }
                Verdict::Release { bill } => bill,
                other => panic!("{other:?}"),
            };
            match bill {
                Bill::Retry => counters.retry_count += 1,
                Bill::Crash => counters.crash_count += 1,
                Bill::Lost => counters.lost_count += 1,
                other => panic!("{other:?}"),
            }
            prop_assert!(counters.retry_count <= retries);
        }
    }
}
