//! What an application does inside its own transaction, with whatever driver it has.

pub(crate) mod adapter;
pub(crate) mod caller;
pub(crate) mod cancel;
pub(crate) mod complete;
pub(crate) mod enqueue;
pub mod text;
