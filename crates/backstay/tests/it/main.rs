//! The library's behaviours on a real PostgreSQL, one module each, in one binary.

mod attempt;
mod database;
mod doors;
mod enqueue;
mod job;
mod options;
mod verbs;
