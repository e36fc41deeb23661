//! One housekeeping loop a file: stateless, idempotent, bounded; any worker may run any of them at any time.

pub(crate) mod alert;
pub(crate) mod count;
pub(crate) mod dead_man;
pub(crate) mod figures;
pub(crate) mod lead;
pub(crate) mod look;
pub(crate) mod peaks;
pub(crate) mod promote;
pub(crate) mod prune;
pub(crate) mod replay;
pub(crate) mod rescue;
pub(crate) mod sort;
pub(crate) mod tick;
