//! The library's behaviours on a real PostgreSQL, one module each, in one binary.

// Helpers of tests may panic as the tests do.
#![allow(clippy::unwrap_used)]

mod attempt;
mod database;
mod dead_letter;
mod doctor;
mod doors;
mod enqueue;
mod inspect;
mod job;
mod kit;
mod operate;
mod options;
mod verbs;
