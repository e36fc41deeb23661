//! The seven states of a job and the one table of lawful moves between them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::nearest::nearest;

/// Where a job stands in its life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum State {
    /// Waits for its time.
    Scheduled,
    /// Held back with a reason, outside the line.
    Parked,
    /// In line; the next free slot takes it.
    Ready,
    /// In the hands of a worker.
    Running,
    /// Done.
    Completed,
    /// Stopped for good, on purpose.
    Cancelled,
    /// A dead letter: it stays until somebody revives or discards it.
    Dead,
}

/// Every lawful move: from, to, and the verb that makes it.
///
/// Enqueue is not listed, since it comes from nowhere; it leads to `scheduled`, `parked` or `ready`.
pub const MOVES: &[(State, State, &str)] = &[
    (State::Scheduled, State::Parked, "promote"),
    (State::Scheduled, State::Ready, "promote"),
    (State::Parked, State::Ready, "admit"),
    (State::Ready, State::Parked, "park"),
    (State::Ready, State::Running, "claim"),
    (State::Running, State::Completed, "complete"),
    (State::Running, State::Scheduled, "retry"),
    (State::Running, State::Scheduled, "snooze"),
    (State::Running, State::Scheduled, "release"),
    (State::Running, State::Ready, "release"),
    (State::Running, State::Parked, "release"),
    (State::Running, State::Parked, "park"),
    (State::Running, State::Cancelled, "cancel"),
    (State::Running, State::Dead, "bury"),
    (State::Scheduled, State::Cancelled, "cancel"),
    (State::Parked, State::Cancelled, "cancel"),
    (State::Ready, State::Cancelled, "cancel"),
    (State::Scheduled, State::Dead, "bury"),
    (State::Parked, State::Dead, "bury"),
    (State::Ready, State::Dead, "bury"),
    (State::Scheduled, State::Ready, "edit"),
    (State::Scheduled, State::Parked, "edit"),
    (State::Parked, State::Scheduled, "edit"),
    (State::Ready, State::Scheduled, "edit"),
    (State::Dead, State::Ready, "revive"),
    (State::Dead, State::Parked, "revive"),
];

impl State {
    /// All states, in the order of a job's life.
    pub const ALL: [Self; 7] = [
        Self::Scheduled,
        Self::Parked,
        Self::Ready,
        Self::Running,
        Self::Completed,
        Self::Cancelled,
        Self::Dead,
    ];

    /// Gives the word that every door uses.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Scheduled => "scheduled",
            Self::Parked => "parked",
            Self::Ready => "ready",
            Self::Running => "running",
            Self::Completed => "completed",
            Self::Cancelled => "cancelled",
            Self::Dead => "dead",
        }
    }

    /// Tells whether something will still move the job by itself.
    #[must_use]
    pub fn is_live(self) -> bool {
        !matches!(self, Self::Completed | Self::Cancelled | Self::Dead)
    }

    /// Tells whether any verb leads straight from this state to `to`.
    #[must_use]
    pub fn may_become(self, to: Self) -> bool {
        MOVES.iter().any(|(from, into, _)| *from == self && *into == to)
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A word that is no state.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{word}` is no state; did you mean `{meant}`?")]
pub struct UnknownState {
    word: String,
    meant: &'static str,
}

impl FromStr for State {
    type Err = UnknownState;

    fn from_str(word: &str) -> Result<Self, UnknownState> {
        if let Some(state) = Self::ALL.into_iter().find(|state| state.as_str() == word) {
            return Ok(state);
        }
        let words = Self::ALL.map(Self::as_str);
        let meant = nearest(word, words).unwrap_or("ready");
        Err(UnknownState { word: word.chars().take(64).collect(), meant })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_reads_back_as_its_state() {
        for state in State::ALL {
            assert_eq!(state.as_str().parse(), Ok(state));
            let json = serde_json::to_string(&state).unwrap();
            assert_eq!(json, format!("\"{state}\""));
        }
    }

    #[test]
    fn a_misspelt_state_names_the_nearest() {
        let wrong = "sheduled".parse::<State>().unwrap_err();
        assert_eq!(wrong.to_string(), "`sheduled` is no state; did you mean `scheduled`?");
    }

    #[test]
    fn no_move_is_listed_twice_and_none_stands_still() {
        for (at, row) in MOVES.iter().enumerate() {
            assert!(!MOVES[at + 1..].contains(row), "{row:?} is listed twice");
            assert_ne!(row.0, row.1);
        }
    }

    #[test]
    fn what_is_over_stays_over_and_only_dead_letters_come_back() {
        for (from, to, verb) in MOVES {
            assert!(!matches!(from, State::Completed | State::Cancelled), "{from} -> {to}");
            assert_eq!(*from == State::Dead, *verb == "revive");
        }
    }

    #[test]
    fn every_live_state_leads_to_an_end_and_running_is_entered_by_the_claim_alone() {
        let mut ends = vec![State::Completed, State::Cancelled, State::Dead];
        for _ in State::ALL {
            let more: Vec<_> = MOVES.iter().filter(|m| ends.contains(&m.1)).map(|m| m.0).collect();
            ends.extend(more);
        }
        assert!(State::ALL.iter().all(|state| ends.contains(state)));
        let claims: Vec<_> = MOVES.iter().filter(|m| m.1 == State::Running).collect();
        assert_eq!(claims, [&(State::Ready, State::Running, "claim")]);
        assert!(State::Ready.may_become(State::Running));
        assert!(!State::Dead.may_become(State::Running));
    }
}
