//! What a sample means: whether a limit is passed, and when to look again; pure.

use std::time::Duration;

use crate::ending::StopReason;
use crate::limits::Limits;

/// A tree is looked at so often in its first seconds and whenever its memory moves.
const NEAR: Duration = Duration::from_millis(50);

/// And so often while nothing happens.
const FAR: Duration = Duration::from_millis(250);

/// When the limit may be passed before the next look.
const CLOSE: Duration = Duration::from_millis(10);

/// How long a job counts as young.
const YOUNG: Duration = Duration::from_secs(2);

/// Which limits this watch convicts for; others are held by the kernel.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Held {
    pub(crate) memory: bool,
    pub(crate) processes: bool,
}

/// What was seen of the tree of an attempt.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Seen {
    pub(super) memory_bytes: u64,
    /// The figure counts nothing twice, and nothing that the kernel could take back.
    pub(super) memory_is_sure: bool,
    pub(super) cpu: Duration,
    pub(super) tasks: u32,
    /// Since the last message, output or noteworthy CPU time.
    pub(super) idle: Duration,
}

/// Says which limit is passed.
pub(super) fn breach(limits: &Limits, held: Held, seen: &Seen) -> Option<StopReason> {
    let over = |value: u64, limit: Option<u64>| limit.is_some_and(|limit| value > limit);
    if held.memory && seen.memory_is_sure && over(seen.memory_bytes, limits.memory_bytes) {
        return Some(StopReason::MemoryLimit);
    }
    if held.processes && over(seen.tasks.into(), limits.processes.map(u64::from)) {
        return Some(StopReason::ProcessLimit);
    }
    if limits.cpu_time.is_some_and(|limit| seen.cpu > limit) {
        return Some(StopReason::CpuLimit);
    }
    limits.stall.is_some_and(|limit| seen.idle >= limit).then_some(StopReason::Stalled)
}

/// Says when to look again; `grown` is by how much memory has grown since the last look, `between`
/// how long ago that was.
pub(super) fn pace(
    limits: &Limits,
    age: Duration,
    seen: &Seen,
    grown: u64,
    between: Duration,
) -> Duration {
    let calm = if age < YOUNG { NEAR } else { FAR };
    let Some(limit) = limits.memory_bytes else { return calm };
    // Twice the growth until the next look near by: then it would be too late.
    let soon = NEAR.as_secs_f64() / between.as_secs_f64().max(0.001);
    let expected = seen.memory_bytes as f64 + 2.0 * grown as f64 * soon;
    if expected > limit as f64 {
        CLOSE
    } else if seen.memory_bytes > limit / 2 || grown > limit / 20 {
        NEAR
    } else {
        calm
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;
    const ALL: Held = Held { memory: true, processes: true };

    fn limits() -> Limits {
        Limits {
            memory_bytes: Some(256 * MIB),
            cpu_time: Some(Duration::from_secs(10)),
            stall: Some(Duration::from_secs(60)),
            processes: Some(64),
            ..Limits::default()
        }
    }

    fn memory(mib: u64, sure: bool) -> Seen {
        Seen { memory_bytes: mib * MIB, memory_is_sure: sure, ..Seen::default() }
    }

    #[test]
    fn each_limit_has_its_word_and_the_limit_itself_is_allowed() {
        let seen = Seen::default();
        let rows = [
            (memory(256, true), None),
            (memory(257, true), Some(StopReason::MemoryLimit)),
            (memory(257, false), None),
            (Seen { tasks: 64, ..seen }, None),
            (Seen { tasks: 65, ..seen }, Some(StopReason::ProcessLimit)),
            (Seen { cpu: Duration::from_secs(10), ..seen }, None),
            (Seen { cpu: Duration::from_millis(10_010), ..seen }, Some(StopReason::CpuLimit)),
            (Seen { idle: Duration::from_secs(59), ..seen }, None),
            (Seen { idle: Duration::from_secs(60), ..seen }, Some(StopReason::Stalled)),
        ];
        for (seen, expected) in rows {
            assert_eq!(breach(&limits(), ALL, &seen), expected, "{seen:?}");
            let none = Limits { processes: None, ..Limits::default() };
            assert_eq!(breach(&none, ALL, &seen), None, "no limit: {seen:?}");
        }
    }

    #[test]
    fn what_the_kernel_holds_the_watch_does_not_judge() {
        let held = Held { memory: false, processes: false };
        let seen = Seen { tasks: 65, ..memory(257, true) };
        assert_eq!(breach(&limits(), held, &seen), None);
    }

    #[test]
    fn the_watch_looks_more_often_where_something_moves() {
        let old = Duration::from_secs(10);
        let at =
            |age, mib, grown: u64| pace(&limits(), age, &memory(mib, false), grown * MIB, NEAR);
        assert_eq!(at(old, 10, 0), FAR);
        assert_eq!(at(Duration::from_secs(1), 10, 0), NEAR);
        assert_eq!(at(old, 130, 0), NEAR);
        assert_eq!(at(old, 30, 20), NEAR);
        assert_eq!(at(old, 100, 80), CLOSE);
        assert_eq!(at(old, 250, 4), CLOSE);
        assert_eq!(pace(&Limits::default(), old, &memory(9999, false), 999 * MIB, FAR), FAR);
    }
}
