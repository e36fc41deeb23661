//! The thread that looks at the memory of this worker's control groups, so that no loop waits for the files that tell.

use std::sync::mpsc::{self as std_mpsc, RecvTimeoutError};

use backstay_isolate::MemoryProbe;
use tokio::sync::mpsc;

use super::Signal;
use crate::model::brake::memory::MemoryLook;

/// Keeps the looks going until it is dropped.
pub(crate) struct Looking {
    _alive: std_mpsc::Sender<()>,
}

/// Starts looking; what is seen goes to the claim loop.
pub(crate) fn start(look: MemoryLook, signals: mpsc::Sender<Signal>) -> std::io::Result<Looking> {
    let (alive, over) = std_mpsc::channel::<()>();
    let probe = MemoryProbe::new(&look.root);
    let first = probe.look();
    if first.full_avg10.is_none() {
        tracing::info!(target: "backstay", "the kernel does not tell how long jobs wait for memory; only its use is watched");
    }
    std::thread::Builder::new().name("backstay-memory".into()).spawn(move || {
        while over.recv_timeout(look.every) == Err(RecvTimeoutError::Timeout) {
            // A full line means that the loop is behind; the next look is as good.
            let _dropped = signals.try_send(Signal::Memory(probe.look()));
        }
    })?;
    Ok(Looking { _alive: alive })
}
