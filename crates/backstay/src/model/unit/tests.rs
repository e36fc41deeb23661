//! What is read, what is refused and with which proposal, and that writing and reading agree.

use super::*;
use proptest::prelude::*;

fn duration(text: &str) -> String {
    match parse_duration(text) {
        Ok(duration) => format!("{} ms", duration.as_millis()),
        Err(error) => error.to_string(),
    }
}

fn size(text: &str) -> String {
    parse_size(text).map_or_else(|error| error.to_string(), |bytes| bytes.to_string())
}

fn rate(text: &str) -> String {
    parse_rate(text).map_or_else(|error| error.to_string(), format_rate)
}

fn check(read: fn(&str) -> String, table: &[(&str, &str)]) {
    for (text, expected) in table {
        assert_eq!(read(text), *expected, "reading `{text}`");
    }
}

#[test]
fn durations_are_read_with_their_units() {
    check(
        duration,
        &[
            ("90s", "90000 ms"),
            ("1h30m", "5400000 ms"),
            ("250ms", "250 ms"),
            ("0s", "0 ms"),
            ("1w2d3h4m5s6ms", "788645006 ms"),
            ("3652d", "315532800000 ms"),
        ],
    );
}

#[test]
fn a_bad_duration_is_answered_with_the_right_one() {
    check(
        duration,
        &[
            ("300", "`300` has no unit; did you mean `300s`?"),
            ("1h30", "`30` at the end of `1h30` has no unit; did you mean `1h30s`?"),
            ("5 min", "`min` is not a unit; did you mean `5m`?"),
            ("2hours", "`hours` is not a unit; did you mean `2h`?"),
            ("90S", "`S` is not a unit; did you mean `90s`?"),
            ("1.5h", "`1.5h` has a fraction, which no duration takes; did you mean `1h30m`?"),
            ("-5s", "`-5s` is negative; did you mean `5s`?"),
            ("30m1h", "`30m1h` must name each unit once, longest first; did you mean `1h30m`?"),
            ("1month", "`1month`: a month has no fixed length, write it in days"),
            ("600w", "`600w` is longer than ten years"),
            ("99999999999999999999s", "`99999999999999999999s` is longer than ten years"),
            ("", "a duration is missing; did you mean `30s`?"),
            (
                "soon",
                "`soon` is not a duration: write it like `90s` or `1h30m`, units ms s m h d w",
            ),
        ],
    );
}

#[test]
fn sizes_take_binary_units_only() {
    check(
        size,
        &[
            ("256KiB", "262144"),
            ("1GiB", "1073741824"),
            ("512MB", "`MB` is not a unit of size; did you mean `512MiB`?"),
            ("512", "`512` has no unit; did you mean `512MiB`?"),
            ("big", "`big` is not a size: write it like `512MiB`, units KiB MiB GiB"),
            ("99999999999999999999GiB", "`99999999999999999999GiB` is more than any machine has"),
        ],
    );
}

#[test]
fn rates_name_their_period() {
    check(
        rate,
        &[
            ("100/1m", "100/1m"),
            ("60/60s", "60/1m"),
            ("60/m", "`m` is not a period; did you mean `60/1m`?"),
            ("60/min", "`min` is not a period; did you mean `60/1m`?"),
            ("60", "`60` does not say per how long; did you mean `60/1m`?"),
            ("0/1s", "`0` is not between 1 and 1000000"),
            ("5/48h", "the period of a rate is 1s to 24h"),
        ],
    );
}

proptest! {
    #[test]
    fn a_written_duration_reads_back(millis in 0u64..=315_532_800_000) {
        let duration = Duration::from_millis(millis);
        prop_assert_eq!(parse_duration(&format_duration(duration)), Ok(duration));
    }

    #[test]
    fn a_written_size_reads_back(kib in 1u64..=(1 << 40)) {
        prop_assert_eq!(parse_size(&format_size(kib << 10)), Ok(kib << 10));
    }

    #[test]
    fn a_proposal_is_always_accepted(text in "[0-9]{0,4}[.]?[0-9]{0,3}[ ]?(ms|s|min|hours|H|d|x|)[0-9]{0,2}[smhd]{0,2}") {
        if let Err(UnitError { fix: Some(fix), .. }) = parse_duration(&text) {
            prop_assert!(parse_duration(&fix).is_ok(), "`{}` for `{}`", fix, text);
        }
    }
}
