//! What `doctor` takes, and the runaways that it lets loose.

use clap::{Args, Subcommand};

#[derive(Debug, Args)]
pub(crate) struct DoctorArgs {
    /// Also prove that this machine holds the limits of jobs: seven runaways, five seconds; needs no database
    #[arg(long)]
    pub(crate) limits: bool,
    /// Look instead whether what must hold in every database does hold, such as that each job stands in one place
    #[arg(long, conflicts_with = "limits")]
    pub(crate) invariants: bool,
}

/// A process that misbehaves on purpose, each in one way; it ends by itself where nobody ends it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Subcommand)]
pub(crate) enum Runaway {
    /// Takes memory, 4 times its limit
    Memory,
    /// Starts threads
    Processes,
    /// Computes
    CpuTime,
    /// Sleeps, and does not heed SIGTERM
    Timeout,
    /// Prints
    Output,
    /// Has a grandchild that leaves both session and parents
    Escape,
    /// What stands between the grandchild and its family
    Between,
    /// Has a child, and waits for its shim to be killed
    Orphan,
    /// Says its pid and stays
    Stay,
}

impl Runaway {
    /// How it is called on a command line.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Memory => "memory",
            Self::Processes => "processes",
            Self::CpuTime => "cpu-time",
            Self::Timeout => "timeout",
            Self::Output => "output",
            Self::Escape => "escape",
            Self::Between => "between",
            Self::Orphan => "orphan",
            Self::Stay => "stay",
        }
    }
}
