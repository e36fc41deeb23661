use super::*;
use proptest::prelude::*;

fn read(json: &str) -> Result<Backoff, String> {
    serde_json::from_str(json).map_err(|error| error.to_string())
}

fn waits(json: &str, n: u32) -> Vec<u64> {
    let backoff = read(json).unwrap();
    (1..=n).map(|n| delay(&backoff, n, 0.5).as_secs()).collect()
}

#[test]
fn built_in_it_doubles_from_15_seconds_to_an_hour() {
    let until_the_hour = [15, 30, 60, 120, 240, 480, 960, 1920, 3600, 3600];
    assert_eq!(waits("{}", 10), until_the_hour);
}

#[test]
fn the_three_forms_are_read_as_written() {
    assert_eq!(
        waits(r#"{"first":"30s","factor":3,"cap":"2h"}"#, 6),
        [30, 90, 270, 810, 2430, 7200]
    );
    assert_eq!(waits(r#"{"fixed":"30s"}"#, 3), [30, 30, 30]);
    assert_eq!(waits(r#"{"list":["1m","5m","1h"]}"#, 5), [60, 300, 3600, 3600, 3600]);
    assert_eq!(waits(r#"{"first":"0s"}"#, 3), [0, 0, 0]);
    assert_eq!(waits(r#"{"first":"2h"}"#, 2), [3600, 3600]);
}

#[test]
fn what_is_out_of_bounds_is_refused_with_the_bound() {
    for (json, part) in [
        (r#"{"first":"15"}"#, "`first`: `15` has no unit; did you mean `15s`?"),
        (r#"{"cap":"8d"}"#, "`cap` is `8d`; at most `7d`"),
        (r#"{"factor":0.5}"#, "`factor` is 0.5; between 1 and 10"),
        (r#"{"jitter":2}"#, "`jitter` is 2; between 0 and 1"),
        (r#"{"list":[]}"#, "`list` has 1 to 20 waits, this one has 0"),
        (r#"{"fixed":"1s","cap":"1h"}"#, "one of three forms"),
        (r#"{"fist":"1s"}"#, "unknown field `fist`"),
    ] {
        let error = read(json).unwrap_err();
        assert!(error.contains(part), "{json}: {error}");
    }
}

#[test]
fn the_jitter_goes_both_ways_by_its_part() {
    let backoff = Backoff::default();
    assert_eq!(delay(&backoff, 1, 0.0), Duration::from_secs(12));
    assert_eq!(delay(&backoff, 1, 1.0), Duration::from_secs(18));
}

fn any_wait() -> impl Strategy<Value = Duration> {
    prop_oneof![0u64..=604_800_000, Just(0), Just(1), Just(u64::MAX)]
        .prop_map(Duration::from_millis)
}

/// Also policies that no door would accept: a row may have been written by hand.
fn any_backoff() -> impl Strategy<Value = Backoff> {
    prop_oneof![
        (any_wait(), any::<f64>(), any_wait(), any::<f64>()).prop_map(
            |(first, factor, cap, jitter)| Backoff::Exponential { first, factor, cap, jitter }
        ),
        any_wait().prop_map(Backoff::Fixed),
        prop::collection::vec(any_wait(), 0..5).prop_map(Backoff::List),
    ]
}

proptest! {
    #[test]
    fn the_delay_is_finite_for_every_policy_number_and_jitter(backoff in any_backoff(), n: u32, jitter: f64) {
        prop_assert!(delay(&backoff, n, jitter) <= LONGEST_WAIT * 2);
    }

    #[test]
    fn the_delay_never_shrinks_and_lies_between_first_and_cap(
        first in 0u64..=604_800_000, factor in 1.0f64..=10.0, cap in 0u64..=604_800_000, n in 1u32..5000,
    ) {
        let (first, cap) = (Duration::from_millis(first), Duration::from_millis(cap));
        let backoff = Backoff::Exponential { first, factor, cap, jitter: 0.2 };
        let wait = delay(&backoff, n, 0.5);
        prop_assert!(wait >= first.min(cap) && wait <= cap.max(Duration::ZERO));
        prop_assert!(delay(&backoff, n + 1, 0.5) >= wait);
        prop_assert!(delay(&backoff, u32::MAX, 0.5) <= cap);
    }

    #[test]
    fn the_jitter_stays_within_its_part(n in 1u32..40, jitter in 0.0f64..=1.0) {
        let backoff = Backoff::default();
        let (exact, wait) = (delay(&backoff, n, 0.5).as_secs_f64(), delay(&backoff, n, jitter).as_secs_f64());
        prop_assert!(wait >= exact * 0.8 - 1e-6 && wait <= exact * 1.2 + 1e-6);
    }

    #[test]
    fn a_policy_that_was_written_reads_back_the_same(
        first in 0u64..=604_800_000, factor in 4u32..=40, jitter in 0u32..=8,
        list in prop::collection::vec(0u64..=604_800_000, 1..=20),
    ) {
        // Fractions that JSON writes exactly.
        let (factor, jitter) = (f64::from(factor) / 4.0, f64::from(jitter) / 8.0);
        let all = [
            Backoff::Exponential { first: Duration::from_millis(first), factor, cap: LONGEST_WAIT, jitter },
            Backoff::Fixed(Duration::from_millis(first)),
            Backoff::List(list.into_iter().map(Duration::from_millis).collect()),
        ];
        for backoff in all {
            let json = serde_json::to_string(&backoff).unwrap();
            prop_assert_eq!(serde_json::from_str::<Backoff>(&json).unwrap(), backoff);
        }
    }
}
