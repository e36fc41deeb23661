//! The library's behaviours on a real PostgreSQL, one module each, in one binary.

// Helpers of tests may panic as the tests do.
#![allow(clippy::unwrap_used)]

mod attempt;
mod database;
mod doors;
mod enqueue;
mod job;
mod kit;
mod options;
mod verbs;
