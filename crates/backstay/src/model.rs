//! What is decided without a database: pure data and pure functions.

pub mod alert;
pub mod bounds;
pub mod claim;
pub mod code;
pub mod config;
pub mod contract;
pub mod document;
pub mod drain;
pub mod event;
pub mod fingerprint;
pub mod instant;
pub mod job;
pub mod judge;
pub mod lease;
pub mod mark;
pub mod nearest;
pub mod options;
pub mod outcome;
pub mod priority;
pub mod request;
pub mod retry;
pub mod route;
pub mod state;
pub mod status;
pub mod unique;
pub mod unit;
