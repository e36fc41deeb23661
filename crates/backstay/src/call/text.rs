//! The texts that a driver sends for each verb, for drivers that have no adapter here.
//!
//! Each takes text parameters, which the server casts, and answers with one row of one text column: a
//! JSON document. So an adapter for any driver is a few lines:
//!
//! ```
//! # fn query_one(text: &str, params: &[&str]) -> String { r#"{"id": "1", "created": true}"#.into() }
//! use backstay::text;
//!
//! let answer: String = query_one(text::ENQUEUE, &["report", r#"{"tenant": 7}"#, "{}"]);
//! assert_eq!(answer, r#"{"id": "1", "created": true}"#);
//! ```

/// Asks for one job: `kind`, `args`, `options`; answers `{"id": "4211", "created": true}`.
pub const ENQUEUE: &str = statement(include_str!("../../sql/call/enqueue.sql"));
/// Asks for many jobs: `jobs`, `options` for all; answers an array in the order of the jobs.
pub const ENQUEUE_MANY: &str = statement(include_str!("../../sql/call/enqueue_many.sql"));
/// Asks for many jobs of one kind: `kind`, an array of args, `options` for all; answers an array.
pub const ENQUEUE_ROWS: &str = statement(include_str!("../../sql/call/enqueue_rows.sql"));
/// Stops a job: `id`, `options`; answers one word in quotes.
pub const CANCEL: &str = statement(include_str!("../../sql/call/cancel.sql"));
/// Finds the holder of a unique key: `kind`, `key`; answers the id in quotes, or `null`.
pub const FIND: &str = statement(include_str!("../../sql/call/find.sql"));
/// Shows a job: `id`; answers the job document, or `null`.
pub const SHOW: &str = statement(include_str!("../../sql/call/show.sql"));
/// Holds the claim of an attempt until the transaction ends: `id`, `attempt`, `worker`.
pub const ASSERT_LEASE: &str = statement(include_str!("../../sql/call/assert_lease.sql"));
/// Notes progress: `id`, `attempt`, `worker`, `percent`, `options`.
pub const PROGRESS: &str = statement(include_str!("../../sql/call/progress.sql"));
/// Saves a checkpoint: `id`, `attempt`, `worker`, `value`.
pub const CHECKPOINT: &str = statement(include_str!("../../sql/call/checkpoint.sql"));
/// Ends a job as done: `id`, `attempt`, `worker`, `options`.
pub const COMPLETE: &str = statement(include_str!("../../sql/call/complete.sql"));

/// The statement without its header, which need not travel with every call.
const fn statement(file: &'static str) -> &'static str {
    let bytes = file.as_bytes();
    let mut at = 0;
    while bytes[at] == b'-' {
        while bytes[at] != b'\n' {
            at += 1;
        }
        at += 1;
    }
    file.split_at(at).1.trim_ascii()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_one_line_without_its_header() {
        for text in [ENQUEUE, ENQUEUE_MANY, ENQUEUE_ROWS, CANCEL, FIND, SHOW, COMPLETE] {
            assert!(text.starts_with("select ") && !text.contains('\n'), "{text}");
        }
    }
}
