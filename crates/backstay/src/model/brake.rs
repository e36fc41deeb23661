//! When to claim less because the database is in trouble: what was observed goes in, how slowly to claim comes out.

pub mod memory;

use std::fmt;
use std::time::Duration;

use super::unit::format_duration;

/// Cells of the window: what is older than all of them is forgotten.
const CELLS: usize = 10;
/// One slow claim says nothing about a database; so many within the window do.
const SLOW_LEAST: u32 = 3;
/// More than one claim in so many is slow: the 95th percentile is.
const SLOW_SHARE: u32 = 20;

/// From when on the database is in trouble, and how soon it is trusted again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BrakeMarks {
    /// A claim that takes longer is slow \[200 ms\].
    pub claim: Duration,
    /// So many statements that ran out of time within the window are trouble \[3\].
    pub timeouts: u32,
    /// A beat that takes longer is trouble \[1 s\].
    pub beat: Duration,
    /// More sessions than this share of what the server takes are trouble, in hundredths \[90\].
    pub sessions_hundredths: u32,
    /// How far back is looked \[10 s\].
    pub window: Duration,
    /// So long nothing of it may have been seen before claims go twice as fast again, and so at each window from then on \[30 s\].
    pub calm: Duration,
    /// The slowest pace \[10 s\].
    pub slowest: Duration,
    /// People are told after so long \[2 min\].
    pub told_after: Duration,
}

impl BrakeMarks {
    /// The marks of production.
    #[must_use]
    pub const fn normal() -> BrakeMarks {
        BrakeMarks {
            claim: Duration::from_millis(200),
            timeouts: 3,
            beat: Duration::from_secs(1),
            sessions_hundredths: 90,
            window: Duration::from_secs(10),
            calm: Duration::from_secs(30),
            slowest: Duration::from_secs(10),
            told_after: Duration::from_secs(120),
        }
    }
}

impl Default for BrakeMarks {
    fn default() -> BrakeMarks {
        BrakeMarks::normal()
    }
}

/// What is wrong with the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Trouble {
    /// So many claims of so many took longer than this.
    Claims { slow: u32, of: u32, most: Duration },
    /// So many statements ran out of time.
    Timeouts(u32),
    /// The last beat took so long.
    Beat(Duration),
    /// So many sessions of so many that the server takes.
    Sessions { open: u32, most: u32 },
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::Claims { slow, of, most } => {
                write!(
                    f,
                    "{slow} of the last {of} claims took longer than {}",
                    format_duration(*most)
                )
            }
            Trouble::Timeouts(count) => write!(f, "{count} statements ran out of time"),
            Trouble::Beat(took) => write!(f, "a beat took {}", format_duration(*took)),
            Trouble::Sessions { open, most } => write!(f, "{open} of {most} sessions are open"),
        }
    }
}

/// What a step changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// From now on claims are slower.
    On(Trouble),
    /// They are as fast as ever; whether people had been told.
    Off { lasted: Duration, told: bool },
    /// It has been on for so long that people should know.
    Told(Trouble),
}

/// What was observed in one part of the window.
#[derive(Debug, Clone, Copy, Default)]
struct Cell {
    /// Which part it is, counted from the worker's start.
    number: u64,
    claims: u32,
    slow: u32,
    timeouts: u32,
}

/// The brake of the database. Times are monotonic, counted from the worker's start.
#[derive(Debug, Clone)]
pub(crate) struct Brake {
    marks: BrakeMarks,
    cells: [Cell; CELLS],
    beat: Duration,
    sessions: (u32, u32),
    on: Option<On>,
}

#[derive(Debug, Clone, Copy)]
struct On {
    since: Duration,
    trouble: Trouble,
    /// When the last of it was seen.
    seen_at: Duration,
    /// The pace is the usual one, doubled so often.
    doubled: u32,
    /// When it was changed.
    stepped_at: Duration,
    told: bool,
}

impl Brake {
    pub(crate) fn new(marks: BrakeMarks) -> Brake {
        Brake { marks, cells: Default::default(), beat: Duration::ZERO, sessions: (0, 0), on: None }
    }

