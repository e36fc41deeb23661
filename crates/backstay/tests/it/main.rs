//! The library's behaviours on a real PostgreSQL, one module each, in one binary.

// Helpers of tests may panic as the tests do.
#![allow(clippy::unwrap_used)]

mod act;
mod ahead;
mod alert;
mod asked;
mod attack;
mod attempt;
mod brake;
mod cancel;
mod complete;
mod context;
mod contract;
mod cron;
mod database;
mod dead_letter;
mod death;
mod doctor;
mod doors;
mod drain;
mod dropped;
mod enqueue;
mod examples;
mod expiry;
mod inspect;
mod invariants;
mod job;
mod keep;
mod kit;
mod machine;
mod operate;
mod options;
mod order;
mod output;
mod pause;
mod payload;
mod plans;
mod poison;
mod push;
mod readme;
mod rescue;
mod retry;
mod rights;
mod series;
mod trace;
mod unique;
mod verbs;
mod wake;
mod weave;
mod why;
