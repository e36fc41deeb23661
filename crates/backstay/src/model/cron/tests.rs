use jiff::civil::DateTime;

use super::*;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn rhythm(line: &str, zone: &str) -> Rhythm {
    Rhythm::parse(line, zone).unwrap()
}

fn coming(line: &str, zone: &str, after: &str, n: usize) -> Vec<String> {
    rhythm(line, zone).coming(at(after), n).map(|tick| tick.to_string()).collect()
}

fn refusal(line: &str) -> String {
    Rhythm::parse(line, "UTC").unwrap_err().to_string()
}

#[test]
fn a_line_says_when_field_by_field() {
    let cases = [
        ("30 2 * * *", "2026-11-23T02:30:00Z", "2026-11-24T02:30:00Z"),
        ("*/15 9-17 * * mon-fri", "2026-11-20T17:45:00Z", "2026-11-23T09:00:00Z"),
        ("0 0 1,15 * *", "2026-11-15T00:00:00Z", "2026-12-01T00:00:00Z"),
        ("5/20 * * * *", "2026-11-23T10:05:00Z", "2026-11-23T10:25:00Z"),
        ("*/10 * * * * *", "2026-11-23T10:00:05.5Z", "2026-11-23T10:00:10Z"),
        ("0 0 29 2 *", "2026-01-01T00:00:00Z", "2028-02-29T00:00:00Z"),
        ("0 0 13 * fri", "2026-11-23T00:00:00Z", "2026-11-27T00:00:00Z"),
        ("0 12 * * 7", "2026-11-23T00:00:00Z", "2026-11-29T12:00:00Z"),
        ("0 12 * * fri-sun", "2026-11-28T12:00:00Z", "2026-11-29T12:00:00Z"),
        ("@hourly", "2026-11-23T10:00:00Z", "2026-11-23T11:00:00Z"),
        ("@Weekly", "2026-11-23T10:00:00Z", "2026-11-29T00:00:00Z"),
        ("59 59 23 31 12 *", "2026-12-31T23:59:59Z", "2027-12-31T23:59:59Z"),
    ];
    for (line, after, next) in cases {
        assert_eq!(coming(line, "UTC", after, 1), [next], "{line}");
    }
}

#[test]
fn what_is_no_line_is_refused_with_what_to_write() {
    assert!(refusal("30 2 * *").starts_with("4 fields, five or six are wanted"));
    assert_eq!(refusal("61 2 * * *"), "minute: `61` is not 0 to 59");
    assert_eq!(refusal("0 2 * * mond"), "day of week: `mond` is not 0 to 7; did you mean `mon`?");
    assert_eq!(
        refusal("0 2 * * fri-mon"),
        "day of week: `fri-mon` goes backwards; write two ranges"
    );
    assert_eq!(refusal("*/0 * * * *"), "minute: `/0`: a step is 1 to 59");
    assert_eq!(refusal("@dayly"), "`@dayly` is not known; did you mean @daily?");
    assert_eq!(refusal("0 0 30 2 *"), "no month of these has such a day, so it never comes");
    assert!(refusal(&"1,".repeat(200)).contains("of at most 256"));
    let zone = Rhythm::parse("0 0 * * *", "Europe/Pariss").unwrap_err().to_string();
    assert!(zone.starts_with("`Europe/Pariss` is no time zone"), "{zone}");
}

#[test]
fn t20_a_fixed_time_is_due_once_at_the_shift_where_the_clock_leaves_it_out() {
    let days = coming("30 2 * * *", "Europe/Paris", "2027-03-26T12:00:00Z", 3);
    assert_eq!(days, ["2027-03-27T01:30:00Z", "2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"]);
    // Samoa left out the whole of 30 December 2011.
    let samoa = coming("0 6 30 12 *", "Pacific/Apia", "2011-12-29T00:00:00Z", 1);
    assert_eq!(samoa, ["2011-12-30T10:00:00Z"]);
}