    /// Notes how long a claim took, also one that failed.
    pub(crate) fn claimed(&mut self, now: Duration, took: Duration) {
        let is_slow = took > self.marks.claim;
        let cell = self.cell(now);
        cell.claims = cell.claims.saturating_add(1);
        cell.slow = cell.slow.saturating_add(u32::from(is_slow));
    }

    /// Notes a statement that ran out of time.
    pub(crate) fn timed_out(&mut self, now: Duration) {
        let cell = self.cell(now);
        cell.timeouts = cell.timeouts.saturating_add(1);
    }

    /// Notes how long the newest beat took, and how many sessions of how many it saw.
    pub(crate) fn beaten(&mut self, took: Duration, sessions: (u32, u32)) {
        self.beat = took;
        self.sessions = sessions;
    }

    /// Draws the consequences; to be called now and then, with a clock that never goes back.
    pub(crate) fn step(&mut self, now: Duration, pace: Duration) -> Option<Change> {
        let (marks, trouble) = (self.marks, self.trouble(now));
        let Some(on) = &mut self.on else {
            let trouble = trouble?;
            self.on = Some(On {
                since: now,
                trouble,
                seen_at: now,
                doubled: 1,
                stepped_at: now,
                told: false,
            });
            return Some(Change::On(trouble));
        };
        if let Some(trouble) = trouble {
            (on.trouble, on.seen_at) = (trouble, now);
            // The window must have been seen at this pace before it says that this pace is not slow enough.
            if now.saturating_sub(on.stepped_at) >= marks.window
                && doubled(pace, on.doubled) < marks.slowest
            {
                (on.doubled, on.stepped_at) = (on.doubled + 1, now);
            }
        // Going faster needs no more proof than going slower did: a window at this pace, in which all was well.
        } else if now.saturating_sub(on.seen_at) >= marks.calm
            && now.saturating_sub(on.stepped_at) >= marks.window
        {
            (on.doubled, on.stepped_at) = (on.doubled - 1, now);
        }
        let lasted = now.saturating_sub(on.since);
        if on.doubled == 0 {
            let told = on.told;
            self.on = None;
            return Some(Change::Off { lasted, told });
        }
        let is_news = !on.told && lasted >= marks.told_after;
        on.told |= is_news;
        is_news.then_some(Change::Told(on.trouble))
    }

    /// What holds claims back, if something does.
    pub(crate) fn trouble_seen(&self) -> Option<Trouble> {
        self.on.map(|on| on.trouble)
    }

    pub(crate) fn is_on(&self) -> bool {
        self.on.is_some()
    }

    /// How long from one claim to the next, and from one look to the next, where `pace` is usual.
    pub(crate) fn pace(&self, pace: Duration) -> Duration {
        match &self.on {
            None => pace,
            // Whoever looks less often anyway goes on so.
            Some(on) => doubled(pace, on.doubled).min(self.marks.slowest.max(pace)),
        }
    }

    fn trouble(&self, now: Duration) -> Option<Trouble> {
        let last = self.number(now);
        let seen = self.cells.iter().filter(|cell| cell.number + CELLS as u64 > last);
        let (mut claims, mut slow, mut timeouts) = (0u32, 0u32, 0u32);
        for cell in seen {
            claims = claims.saturating_add(cell.claims);
            slow = slow.saturating_add(cell.slow);
            timeouts = timeouts.saturating_add(cell.timeouts);
        }
        // What has slowed claims down leaves fewer of them to judge by.
        let (slow_least, timeouts_least) =
            if self.is_on() { (1, 1) } else { (SLOW_LEAST, self.marks.timeouts) };
        let (open, most) = self.sessions;
        if timeouts >= timeouts_least {
            Some(Trouble::Timeouts(timeouts))
        } else if slow >= slow_least && slow.saturating_mul(SLOW_SHARE) > claims {
            Some(Trouble::Claims { slow, of: claims, most: self.marks.claim })
        } else if self.beat > self.marks.beat {
            Some(Trouble::Beat(self.beat))
        } else if u64::from(open) * 100
            > u64::from(most) * u64::from(self.marks.sessions_hundredths)
        {
            Some(Trouble::Sessions { open, most })
        } else {
            None
        }
    }

