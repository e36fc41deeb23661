//! Which harm is done to which connection, and in which direction.

use std::time::{Duration, Instant};

/// One sort of harm.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// Each message comes later by `by`, and by up to `jitter` more; their order stays.
    Late {
        /// What every message waits.
        by: Duration,
        /// What chance adds, at most.
        jitter: Duration,
    },
    /// No more than so many bytes pass in a second.
    Slow {
        /// At least 1.
        bytes_per_second: u32,
    },
    /// Everything is taken and nothing arrives, as on a line that is dead without saying so; what was taken arrives
    /// once that is over.
    Silent,
    /// The connection breaks when so many bytes have passed, in the middle of a message as it comes; those that are
    /// made later break as well.
    Cut {
        /// Counted for each connection and direction, from when the fault was set.
        after: u64,
    },
    /// Messages that begin with this letter vanish.
    Drop {
        /// `b'A'` is what carries a NOTIFY.
        letter: u8,
    },
    /// The line holds for `up`, then it breaks and stays so for `down`, over and over from when the fault was set.
    Flapping {
        /// How long connections hold at most.
        up: Duration,
        /// How long none can be made.
        down: Duration,
    },
}

/// A direction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// What clients send.
    ToServer,
    /// What the server answers.
    ToClient,
    /// All of it.
    Both,
}

/// Which connections are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Which {
    /// Every one.
    All,
    /// Those in whose `application_name` this word occurs.
    Named(&'static str),
}

impl Which {
    /// Whether a connection is meant that calls itself so; one that has not said its name yet is meant by `All` only.
    pub(super) fn means(self, name: Option<&str>) -> bool {
        match self {
            Which::All => true,
            Which::Named(word) => name.is_some_and(|name| name.contains(word)),
        }
    }
}

/// A fault and whom it hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rule {
    /// Which connections.
    pub which: Which,
    /// Which of their directions.
    pub way: Way,
    /// What happens there.
    pub fault: Fault,
}

/// All that is set, and since when.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) since: Instant,
    pub(super) list: Vec<Rule>,
}

/// What holds for one direction of one connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Harm {
    pub(super) by: Duration,
    pub(super) jitter: Duration,
    pub(super) bytes_per_second: Option<u32>,
    pub(super) is_silent: bool,
    pub(super) cut_after: Option<u64>,
    pub(super) dropped: Vec<u8>,
}

impl Rules {
    /// Nothing is set.
    pub(super) fn none() -> Rules {
        Rules { since: Instant::now(), list: Vec::new() }
    }

    fn faults(&self, name: Option<&str>, way: Way) -> impl Iterator<Item = Fault> {
        let meant = move |rule: &&Rule| {
            rule.which.means(name) && (rule.way == way || rule.way == Way::Both || way == Way::Both)
        };
        self.list.iter().filter(meant).map(|rule| rule.fault)
    }

    /// What one direction of a connection of this name suffers.
    pub(super) fn harm(&self, name: Option<&str>, way: Way) -> Harm {
        let mut harm = Harm::default();
        for fault in self.faults(name, way) {
            match fault {
                Fault::Late { by, jitter } => (harm.by, harm.jitter) = (by, jitter),
                Fault::Slow { bytes_per_second } => {
                    harm.bytes_per_second = Some(bytes_per_second.max(1));
                }
                Fault::Silent => harm.is_silent = true,
                Fault::Cut { after } => harm.cut_after = Some(after),
                Fault::Drop { letter } => harm.dropped.push(letter),
                Fault::Flapping { .. } => {}
            }
        }
        harm
    }

    /// Whether the line is broken now for a connection of this name, and when that changes; none where it never does.
    pub(super) fn line(&self, name: Option<&str>, now: Instant) -> Line {
        let flapping = self.faults(name, Way::Both).find_map(|fault| match fault {
            Fault::Flapping { up, down } => Some((up, down)),
            _ => None,
        });
        let Some((up, down)) = flapping else { return Line { is_broken: false, until: None } };
        let round = (up + down).max(Duration::from_millis(1));
        let rounds = now.duration_since(self.since).as_nanos() / round.as_nanos();
        let began = self.since + round * u32::try_from(rounds).unwrap_or(u32::MAX);
        let is_broken = now >= began + up;
        Line { is_broken, until: Some(began + if is_broken { round } else { up }) }
    }
}

/// The state of a line that may flap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) is_broken: bool,
    pub(super) until: Option<Instant>,
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn rules(which: Which, way: Way, fault: Fault) -> Rules {
        Rules { list: vec![Rule { which, way, fault }], ..Rules::none() }
    }

    #[test]
    fn a_fault_hits_the_named_connection_in_its_direction() {
        let rules = rules(Which::Named("beat"), Way::ToServer, Fault::Silent);
        let is_silent = |name, way| rules.harm(name, way).is_silent;
        assert!(is_silent(Some("backstay work 01234567 beat"), Way::ToServer));
        assert!(!is_silent(Some("backstay work 01234567 beat"), Way::ToClient));
        assert!(!is_silent(Some("backstay work 01234567 settle"), Way::ToServer));
        assert!(!is_silent(None, Way::ToServer), "it has not said its name");
    }

    #[test]
    fn a_flapping_line_is_up_then_down_then_up() {
        let rules = rules(Which::All, Way::Both, Fault::Flapping { up: ms(30), down: ms(70) });
        let at = |after| {
            let line = rules.line(None, rules.since + ms(after));
            (line.is_broken, line.until.map(|until| until - rules.since))
        };
        assert_eq!(at(0), (false, Some(ms(30))));
        assert_eq!(at(29), (false, Some(ms(30))));
        assert_eq!(at(30), (true, Some(ms(100))));
        assert_eq!(at(100), (false, Some(ms(130))));
        assert_eq!(at(250), (true, Some(ms(300))));
        assert_eq!(Rules::none().line(None, Instant::now()).until, None);
    }
}