#[test]
fn t20_a_fixed_time_that_comes_twice_is_due_the_first_time() {
    let days = coming("30 2 * * *", "Europe/Paris", "2027-10-30T12:00:00Z", 2);
    assert_eq!(days, ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"]);
    // Also asked from within the second of the two passes.
    let within = coming("45 2 * * *", "Europe/Paris", "2027-10-31T01:10:00Z", 1);
    assert_eq!(within, ["2027-11-01T01:45:00Z"]);
}

#[test]
fn t20_hours_by_step_follow_the_time_that_has_passed() {
    let spring = coming("*/30 * * * *", "Europe/Paris", "2027-03-28T00:00:00Z", 4);
    assert_eq!(
        spring,
        [
            "2027-03-28T00:30:00Z",
            "2027-03-28T01:00:00Z",
            "2027-03-28T01:30:00Z",
            "2027-03-28T02:00:00Z"
        ]
    );
    let autumn = coming("0 */1 * * *", "Europe/Paris", "2027-10-30T23:00:00Z", 4);
    assert_eq!(
        autumn,
        [
            "2027-10-31T00:00:00Z",
            "2027-10-31T01:00:00Z",
            "2027-10-31T02:00:00Z",
            "2027-10-31T03:00:00Z"
        ]
    );
}

/// What a clock on the wall would do, minute by minute, with nothing of the code above but the fields of a line.
///
/// A fixed time is due when the wall clock reaches or jumps over it for the first time; hours by step are due whenever the
/// wall clock shows them.
struct Wall {
    follows: bool,
    minutes: &'static [i8],
    hours: &'static [i8],
}

const LINES: [(&str, Wall); 5] = [
    ("30 2 * * *", Wall { follows: false, minutes: &[30], hours: &[2] }),
    ("0,15 0,1,3 * * *", Wall { follows: false, minutes: &[0, 15], hours: &[0, 1, 3] }),
    ("*/20 23 * * *", Wall { follows: false, minutes: &[0, 20, 40], hours: &[23] }),
    ("*/30 * * * *", Wall { follows: true, minutes: &[0, 30], hours: &ALL_HOURS }),
    ("7 */2 * * *", Wall { follows: true, minutes: &[7], hours: &EVEN_HOURS }),
];
const ALL_HOURS: [i8; 24] =
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23];
const EVEN_HOURS: [i8; 12] = [0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22];
const MINUTE: SignedDuration = SignedDuration::from_mins(1);

impl Wall {
    fn shows(&self, local: DateTime) -> bool {
        self.minutes.contains(&local.minute()) && self.hours.contains(&local.hour())
    }

    /// The ticks of a span, found by walking over each of its minutes.
    fn walk(&self, zone: &TimeZone, from: Timestamp, to: Timestamp) -> Vec<Timestamp> {
        let (mut found, mut now) = (Vec::new(), from);
        let mut furthest = zone.to_datetime(now);
        while now < to {
            now = now.checked_add(MINUTE).unwrap();
            let local = zone.to_datetime(now);
            let is_due = if self.follows {
                self.shows(local)
            } else {
                let mut passed = furthest;
                let mut any = false;
                while passed < local {
                    passed = passed.checked_add(MINUTE).unwrap();
                    any = any || self.shows(passed);
                }
                any
            };
            if is_due {
                found.push(now);
            }
            furthest = furthest.max(local);
        }
        found
    }
}

/// Compares a span of a zone with the walk over its minutes; how many ticks there were.
fn compare(name: &str, zone: &TimeZone, from: Timestamp, to: Timestamp) -> usize {
    let mut ticks = 0;
    for (line, wall) in &LINES {
        let walked = wall.walk(zone, from, to);
        let rhythm = Rhythm { line: line.parse().unwrap(), zone: zone.clone() };
        let found: Vec<Timestamp> =
            rhythm.coming(from, usize::MAX).take_while(|tick| *tick <= to).collect();
        if found != walked {
            let odd = found.iter().find(|tick| !walked.contains(tick));
            let missing = walked.iter().find(|tick| !found.contains(tick));
            panic!("{name} `{line}`: {odd:?} is wrong, {missing:?} is missing");
        }
        ticks += found.len();
    }
    ticks
}

/// Two days before and after each shift of the zone from 2000 to 2040, or all of these years.
fn spans(zone: &TimeZone, whole: bool) -> Vec<(Timestamp, Timestamp)> {
    let (begin, end) = (at("2000-01-01T00:00:00Z"), at("2040-01-01T00:00:00Z"));
    if whole {
        return vec![(begin, end)];
    }
    let days = SignedDuration::from_hours(48);
    let shifts = zone.following(begin).map(|shift| shift.timestamp());
    shifts
        .take_while(|shift| *shift < end)
        .map(|shift| {
            // The walk goes by whole minutes of UTC.
            let minute = Timestamp::from_second(shift.as_second() / 60 * 60).unwrap();
            (minute.checked_sub(days).unwrap(), minute.checked_add(days).unwrap())
        })
        .collect()
}

#[test]
fn t20_ticks_are_those_of_a_clock_on_the_wall_in_every_zone() {
    // BACKSTAY_CRON_ZONES=all: every zone around its shifts; `whole`: every minute of forty years, which takes hours.
    let wish = std::env::var("BACKSTAY_CRON_ZONES").unwrap_or_default();
    let names: Vec<String> = if ["all", "whole"].contains(&wish.as_str()) {
        jiff::tz::db().available().map(|name| name.to_string()).collect()
    } else {
        [
            "Europe/Paris",
            "America/New_York",
            "Australia/Lord_Howe",
            "Pacific/Apia",
            "Africa/Cairo",
            "UTC",
        ]
        .map(str::to_owned)
        .to_vec()
    };
    let (mut zones, mut ticks) = (0, 0);
    for name in &names {
        let Ok(zone) = TimeZone::get(name) else { continue };
        zones += 1;
        let mut spans = spans(&zone, wish == "whole");
        if wish.is_empty() {
            spans = spans.into_iter().step_by(5).collect();
        }
        ticks += spans.into_iter().map(|(from, to)| compare(name, &zone, from, to)).sum::<usize>();
    }
    println!("{zones} zones, {ticks} ticks");
    assert!(zones >= 5 && ticks > 1_000, "{zones} zones, {ticks} ticks");
}

