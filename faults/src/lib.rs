//! Judges what became of jobs under faults, from records that the product cannot forge.
//!
//! This library knows nothing of the crate `backstay`. The programme that does the harm is `tests/faults/main.rs`.

pub mod checker;
pub mod facts;
pub mod history;
pub mod page;
pub mod proxy;
