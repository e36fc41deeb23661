use super::*;
use proptest::prelude::*;

fn json(text: &str) -> Result<Priority, String> {
    serde_json::from_str(text).map_err(|error| error.to_string())
}

#[test]
fn a_number_and_its_word_are_the_same_priority() {
    for (word, level) in [("urgent", 0), ("high", 2), ("normal", 5), ("low", 8)] {
        assert_eq!(word.parse::<Priority>().unwrap().level(), level);
        assert_eq!(json(&format!("{level}")), json(&format!("\"{word}\"")));
        assert_eq!(Priority::new(i64::from(level)).unwrap().to_string(), word);
    }
    assert_eq!("3".parse::<Priority>().unwrap().to_string(), "3");
}

#[test]
fn a_bad_priority_names_the_nearest() {
    let wrong = |word: &str| word.parse::<Priority>().unwrap_err().to_string();
    assert_eq!(wrong("hgih"), "`hgih` is no priority; did you mean `high`?");
    assert!(wrong("12").starts_with("priority 12 is not between 0 (first) and 9"));
    assert!(wrong("-1").starts_with("priority -1 is not"));
    assert!(wrong("banana").ends_with("write 0 to 9, or `urgent`, `high`, `normal`, `low`"));
    assert!(json("\"3\"").unwrap_err().contains("write 0 to 9"));
    assert!(json("12").unwrap_err().contains("priority 12"));
    assert!(json("2.5").unwrap_err().contains("expected a priority"));
    assert!(json("true").unwrap_err().contains("expected a priority"));
}

#[test]
fn every_level_has_a_band_for_the_metrics() {
    let bands: Vec<_> = (0..=9).map(|level| Priority::new(level).unwrap().band()).collect();
    assert_eq!(
        bands,
        ["urgent", "high", "high", "normal", "normal", "normal", "low", "low", "low", "low"]
    );
}

#[test]
fn every_tenth_start_is_an_ageing_turn() {
    let turns: Vec<_> = (0..20).map(|starts| aged_turns(starts, 1, 0.1)).collect();
    let at: Vec<_> = turns.iter().enumerate().filter(|(_, n)| **n == 1).map(|(at, _)| at).collect();
    assert_eq!(at, [9, 19]);
}

#[test]
fn a_bad_share_gives_no_turn_rather_than_a_surprise() {
    for share in [f64::NAN, f64::INFINITY, -1.0, 0.0] {
        assert_eq!(aged_turns(5, 100, share), 0);
    }
    assert_eq!(aged_turns(0, 100, 7.0), 50);
}

#[test]
fn without_reserve_one_claim_takes_all_levels() {
    assert_eq!(shares(4, &[0; 10], &[]), [Share { down_to: Priority::LAST, n: 4 }]);
    assert_eq!(shares(0, &[0; 10], &[]), []);
}

#[test]
fn a_reserved_slot_is_kept_for_the_urgent() {
    let reserve = [(Priority::URGENT, 1)];
    let two = [Share { down_to: Priority::LAST, n: 3 }, Share { down_to: Priority::URGENT, n: 1 }];
    assert_eq!(shares(4, &[0; 10], &reserve), two);
    assert_eq!(shares(1, &[0; 10], &reserve), [Share { down_to: Priority::URGENT, n: 1 }]);
    let mut running = [0; 10];
    running[0] = 1;
    assert_eq!(shares(3, &running, &reserve), [Share { down_to: Priority::LAST, n: 3 }]);
}

proptest! {
    #[test]
    fn turns_add_up_to_the_share_however_the_starts_are_cut(
        cuts in prop::collection::vec(0usize..200, 1..40), percent in 0u32..=50,
    ) {
        let share = f64::from(percent) / 100.0;
        let (mut starts, mut turns) = (0u64, 0usize);
        for n in cuts {
            let aged = aged_turns(starts, n, share);
            prop_assert!(aged <= n);
            turns += aged;
            starts += n as u64;
        }
        prop_assert_eq!(turns as u64, starts * u64::from(percent) / 100);
    }

    #[test]
    fn turns_are_bounded_for_any_number(starts: u64, n in 0usize..1_000_000, share: f64) {
        prop_assert!(aged_turns(starts, n, share) <= n);
    }

    #[test]
    fn claims_never_take_more_than_is_free_and_the_urgent_get_all(
        free in 0u16..2000,
        running in prop::array::uniform10(0u16..200),
        reserve in prop::collection::vec((0i64..10, 0u16..300), 0..4),
    ) {
        let reserve: Vec<_> =
            reserve.into_iter().map(|(level, n)| (Priority::new(level).unwrap(), n)).collect();
        let claims = shares(free, &running, &reserve);
        prop_assert_eq!(claims.iter().map(|share| share.n).sum::<u16>(), free);
        prop_assert!(claims.iter().all(|share| share.n > 0));
    }
}