fn policy(missed: Missed) -> Policy {
    Policy { missed, within: Duration::from_secs(86_400), most: 3 }
}

fn planned(line: &str, missed: Missed, counted_to: &str, now: &str) -> Plan {
    plan(&rhythm(line, "UTC"), &policy(missed), at(counted_to), at(now))
}

fn texts(ticks: &[Timestamp]) -> Vec<String> {
    ticks.iter().map(|tick| tick.strftime("%d %H:%M").to_string()).collect()
}

#[test]
fn a_tick_in_time_runs_whatever_is_said_of_missed_ones() {
    for missed in [Missed::Once, Missed::Skip, Missed::All] {
        let plan = planned("0 * * * *", missed, "2026-11-23T09:00:00Z", "2026-11-23T10:00:00.4Z");
        assert_eq!((texts(&plan.run), plan.dropped), (vec!["23 10:00".into()], None));
        assert_eq!(plan.next, Some(at("2026-11-23T11:00:00Z")));
    }
}

#[test]
fn nothing_is_due_before_its_time() {
    let plan = planned("0 * * * *", Missed::All, "2026-11-23T09:00:00Z", "2026-11-23T09:59:59Z");
    assert_eq!(plan, Plan { next: Some(at("2026-11-23T10:00:00Z")), ..Plan::default() });
    // A clock that was set back decides nothing twice.
    let plan = planned("0 * * * *", Missed::All, "2026-11-23T09:00:00Z", "2026-11-23T08:30:00Z");
    assert_eq!(plan, Plan { next: Some(at("2026-11-23T10:00:00Z")), ..Plan::default() });
}

#[test]
fn missed_ticks_run_as_the_policy_says() {
    let gap = ("2026-11-23T00:30:00Z", "2026-11-23T06:30:00Z");
    let once = planned("0 * * * *", Missed::Once, gap.0, gap.1);
    assert_eq!(texts(&once.run), ["23 06:00"]);
    assert_eq!(once.dropped.map(|dropped| dropped.count), Some(5));
    let skip = planned("0 * * * *", Missed::Skip, gap.0, gap.1);
    assert!(skip.run.is_empty());
    assert_eq!(skip.dropped.map(|dropped| dropped.count), Some(6));
    let all = planned("0 * * * *", Missed::All, gap.0, gap.1);
    assert_eq!(texts(&all.run), ["23 04:00", "23 05:00", "23 06:00"]);
    let dropped = all.dropped.unwrap();
    assert_eq!((dropped.count, dropped.first), (3, at("2026-11-23T01:00:00Z")));
}

#[test]
fn t17_after_a_fortnight_only_what_is_young_enough_runs_and_the_rest_is_counted() {
    let gap = ("2026-11-09T12:30:00Z", "2026-11-23T12:30:00Z");
    let daily = planned("0 12 * * *", Missed::All, gap.0, gap.1);
    assert_eq!(texts(&daily.run), ["23 12:00"]);
    assert_eq!(daily.dropped.map(|dropped| (dropped.count, dropped.is_more)), Some((13, false)));
    let weekly = planned("0 12 * * 0", Missed::Once, gap.0, gap.1);
    assert!(weekly.run.is_empty(), "yesterday noon is older than 24 h");
    let each_second = planned("* * * * * *", Missed::Once, gap.0, gap.1);
    let dropped = each_second.dropped.unwrap();
    assert!(dropped.is_more && dropped.count == 10_000);
    assert_eq!(each_second.run.len(), 61, "the newest missed one, and a minute of those in time");
    assert_eq!(each_second.counted_to, Some(at(gap.1)));
}

#[test]
fn whoever_looks_and_whenever_the_same_ticks_come() {
    let hourly = rhythm("17 */3 * * *", "America/New_York");
    let (mut counted, end) = (at("2026-10-30T00:00:00Z"), at("2026-11-05T00:00:00Z"));
    let once: Vec<Timestamp> =
        hourly.coming(counted, 100).take_while(|tick| *tick <= end).collect();
    let (mut seen, mut now) = (Vec::new(), counted);
    let mut step = 7;
    while now < end {
        step = step * 31 % 59 + 1;
        now = now.checked_add(SignedDuration::from_secs(step)).unwrap().min(end);
        let plan = plan(&hourly, &policy(Missed::Skip), counted, now);
        seen.extend(plan.run);
        counted = plan.counted_to.unwrap_or(counted);
    }
    assert_eq!(seen, once);
}

#[test]
fn a_line_that_is_faster_than_ten_seconds_is_known_as_such() {
    let now = at("2026-11-23T00:00:00Z");
    assert!(rhythm("*/5 * * * * *", "UTC").is_faster_than(Duration::from_secs(10), now));
    assert!(!rhythm("*/10 * * * * *", "UTC").is_faster_than(Duration::from_secs(10), now));
}
