//! stdout and stderr of a child: read no faster than a token bucket allows, with the end of stderr kept as text.

/// Bounds what a child may print.
#[derive(Clone, Copy, Debug)]
pub struct OutputLimits {
    /// Bytes of stdout and stderr of one attempt in all; default 256 MiB, then it is ended.
    pub total_bytes: u64,
    /// Bytes read per second; default 1 MiB. A child that prints faster waits.
    pub bytes_per_second: u64,
    /// Bytes read at once after silence; default 4 MiB.
    pub burst_bytes: u64,
}

impl Default for OutputLimits {
    fn default() -> OutputLimits {
        OutputLimits {
            total_bytes: 256 * 1024 * 1024,
            bytes_per_second: 1024 * 1024,
            burst_bytes: 4 * 1024 * 1024,
        }
    }
}
