//! Child processes for work that must not harm its host: started by a shim, talked to in lines, ended with all descendants.
//!
//! A program that hosts Rust handlers calls [`enter`] first in `main`. In a supervisor it then starts
//! one [`Launcher`] for the whole process, makes a [`Pool`] per [`Program`], and hands it an [`Order`]
//! per attempt. What comes back is a [`Run`]: events, and at the end exactly one [`Report`].
//!
//! ```no_run
//! use std::time::Duration;
//! use backstay_isolate::{Argv, Launcher, Mode, Order, Pool, PoolLimits, Program, Role, RunEvent};
//!
//! # async fn run() -> Result<(), Box<dyn std::error::Error>> {
//! let Role::Supervisor = backstay_isolate::enter() else { return Ok(()) };
//! let launcher = Launcher::start()?;
//! let program = Program {
//!     argv: Argv::Command(vec!["wc".into(), "-c".into()]),
//!     dir: None,
//!     env: vec![("PATH".into(), "/usr/bin:/bin".into())],
//!     mode: Mode::Command,
//!     hello: None,
//! };
//! let pool = Pool::new(launcher, program, PoolLimits::default());
//! let mut order = Order::new("1", 1, Duration::from_secs(5), Duration::from_secs(1));
//! order.stdin = b"{}".to_vec();
//! let mut run = pool.run(order).await;
//! loop {
//!     if let RunEvent::Ended(report) = run.next().await {
//!         println!("{}", report.ending);
//!         break;
//!     }
//! }
//! # Ok(()) }
//! ```

#[cfg(not(target_os = "linux"))]
compile_error!("backstay-isolate needs Linux: shims, pidfds and /proc have no equal elsewhere yet");

mod attempt;
mod boot;
mod cgroup;
mod child;
mod circuit;
mod container;
mod ending;
mod frame;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod hint;
mod host_memory;
mod kill;
mod launcher;
mod level;
mod limits;
mod link;
mod news;
mod oom;
mod output;
mod pipes;
mod pool;
mod pool_set;
mod pressure;
mod process;
mod program;
mod protocol;
mod pulse;
#[cfg(test)]
#[path = "../../../fuzz/replay.rs"]
mod replay;
mod run;
mod scratch;
mod shelf;
mod shim;
mod spawn;
mod standing;
mod surroundings;
mod usage;
mod watch;

pub use boot::{BootFailed, Ready};
pub use circuit::Health;
pub use container::Container;
pub use ending::{Ending, StopReason};
pub use frame::{LINE_BYTES, LineDecoder, LineTooLong};
pub use host_memory::usable_memory;
pub use launcher::{Launcher, LauncherError, LauncherOptions};
pub use level::{Level, LevelName};
pub use limits::{CpuPriority, Limits, PoolLimits};
pub use link::{ChildEar, ChildLink, ChildSender, Entry, Role, enter, entry};
pub use news::{ChildNews, Wear};
pub use output::{OutputLimits, OutputLine, OutputReader, OutputRing, Stream};
pub use pool::Pool;
pub use pool_set::PoolSet;
pub use pressure::{MemoryNow, MemoryProbe};
pub use program::{Argv, Mode, Program};
pub use protocol::{Fault, FromChild, LastWord, Then, ToChild};
pub use pulse::Pulse;
pub use run::{Order, PeakSource, Report, Run, RunEvent, Stopper};
pub use scratch::{scratch_default, scratch_lies_in_memory, scratch_refusal};
pub use surroundings::{Surroundings, shell_above};
pub use usage::{Gauge, Usage};
