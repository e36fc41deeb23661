//! Quiet hours of a route: when what is not urgent waits, and until when.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Time;
use jiff::tz::TimeZone;

use super::alert::{Rule, Severity};

/// Hours of the day in which a route keeps still; what comes in them is told folded when they end.
///
/// ```
/// use backstay::config::{Hold, QuietHours};
///
/// let night = QuietHours::new("22:00", "07:00", "Europe/Berlin", Hold::Warnings)?;
/// assert!(QuietHours::new("22:00", "22:00", "UTC", Hold::All).is_err());
/// # let _ = night;
/// # Ok::<(), String>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QuietHours {
    from: Time,
    to: Time,
    zone: TimeZone,
    hold: Hold,
}

/// What quiet hours hold back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hold {
    /// What is no error.
    Warnings,
    /// Everything, save that alerts or a duty of the worker fail: these two only where the route names them.
    All,
}

impl QuietHours {
    /// Reads hours such as `22:00` to `07:00`, over midnight where the end is the smaller one, in a zone of the IANA database.
    ///
    /// # Errors
    ///
    /// A sentence that says what is wrong with which of them.
    pub fn new(from: &str, to: &str, zone: &str, hold: Hold) -> Result<Self, String> {
        let (from, to) = (time(from)?, time(to)?);
        if from == to {
            return Err("they begin and end at the same time".into());
        }
        let zone = TimeZone::get(zone)
            .map_err(|_| format!("`{zone}` is no time zone; such as \"Europe/Berlin\""))?;
        Ok(Self { from, to, zone, hold })
    }

    /// Tells whether an alert of `rule` waits; `named` where the route asks for this very rule.
    #[must_use]
    pub fn holds(&self, rule: Rule, named: bool) -> bool {
        match (rule, self.hold) {
            (Rule::AlertsFailing | Rule::LoopSilent, Hold::All) => named,
            (_, Hold::All) => true,
            (_, Hold::Warnings) => rule.severity() != Severity::Error,
        }
    }

    /// Gives how long it is from `at` to the end of these hours; nothing outside of them.
    ///
    /// Where the clocks are put forward over the end, they end right after it.
    #[must_use]
    pub fn left(&self, at: Timestamp) -> Option<Duration> {
        let local = at.to_zoned(self.zone.clone());
        let time = local.time();
        let is_within = if self.from < self.to {
            self.from <= time && time < self.to
        } else {
            self.from <= time || time < self.to
        };
        if !is_within {
            return None;
        }
        let day = if time < self.to { local.date() } else { local.date().tomorrow().ok()? };
        let end = day.to_datetime(self.to).to_zoned(self.zone.clone()).ok()?.timestamp();
        Duration::try_from(end.duration_since(at)).ok().filter(|left| !left.is_zero())
    }
}

fn time(text: &str) -> Result<Time, String> {
    Time::strptime("%H:%M", text)
        .map_err(|_| format!("`{text}` is no time of day; such as \"22:00\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(hours: (&str, &str, &str), at: &str) -> Option<u64> {
        let hours = QuietHours::new(hours.0, hours.1, hours.2, Hold::Warnings).unwrap();
        hours.left(at.parse().unwrap()).map(|left| left.as_secs() / 60)
    }

    #[test]
    fn a_night_ends_in_the_morning_of_its_zone() {
        let night = ("22:00", "07:00", "Europe/Berlin");
        assert_eq!(left(night, "2026-01-10T20:59:00Z"), None);
        assert_eq!(left(night, "2026-01-10T21:00:00Z"), Some(9 * 60));
        assert_eq!(left(night, "2026-01-11T05:59:00Z"), Some(1));
        assert_eq!(left(night, "2026-01-11T06:00:00Z"), None);
        let lunch = ("12:00", "13:30", "UTC");
        assert_eq!(left(lunch, "2026-01-10T13:00:00Z"), Some(30));
        assert_eq!(left(lunch, "2026-01-10T11:59:00Z"), None);
    }

    #[test]
    fn where_the_clocks_change_a_night_is_an_hour_shorter_or_longer() {
        let night = ("22:00", "07:00", "Europe/Berlin");
        assert_eq!(left(night, "2026-03-28T21:00:00Z"), Some(8 * 60));
        assert_eq!(left(night, "2026-10-24T20:00:00Z"), Some(10 * 60));
        // 02:30 does not come on that day.
        assert_eq!(left(("22:00", "02:30", "Europe/Berlin"), "2026-03-29T00:30:00Z"), Some(60));
    }

    #[test]
    fn errors_come_through_and_that_nobody_can_be_told_always_does_unless_it_is_named() {
        let of = |hold| QuietHours::new("22:00", "07:00", "UTC", hold).unwrap();
        let (warnings, all) = (of(Hold::Warnings), of(Hold::All));
        assert!(warnings.holds(Rule::QueueLate, false) && !warnings.holds(Rule::First, true));
        assert!(all.holds(Rule::First, false));
        for rule in [Rule::AlertsFailing, Rule::LoopSilent] {
            assert!(
                !warnings.holds(rule, true) && !all.holds(rule, false) && all.holds(rule, true)
            );
        }
    }

    #[test]
    fn what_is_no_hour_and_what_is_no_zone_is_said() {
        let refused = |from, to, zone| QuietHours::new(from, to, zone, Hold::All).unwrap_err();
        assert!(refused("10 pm", "07:00", "UTC").contains("`10 pm` is no time of day"));
        assert!(refused("22:00", "24:30", "UTC").contains("`24:30`"));
        assert!(refused("22:00", "07:00", "Berlin").contains("no time zone"));
        assert!(refused("07:00", "07:00", "UTC").contains("the same time"));
    }
}
