//! A deed that a key of `top` asks for, and the question before it is done.

/// What is done at the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Deed {
    Cancel(i64),
    /// Without grace.
    Kill(i64),
    Pause(String),
    Resume(String),
}

impl Deed {
    /// The question before it is done.
    pub(super) fn question(&self) -> String {
        match self {
            Deed::Cancel(id) => format!("Cancel job {id} for good? y/n"),
            Deed::Kill(id) => format!("Kill job {id} for good, at once and without grace? y/n"),
            Deed::Pause(queue) => format!("Pause queue {queue}? y/n"),
            Deed::Resume(queue) => format!("Resume queue {queue}? y/n"),
        }
    }
}
