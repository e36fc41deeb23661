//! How exactly limits are held on this host, limit by limit, and why not better.

use std::fmt;

use crate::cgroup::Groups;
use crate::surroundings::Surroundings;

/// What a host grants, from the best on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum LevelName {
    /// A cgroup of its own for every child: the kernel holds the limits.
    Cgroup,
    /// Resource limits, priorities, and a watch that looks at every tree many times a second.
    Rlimit,
}

impl LevelName {
    /// Gives the word for it: `cgroup` or `rlimit`.
    pub fn as_str(self) -> &'static str {
        match self {
            LevelName::Cgroup => "cgroup",
            LevelName::Rlimit => "rlimit",
        }
    }
}

impl fmt::Display for LevelName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How exactly limits are held here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The level as a whole.
    pub name: LevelName,
    /// What holds each limit, such as `("memory", "watch")`; `none`: not held.
    pub holders: Vec<(&'static str, &'static str)>,
    /// Why it is not the best one.
    pub why: Option<String>,
    /// How to get the best one here, in one line, where it is not.
    pub advice: Option<&'static str>,
}

/// What holds each limit at level `rlimit`.
const RLIMIT_HOLDERS: [(&str, &str); 9] = [
    ("memory", "watch"),
    ("cpu_priority", "nice"),
    ("cpu_cap", "none"),
    ("cpu_time", "watch"),
    ("stall", "watch"),
    ("processes", "watch"),
    ("disk", "watch"),
    ("files", "rlimit"),
    ("io_weight", "none"),
];

impl Level {
    pub(crate) fn cgroup(groups: &Groups) -> Level {
        let better = |holder: &(&'static str, &'static str)| match *holder {
            (limit @ ("memory" | "processes"), _) => (limit, "cgroup"),
            (limit @ ("cpu_priority" | "cpu_cap"), _) if groups.cpu => (limit, "cgroup"),
            (limit @ "io_weight", _) if groups.io => (limit, "cgroup"),
            other => other,
        };
        let holders = RLIMIT_HOLDERS.iter().map(better).collect();
        Level { name: LevelName::Cgroup, holders, why: None, advice: None }
    }

    pub(crate) fn rlimit(why: &str) -> Level {
        Level {
            name: LevelName::Rlimit,
            holders: RLIMIT_HOLDERS.to_vec(),
            why: Some(why.to_owned()),
            advice: Some(Surroundings::look().advice()),
        }
    }
}
