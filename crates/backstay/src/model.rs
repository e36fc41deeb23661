//! What is decided without a database: pure data and pure functions.

pub mod alert;
pub mod bounds;
pub mod config;
pub mod drain;
pub mod fingerprint;
pub mod job;
pub mod judge;
pub mod lease;
pub mod nearest;
pub mod outcome;
pub mod priority;
pub mod retry;
pub mod state;
pub mod unit;
