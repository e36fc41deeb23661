//! The library's behaviours on a real PostgreSQL, one module each, in one binary.

mod job;
