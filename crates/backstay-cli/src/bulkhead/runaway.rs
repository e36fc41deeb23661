//! The six kinds of runaway: their names, what they do, and which ends are right for them.

/// One way in which a job goes haywire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum Runaway {
    /// Busy loops, two for each core
    Spin,
    /// 2 GB of memory, at full speed
    Hog,
    /// Processes that start processes
    Bomb,
    /// 1 GB of stderr
    Flood,
    /// A loop that gives way to nothing and ignores TERM
    Hang,
    /// 50 connections: cross joins and transactions left open
    Sql,
}

impl Runaway {
    /// In the order of the table.
    pub(crate) const ALL: [Runaway; 6] =
        [Runaway::Spin, Runaway::Hog, Runaway::Bomb, Runaway::Flood, Runaway::Hang, Runaway::Sql];

    /// The word on the command line and in JSON.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Runaway::Spin => "spin",
            Runaway::Hog => "hog",
            Runaway::Bomb => "bomb",
            Runaway::Flood => "flood",
            Runaway::Hang => "hang",
            Runaway::Sql => "sql",
        }
    }

    /// What it does, for people.
    pub(crate) fn title(self) -> &'static str {
        match self {
            Runaway::Spin => "CPU spin on every core",
            Runaway::Hog => "2 GB memory hog",
            Runaway::Bomb => "fork bomb",
            Runaway::Flood => "1 GB of stderr",
            Runaway::Hang => "endless loop, ignores TERM",
            Runaway::Sql => "SQL: 50 connections, cross joins",
        }
    }

    /// The same where there is little room.
    pub(crate) fn name_on_two_lines(self) -> (&'static str, &'static str) {
        match self {
            Runaway::Spin => ("CPU spin", "busy loops, 2 for each core"),
            Runaway::Hog => ("Memory hog", "2 GB at full speed"),
            Runaway::Bomb => ("Fork bomb", "each process starts two"),
            Runaway::Flood => ("Output flood", "1 GB of stderr"),
            Runaway::Hang => ("Endless loop", "never yields, ignores TERM"),
            Runaway::Sql => ("Runaway SQL", "cross joins, 50 connections"),
        }
    }

    /// The words that may stand for its end as a job; with a cgroup the fork itself fails, and the job with it.
    pub(crate) fn right_ends(self) -> &'static [&'static str] {
        match self {
            Runaway::Spin | Runaway::Hang => &["timed_out"],
            Runaway::Hog => &["memory_limit", "oom_killed", "probable_oom"],
            Runaway::Bomb => &["process_limit", "failed"],
            Runaway::Flood => &["output_limit", "timed_out"],
            Runaway::Sql => &["timed_out"],
        }
    }
}
