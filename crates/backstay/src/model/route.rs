//! Which channels get an alert, and when.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::alert::{LOG, Rule};
use super::config::Route;
use super::hours::QuietHours;

/// What a route looks at.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// Why it is told.
    pub rule: Rule,
    /// What it is about.
    pub subject: &'a str,
    /// The queue, where it is about one.
    pub queue: Option<&'a str>,
    /// The kind, where it is about one.
    pub kind: Option<&'a str>,
}

/// A channel that gets an alert, and when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Turn {
    /// Its name.
    pub channel: String,
    /// So long after the first message, unless somebody has acknowledged the incident or it is over; zero is the first itself.
    pub after: Duration,
    /// Hours in which the channel is not to be told of this.
    pub hours: Option<QuietHours>,
}

impl Turn {
    fn at_once(channel: &str) -> Turn {
        Turn { channel: channel.to_owned(), after: Duration::ZERO, hours: None }
    }

    /// Gives the wait of a message that would be due after `due_in`: where that is within quiet hours, until they end.
    #[must_use]
    pub fn due_in(&self, now: Timestamp, due_in: Duration) -> Duration {
        let at = SignedDuration::try_from(due_in).ok().and_then(|wait| now.checked_add(wait).ok());
        let left = at.zip(self.hours.as_ref()).and_then(|(at, hours)| hours.left(at));
        due_in.saturating_add(left.unwrap_or_default())
    }
}

/// Lists who gets an alert and when: the steps of every route that fits, each channel of a step once, the first step first.
///
/// Without routes all channels get it. Where no route fits, or none of its channels is there, the
/// log gets it; and so it does where nobody else is told at once. That a channel fails is told on every other channel and in the
/// log, whatever the routes say.
#[must_use]
pub fn turns_for(about: &About<'_>, routes: &[Route], known: &[&str]) -> Vec<Turn> {
    if about.rule == Rule::AlertsFailing {
        let others = known.iter().filter(|name| **name != about.subject && **name != LOG);
        return others.copied().chain([LOG]).map(Turn::at_once).collect();
    }
    let mut turns: BTreeMap<(Duration, &str), Option<QuietHours>> = BTreeMap::new();
    if routes.is_empty() {
        turns.extend(known.iter().map(|name| ((Duration::ZERO, *name), None)));
    }
    for route in routes.iter().filter(|route| fits(about, route)) {
        let named = route.rules.contains(&about.rule);
        let hours = route.quiet_hours.as_ref().filter(|hours| hours.holds(about.rule, named));
        for step in &route.steps {
            let there = step.to.iter().map(String::as_str);
            for name in there.filter(|name| known.contains(name) || *name == LOG) {
                // Of two routes to one channel the one without quiet hours wins.
                turns
                    .entry((step.after, name))
                    .and_modify(|kept| *kept = kept.take().filter(|_| hours.is_some()))
                    .or_insert_with(|| hours.cloned());
            }
        }
    }
    if turns.first_key_value().is_none_or(|((after, _), _)| !after.is_zero()) {
        turns.insert((Duration::ZERO, LOG), None);
    }
    let turn = |((after, name), hours): ((Duration, &str), _)| Turn {
        channel: name.to_owned(),
        after,
        hours,
    };
    turns.into_iter().map(turn).collect()
}

