//! Which channels get an alert.

use std::collections::BTreeSet;

use super::alert::{LOG, Rule};
use super::config::Route;

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

/// Lists the channels that get an alert, each once: those of every route that fits.
///
/// Without routes all channels get it. Where no route fits, or none of its channels is there, the
/// log gets it. That a channel fails is told on every other channel and in the log, whatever the
/// routes say.
#[must_use]
pub fn channels_for(about: &About<'_>, routes: &[Route], known: &[&str]) -> Vec<String> {
    if about.rule == Rule::AlertsFailing {
        let others = known.iter().filter(|name| **name != about.subject && **name != LOG);
        return others.copied().chain([LOG]).map(str::to_owned).collect();
    }
    let wanted: BTreeSet<&str> = if routes.is_empty() {
        known.iter().copied().collect()
    } else {
        let fitting = routes.iter().filter(|route| fits(about, route));
        fitting.flat_map(|route| route.to.iter().map(String::as_str)).collect()
    };
    let there: Vec<String> = wanted
        .into_iter()
        .filter(|name| known.contains(name) || *name == LOG)
        .map(str::to_owned)
        .collect();
    if there.is_empty() { vec![LOG.to_owned()] } else { there }
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

    fn route(rules: &[Rule], queues: &[&str], kinds: &[&str], to: &[&str]) -> Route {
        let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        Route { rules: rules.to_vec(), queues: texts(queues), kinds: texts(kinds), to: texts(to) }
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
}
