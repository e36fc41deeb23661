//! What is decided without a database: pure data and pure functions.

pub mod unit;