/// An alert that is about no queue fits no route that names queues, and the same for kinds.
fn fits(about: &About<'_>, route: &Route) -> bool {
    let among = |names: &[String], name: Option<&str>| {
        names.is_empty() || name.is_some_and(|name| names.iter().any(|one| one == name))
    };
    (route.rules.is_empty() || route.rules.contains(&about.rule))
        && among(&route.queues, about.queue)
        && among(&route.kinds, about.kind)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::Step;
    use crate::model::hours::Hold;

    fn route(rules: &[Rule], queues: &[&str], kinds: &[&str], to: &[&str]) -> Route {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Route { rules: rules.to_vec(), queues: texts(queues), kinds: texts(kinds), ..Route::to(to) }
    }

    fn channels_for(about: &About<'_>, routes: &[Route], known: &[&str]) -> Vec<String> {
        let turns = turns_for(about, routes, known).into_iter();
        turns.filter(|turn| turn.after.is_zero()).map(|turn| turn.channel).collect()
    }

    fn about<'a>(rule: Rule, queue: Option<&'a str>, kind: Option<&'a str>) -> About<'a> {
        About { rule, subject: "a3f19c02", queue, kind }
    }

    const KNOWN: [&str; 3] = ["mail", "page", "team"];

    #[test]
    fn without_routes_every_channel_gets_it_and_without_channels_the_log_does() {
        let death = about(Rule::First, Some("reports"), Some("report"));
        assert_eq!(channels_for(&death, &[], &KNOWN), KNOWN);
        assert_eq!(channels_for(&death, &[], &[]), ["log"]);
    }

    #[test]
    fn each_route_that_fits_adds_its_channels_once() {
        let routes = [
            route(&[Rule::First], &[], &[], &["team", "mail"]),
            route(&[], &["reports"], &[], &["page", "team"]),
            route(&[], &["reports"], &["export"], &["nobody"]),
        ];
        let death = about(Rule::First, Some("reports"), Some("report"));
        assert_eq!(channels_for(&death, &routes, &KNOWN), ["mail", "page", "team"]);
        let other = about(Rule::First, Some("default"), Some("report"));
        assert_eq!(channels_for(&other, &routes, &KNOWN), ["mail", "team"]);
    }

    #[test]
    fn what_fits_no_route_goes_to_the_log() {
        let routes = [route(&[], &["reports"], &[], &["team"])];
        assert_eq!(channels_for(&about(Rule::WorkerLost, None, None), &routes, &KNOWN), ["log"]);
        let gone = [route(&[], &[], &[], &["a-channel-of-before"])];
        assert_eq!(channels_for(&about(Rule::First, None, None), &gone, &KNOWN), ["log"]);
        let log = [route(&[], &[], &[], &["log", "team"])];
        assert_eq!(channels_for(&about(Rule::First, None, None), &log, &KNOWN), ["log", "team"]);
    }

    #[test]
    fn a_channel_is_not_told_of_its_own_failure() {
        let failing = About { rule: Rule::AlertsFailing, subject: "team", queue: None, kind: None };
        let routes = [route(&[], &[], &[], &["team"])];
        assert_eq!(channels_for(&failing, &routes, &KNOWN), ["mail", "page", "log"]);
    }

    fn step(minutes: u64, to: &[&str]) -> Step {
        let after = Duration::from_secs(minutes * 60);
        Step { after, ..Route::to(to).steps.remove(0) }
    }

    #[test]
    fn the_steps_of_all_routes_come_in_their_order_and_the_log_is_told_where_nobody_is_at_once() {
        let steps = vec![step(0, &["team"]), step(30, &["page", "team"])];
        let later = vec![step(30, &["page"]), step(60, &["mail"])];
        let routes =
            [Route { steps, ..Route::to(&[]) }, Route { steps: later.clone(), ..Route::to(&[]) }];
        let death = about(Rule::First, None, None);
        let told = |routes: &[Route]| -> Vec<(u64, String)> {
            let turns = turns_for(&death, routes, &KNOWN).into_iter();
            turns.map(|turn| (turn.after.as_secs() / 60, turn.channel)).collect()
        };
        let named = |all: &[(u64, &str)]| -> Vec<(u64, String)> {
            all.iter().map(|(after, name)| (*after, (*name).to_owned())).collect()
        };
        let all = [(0, "team"), (30, "page"), (30, "team"), (60, "mail")];
        assert_eq!(told(&routes), named(&all));
        let patient = [Route { steps: later, ..Route::to(&[]) }];
        assert_eq!(told(&patient), named(&[(0, "log"), (30, "page"), (60, "mail")]));
    }

    #[test]
    fn quiet_hours_hold_what_they_may_and_a_route_without_them_wins() {
        let night = QuietHours::new("22:00", "07:00", "UTC", Hold::Warnings).unwrap();
        let quiet = Route { quiet_hours: Some(night), ..Route::to(&["team"]) };
        let evening: Timestamp = "2026-01-10T21:59:30Z".parse().unwrap();
        let minute = Duration::from_secs(60);
        let wait = |rule: Rule, routes: &[Route]| {
            turns_for(&about(rule, None, None), routes, &KNOWN)[0].due_in(evening, minute)
        };
        let routes = [quiet.clone()];
        assert_eq!(wait(Rule::QueueLate, &routes), minute + Duration::from_secs(9 * 3600 - 30));
        assert_eq!(wait(Rule::First, &routes), minute, "an error is told at night");
        assert_eq!(wait(Rule::QueueLate, &[quiet, Route::to(&["team"])]), minute);
        let turn = &turns_for(&about(Rule::QueueLate, None, None), &routes, &KNOWN)[0];
        assert_eq!(turn.due_in(evening, Duration::ZERO), Duration::ZERO, "they have not begun");
    }
}
