//! Where the fault programme breaks in: crash points, and statements that are replaced by broken ones.
//!
//! Nothing of it is built without the feature `faults`: then a point is nothing, and every text is the product's own.

#[cfg(feature = "faults")]
mod point;

#[cfg(feature = "faults")]
pub(crate) use point::{is_parted, pass, reach, text};

#[cfg(not(feature = "faults"))]
pub(crate) use absent::*;

/// A named point at which a test may end, stop or disturb this process; where it answers with an error, so does the function around it.
#[cfg(feature = "faults")]
macro_rules! failpoint {
    ($name:literal) => {
        $crate::failpoint::reach($name).await?
    };
    ($name:literal, if $here:expr) => {
        if $here {
            $crate::failpoint::reach($name).await?;
        }
    };
    // Where nothing can fail.
    (pass $name:literal) => {
        $crate::failpoint::pass($name)
    };
}
#[cfg(not(feature = "faults"))]
macro_rules! failpoint {
    ($name:literal) => {};
    ($name:literal, if $here:expr) => {
        let _: bool = $here;
    };
    (pass $name:literal) => {};
}
pub(crate) use failpoint;

/// All points, for the test that reaches each of them. In the order of a job's life.
#[cfg(feature = "faults")]
pub const POINTS: &[&str] = &[
    "claim.before_send",
    "claim.before_commit",
    "claim.after_commit",
    "spawn.before",
    "spawn.after",
    "child.ready",
    "child.done_before_frame",
    "child.done_after_frame",
    "settle.before_send",
    "settle.before_commit",
    "settle.after_commit",
    "bury.before_commit",
    "bury.after_commit",
    "beat.before_send",
    "beat.after_send",
    "rescue.after_lock",
    "rescue.after_judge",
    "rescue.before_commit",
    "rescue.after_commit",
    "promote.before_send",
    "promote.after_commit",
    "tick.before_send",
    "tick.before_commit",
    "tick.after_commit",
    "prune.before_send",
    "lead.after_win",
    "alert.before_fold",
    "alert.before_send",
    "alert.after_accept",
    "drain.before_release",
    "drain.before_goodbye",
    "migrate.between_steps",
];

#[cfg(not(feature = "faults"))]
mod absent {
    pub(crate) const fn is_parted() -> bool {
        false
    }

    pub(crate) const fn text(_name: &str, text: &'static str) -> &'static str {
        text
    }
}
