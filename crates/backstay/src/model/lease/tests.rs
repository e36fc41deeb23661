use super::*;
use proptest::prelude::*;

const TIMES: Times = Times::normal();
const LONG: Duration = Duration::from_secs(3600);

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn beat(seconds: u64) -> Beat {
    Beat { at: s(seconds), server_now: s(seconds + 1000), server_started_ms: 1 }
}

fn beaten(until: u64) -> BeatBook {
    let mut book = BeatBook::new(TIMES.beat);
    for seconds in (0..=until).step_by(5) {
        book.accepted(beat(seconds));
    }
    book
}

#[test]
fn the_fast_times_are_a_tenth_of_the_normal_ones() {
    let (normal, fast) = (Times::normal(), Times::fast());
    assert_eq!((normal.beat, normal.lease), (s(5), s(30)));
    assert_eq!(fast.lease * 10, normal.lease);
    assert_eq!(fast.presence_look * 10, s(1));
}

#[test]
fn beats_in_time_add_up() {
    assert_eq!(beaten(30).gap_free(s(30)), s(30));
    assert_eq!(beaten(30).gap_free(s(40)), s(40));
    assert_eq!(beaten(30).gap_free(s(41)), Duration::ZERO);
    assert_eq!(BeatBook::new(s(5)).gap_free(s(100)), Duration::ZERO);
}

#[test]
fn an_error_a_late_beat_or_another_server_starts_again_from_zero() {
    let mut broken = beaten(30);
    broken.broken();
    assert_eq!(broken.gap_free(s(31)), Duration::ZERO);
    broken.accepted(beat(32));
    assert_eq!(broken.gap_free(s(33)), s(1));

    let mut late = beaten(30);
    late.accepted(beat(41));
    assert_eq!(late.gap_free(s(41)), Duration::ZERO);

    let mut restarted = beaten(30);
    restarted.accepted(Beat { server_started_ms: 2, ..beat(35) });
    assert_eq!(restarted.gap_free(s(36)), s(1));
}

#[test]
fn a_host_that_was_suspended_has_a_gap_though_its_own_clock_shows_none() {
    let mut book = beaten(30);
    book.accepted(Beat { server_now: s(1030 + 600), ..beat(35) });
    assert_eq!(book.gap_free(s(36)), s(1));
}

#[test]
fn a_lock_is_free_only_while_every_look_finds_it_so_and_nobody_beats() {
    let (mut looks, worker) = (Looks::default(), Uuid::from_u128(1));
    assert_eq!(looks.look(worker, s(10), true, 7), Duration::ZERO);
    assert_eq!(looks.look(worker, s(13), true, 7), s(3));
    assert_eq!(looks.look(worker, s(14), true, 8), Duration::ZERO, "it beat in between");
    assert_eq!(looks.look(worker, s(18), true, 8), s(4));
    assert_eq!(looks.look(worker, s(19), false, 8), Duration::ZERO);
    assert_eq!(looks.look(worker, s(20), true, 8), Duration::ZERO);
    looks.keep(&[]);
    assert_eq!(looks.look(worker, s(30), true, 8), Duration::ZERO);
    looks.forget();
    assert_eq!(looks.look(worker, s(40), true, 8), Duration::ZERO);
}

fn worker(lock_free: u64, lease_over: bool) -> Sighting {
    Sighting::Worker { goodbye: false, lock_free: s(lock_free), lease_over, kills_itself: false }
}

#[track_caller]
fn check(seen: Sighting, gap_free: u64, server_up: Duration, expected: Option<Evidence>) {
    assert_eq!(may_rescue(&seen, s(gap_free), server_up, &TIMES), expected, "{seen:?}");
}

#[test]
fn who_said_goodbye_is_rescued_at_once() {
    let gone = Sighting::Worker {
        goodbye: true,
        lock_free: Duration::ZERO,
        lease_over: false,
        kills_itself: true,
    };
    check(gone, 0, Duration::ZERO, Some(Evidence::Goodbye));
}

