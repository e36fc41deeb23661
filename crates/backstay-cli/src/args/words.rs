//! Words that people bring from other queues, each with the command that does it here.

/// One line of the table: words that mean the same, and what to type instead.
type Ours = (&'static [&'static str], &'static str);

const TABLE: &[Ours] = &[
    (
        &["retry", "rerun", "redo", "reschedule"],
        "a dead letter goes back into the line by `backstay dead revive ID`, a job that waits for \
         its retry runs now by `backstay jobs promote ID`",
    ),
    (
        &["requeue", "redrive", "replay", "resurrect"],
        "a dead letter goes back into the line by `backstay dead revive ID`",
    ),
    (
        &["kill", "abort", "stop", "terminate", "quit", "delete"],
        "a job is ended for good by `backstay jobs cancel ID`",
    ),
    (
        &["rm", "remove", "purge", "clear", "flush"],
        "a dead letter is put aside by `backstay dead discard ID`, a job is ended by \
         `backstay jobs cancel ID`",
    ),
    (&["list", "ls", "ps", "tasks"], "jobs are listed by `backstay jobs list`"),
    (&["logs", "log", "follow", "output"], "what a job prints is shown by `backstay tail ID -f`"),
    (&["show", "info", "inspect"], "one job is shown by `backstay jobs show ID`"),
    (
        &["dlq", "morgue", "failed", "failures", "errors"],
        "what has failed for good is listed by `backstay dead list`",
    ),
    (
        &["ack", "resolve"],
        "a dead letter is marked as seen by `backstay dead acknowledge`, an alert by `backstay alerts acknowledge`",
    ),
    (&["run", "start", "worker", "consume", "process"], "jobs are run by `backstay work`"),
    (
        &["push", "add", "submit", "publish", "perform", "send", "create"],
        "a job is made by `backstay enqueue KIND ARGS`",
    ),
    (&["stats", "depth"], "queues and their lengths are listed by `backstay queues list`"),
    (&["setup", "install"], "a database is prepared by `backstay init`"),
    (&["db", "upgrade", "schema"], "the schema is brought up to date by `backstay migrate up`"),
    (&["quiet", "shutdown"], "a worker finishes and stops by `backstay workers drain ID`"),
    (&["lint", "validate", "verify", "test"], "the file is checked by `backstay check`"),
    (&["settings", "env"], "settings are shown by `backstay config show`"),
];

/// Gives the sentence that names our command, for a word from elsewhere.
pub(super) fn ours(word: &str) -> Option<&'static str> {
    let word = word.to_ascii_lowercase();
    TABLE.iter().find(|(words, _)| words.contains(&word.as_str())).map(|(_, ours)| *ours)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_word_has_two_answers() {
        let mut words: Vec<&str> =
            TABLE.iter().flat_map(|(words, _)| words.iter().copied()).collect();
        words.sort_unstable();
        let all = words.len();
        words.dedup();
        assert_eq!(words.len(), all);
    }
}
