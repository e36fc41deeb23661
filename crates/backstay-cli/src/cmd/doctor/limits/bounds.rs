//! What the runaways of `doctor --limits` may use, and how much more they try to take.

use std::time::Duration;

const MIB: u64 = 1 << 20;

pub(super) const MEMORY_BYTES: u64 = 64 * MIB;
/// What the hog takes before it gives up.
pub(super) const GREED_BYTES: u64 = 4 * MEMORY_BYTES;
pub(super) const PROCESSES: u32 = 32;
/// Threads that the fork bomb starts before it gives up.
pub(super) const TASKS: usize = 512;
/// Its exit code when the kernel lets it start no more.
pub(super) const REFUSED: u8 = 20;
pub(super) const CPU_TIME: Duration = Duration::from_millis(200);
pub(super) const TIMEOUT: Duration = Duration::from_millis(400);
pub(super) const GRACE: Duration = Duration::from_millis(200);
pub(super) const OUTPUT_BYTES: u64 = MIB;