#[test]
fn a_free_lock_counts_after_two_looks_and_beats_of_our_own() {
    check(worker(3, false), 5, LONG, Some(Evidence::Presence));
    check(worker(2, false), 5, LONG, None);
    check(worker(3, false), 4, LONG, None);
    check(worker(3, false), 5, s(30), None);
}

#[test]
fn a_lease_counts_after_a_whole_lease_of_our_own_beats() {
    check(worker(0, true), 30, LONG, Some(Evidence::Lease));
    check(worker(0, true), 29, LONG, None);
    check(worker(0, true), 30, s(30), None);
    check(worker(0, false), 3000, LONG, None);
}

#[test]
fn who_ends_its_own_jobs_is_rescued_by_lease_only() {
    let kills = |lease_over| Sighting::Worker {
        goodbye: false,
        lock_free: s(300),
        lease_over,
        kills_itself: true,
    };
    check(kills(false), 300, LONG, None);
    check(kills(true), 300, LONG, Some(Evidence::Lease));
}

#[test]
fn rows_of_nobody_and_attempts_past_their_deadline_wait_as_long_as_a_lease() {
    check(Sighting::NoRow { claimed_ago: s(31) }, 30, LONG, Some(Evidence::NoRow));
    check(Sighting::NoRow { claimed_ago: s(30) }, 30, LONG, None);
    check(Sighting::NoRow { claimed_ago: s(31) }, 29, LONG, None);
    check(Sighting::Overdue, 30, LONG, Some(Evidence::Deadline));
    check(Sighting::Overdue, 29, LONG, None);
}

proptest! {
    /// Whatever the beats were, nobody is rescued in the time after an outage that no beat covers.
    #[test]
    fn an_outage_is_never_held_against_anybody(gaps in prop::collection::vec(1u64..20, 1..40), wait in 0u64..40) {
        let mut book = BeatBook::new(TIMES.beat);
        let (mut now, mut steady_since) = (0, 0);
        for gap in gaps {
            now += gap;
            if gap > 10 {
                steady_since = now;
            }
            book.accepted(beat(now));
        }
        let gap_free = book.gap_free(s(now + wait));
        prop_assert!(gap_free <= s(now + wait - steady_since));
        prop_assert_eq!(gap_free.is_zero(), wait > 10 || now + wait == steady_since || gap_free.is_zero());
        if wait > 10 {
            prop_assert!(gap_free.is_zero());
        }
    }

    #[test]
    fn nobody_is_rescued_without_evidence_or_before_the_time(
        goodbye: bool, lock_free in 0u64..100, lease_over: bool, kills_itself: bool, gap_free in 0u64..100, up in 0u64..100,
    ) {
        let seen = Sighting::Worker { goodbye, lock_free: s(lock_free), lease_over, kills_itself };
        match may_rescue(&seen, s(gap_free), s(up), &TIMES) {
            Some(Evidence::Goodbye) => prop_assert!(goodbye),
            Some(Evidence::Presence) => {
                prop_assert!(lock_free >= 3 && gap_free >= 5 && up > 30 && !kills_itself);
            }
            Some(evidence) => {
                prop_assert_eq!(evidence, Evidence::Lease);
                prop_assert!(lease_over && gap_free >= 30 && up > 30);
            }
            None => prop_assert!(!(goodbye || lease_over && gap_free >= 30 && up > 30)),
        }
    }

    /// A lock that was seen taken, or a beat, begins the count anew.
    #[test]
    fn a_lock_counts_as_free_only_since_the_last_sign_of_life(
        looks in prop::collection::vec((1u64..5, any::<bool>(), prop::bool::weighted(0.2)), 1..40),
    ) {
        let (mut seen, worker) = (Looks::default(), Uuid::from_u128(7));
        let (mut now, mut beat_ms, mut free_since) = (0, 0, None::<(u64, i64)>);
        for (gap, free, beats) in looks {
            now += gap;
            beat_ms += i64::from(beats);
            let free_for = seen.look(worker, s(now), free, beat_ms);
            free_since = free_since.filter(|(_, beat)| free && *beat == beat_ms).or(free.then_some((now, beat_ms)));
            prop_assert_eq!(free_for, free_since.map_or(s(0), |(since, _)| s(now - since)));
        }
    }
}