    /// The part of the window that is now.
    fn cell(&mut self, now: Duration) -> &mut Cell {
        let number = self.number(now);
        let cell = &mut self.cells[(number % CELLS as u64) as usize];
        if cell.number != number {
            *cell = Cell { number, ..Cell::default() };
        }
        cell
    }

    fn number(&self, now: Duration) -> u64 {
        let part = (self.marks.window / CELLS as u32).max(Duration::from_nanos(1));
        u64::try_from(now.as_nanos() / part.as_nanos()).unwrap_or(u64::MAX / 2)
    }
}

fn doubled(pace: Duration, times: u32) -> Duration {
    pace.saturating_mul(1 << times.min(20))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn at(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    fn brake() -> Brake {
        Brake::new(BrakeMarks::normal())
    }

    /// What one step after these observations says of a brake that was off.
    #[track_caller]
    fn check(observe: impl Fn(&mut Brake), expected: Option<Trouble>) {
        let mut brake = brake();
        observe(&mut brake);
        assert_eq!(brake.step(at(9), SECOND), expected.map(Change::On));
    }

    fn claims(brake: &mut Brake, count: u32, took_ms: u64) {
        (0..count).for_each(|_| brake.claimed(at(9), Duration::from_millis(took_ms)));
    }

    #[test]
    fn each_trouble_has_its_mark() {
        let most = Duration::from_millis(200);
        check(|brake| claims(brake, 100, 200), None);
        check(|brake| claims(brake, 2, 5000), None);
        check(|brake| claims(brake, 3, 201), Some(Trouble::Claims { slow: 3, of: 3, most }));
        let mixed = |fast| {
            move |brake: &mut Brake| {
                claims(brake, 3, 300);
                claims(brake, fast, 5);
            }
        };
        check(mixed(57), None);
        check(mixed(56), Some(Trouble::Claims { slow: 3, of: 59, most }));
        let timeouts =
            |count| move |brake: &mut Brake| (0..count).for_each(|_| brake.timed_out(at(5)));
        check(timeouts(2), None);
        check(timeouts(3), Some(Trouble::Timeouts(3)));
        check(|brake| brake.beaten(SECOND, (90, 100)), None);
        check(|brake| brake.beaten(at(2), (0, 100)), Some(Trouble::Beat(at(2))));
        let crowd = Some(Trouble::Sessions { open: 91, most: 100 });
        check(|brake| brake.beaten(SECOND, (91, 100)), crowd);
    }

    #[test]
    fn what_is_older_than_the_window_is_forgotten() {
        let mut brake = brake();
        claims(&mut brake, 50, 900);
        assert_eq!(brake.step(at(19), SECOND), None);
        assert!(matches!(brake.step(at(18), SECOND), Some(Change::On(_))));
    }

    #[test]
    fn claims_go_half_as_fast_each_ten_seconds_and_after_thirty_of_calm_back_as_quickly() {
        let mut brake = brake();
        brake.beaten(at(3), (0, 100));
        let paces = |brake: &mut Brake, from: u64, to: u64| -> Vec<(u64, u64)> {
            let mut seen = Vec::new();
            for second in from..to {
                brake.step(at(second), SECOND);
                let pace = brake.pace(SECOND).as_secs();
                if seen.last().is_none_or(|(_, before)| *before != pace) {
                    seen.push((second, pace));
                }
            }
            seen
        };
        assert_eq!(paces(&mut brake, 0, 100), [(0, 2), (10, 4), (20, 8), (30, 10)]);
        brake.beaten(SECOND, (0, 100));
        assert_eq!(
            paces(&mut brake, 100, 300),
            [(100, 10), (129, 8), (139, 4), (149, 2), (159, 1)]
        );
        assert!(!brake.is_on());
    }

    #[test]
    fn trouble_on_the_way_back_asks_for_thirty_seconds_of_calm_again() {
        let mut brake = brake();
        brake.beaten(at(3), (0, 100));
        (0..100).for_each(|second| {
            brake.step(at(second), SECOND);
        });
        brake.beaten(SECOND, (0, 100));
        (100..140).for_each(|second| {
            brake.step(at(second), SECOND);
        });
        assert_eq!(brake.pace(SECOND), at(4), "it was on its way back");
        brake.timed_out(at(140));
        // What ran out of time is part of the window for ten seconds.
        (140..150).for_each(|second| {
            brake.step(at(second), SECOND);
        });
        let slower = brake.pace(SECOND);
        let faster = (150..300).find(|second| {
            brake.step(at(*second), SECOND);
            brake.pace(SECOND) < slower
        });
        assert_eq!((slower, faster), (at(8), Some(179)));
    }

    #[test]
    fn while_it_is_on_one_slow_claim_is_enough_to_stay() {
        let mut brake = brake();
        claims(&mut brake, 3, 900);
        brake.step(at(9), SECOND);
        for second in (19..200).step_by(10) {
            brake.claimed(at(second), Duration::from_millis(400));
            brake.step(at(second), SECOND);
        }
        assert_eq!(brake.pace(SECOND), at(10));
    }

    #[test]
    fn people_are_told_once_and_only_when_it_lasts() {
        let mut brake = brake();
        brake.beaten(at(3), (0, 100));
        let told = (0..600)
            .filter(|second| matches!(brake.step(at(*second), SECOND), Some(Change::Told(_))));
        assert_eq!(told.collect::<Vec<_>>(), [120]);
        brake.beaten(SECOND, (0, 100));
        let over = (600..900).find_map(|second| brake.step(at(second), SECOND));
        assert!(matches!(over, Some(Change::Off { told: true, .. })));
    }

    #[derive(Debug, Clone)]
    enum Seen {
        Claim(u64),
        Timeout,
        Beat(u64, u32),
        Nothing,
    }

    fn seen() -> impl Strategy<Value = Seen> {
        prop_oneof![
            (0u64..1000).prop_map(Seen::Claim),
            Just(Seen::Timeout),
            (0u64..3000, 0u32..120).prop_map(|(ms, open)| Seen::Beat(ms, open)),
            Just(Seen::Nothing),
        ]
    }

    proptest! {
        #[test]
        fn it_goes_on_only_with_a_reason_and_off_only_after_calm(
            pace_ms in 1u64..60_000,
            steps in prop::collection::vec((seen(), 0u64..20_000), 0..300),
        ) {
            let (marks, pace) = (BrakeMarks::normal(), Duration::from_millis(pace_ms));
            let mut brake = Brake::new(marks);
            let (mut now, mut is_on, mut trouble_at) = (Duration::ZERO, false, Duration::ZERO);
            for (seen, wait) in steps {
                now += Duration::from_millis(wait);
                match seen {
                    Seen::Claim(ms) => brake.claimed(now, Duration::from_millis(ms)),
                    Seen::Timeout => brake.timed_out(now),
                    Seen::Beat(ms, open) => brake.beaten(Duration::from_millis(ms), (open, 100)),
                    Seen::Nothing => {}
                }
                let trouble = brake.trouble(now);
                let before = brake.pace(pace);
                match brake.step(now, pace) {
                    Some(Change::On(_)) => {
                        prop_assert!(!is_on && trouble.is_some());
                        is_on = true;
                    }
                    Some(Change::Off { .. }) => {
                        prop_assert!(is_on && trouble.is_none() && now - trouble_at >= marks.calm);
                        is_on = false;
                    }
                    Some(Change::Told(_)) | None => {}
                }
                if trouble.is_some() {
                    trouble_at = now;
                    prop_assert!(is_on && brake.pace(pace) >= before);
                }
                prop_assert_eq!(brake.is_on(), is_on);
                prop_assert!(brake.pace(pace) >= pace && brake.pace(pace) <= marks.slowest.max(pace));
                prop_assert!(is_on || brake.pace(pace) == pace);
            }
        }
    }
}
