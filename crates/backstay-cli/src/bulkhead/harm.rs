//! What runaways do, in whichever process they are let loose; every one of them has an end of its own.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::runaway::Runaway;

/// No harm goes on for longer, whoever forgets to end it.
pub(crate) const LONGEST: Duration = Duration::from_secs(120);
/// How far the hog goes, and in which steps.
const HOG_BYTES: usize = 2_000_000_000;
const HOG_STEP: usize = 16 << 20;
/// How much the flood writes.
const FLOOD_BYTES: u64 = 1_000_000_000;
/// Generations of the fork bomb as a job: 4,095 processes, if nobody ends it.
pub(crate) const BOMB_AS_JOB: u32 = 11;
/// Inside the API nobody ends it, and this machine should live on: 127 processes.
pub(crate) const BOMB_IN_API: u32 = 6;

/// Each process starts two more and then works; the group is gone after a while, whatever happens.
const BOMB: &str = "\
( sleep $2; kill -KILL 0 ) &
bomb() {
    if [ \"$1\" -gt 0 ]; then
        bomb $(($1 - 1)) &
        bomb $(($1 - 1)) &
    fi
    while :; do :; done
}
bomb \"$1\"
";

/// The name of the bomb's script, by which its processes are found.
pub(crate) const BOMB_FILE: &str = "bulkhead-bomb.sh";

/// Writes the script of the bomb into the folder of the bench.
pub(crate) fn write_bomb(folder: &Path) -> std::io::Result<()> {
    std::fs::write(folder.join(BOMB_FILE), BOMB)
}

/// Computes without a pause.
pub(crate) fn burn(span: Duration) {
    let began = Instant::now();
    while began.elapsed() < span {
        std::hint::spin_loop();
    }
}

/// Two busy loops for each core, on threads of their own.
pub(crate) fn spin() {
    for _ in 0..2 * cores() {
        std::thread::spawn(|| burn(LONGEST));
    }
}

/// How many busy loops make a spin: as many as cores, twice.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(2, usize::from)
}

/// Takes memory and touches every page of it, then holds it.
pub(crate) fn hog() {
    let mut held: Vec<Vec<u8>> = Vec::new();
    while held.len() * HOG_STEP < HOG_BYTES {
        let mut some = vec![0_u8; HOG_STEP];
        some.iter_mut().step_by(4096).for_each(|byte| *byte = 1);
        held.push(some);
    }
    std::thread::sleep(LONGEST);
    drop(held);
}

/// Starts the bomb and waits for it.
pub(crate) fn bomb(folder: &Path, generations: u32) -> std::io::Result<()> {
    let mut command = Command::new("sh");
    command.arg(folder.join(BOMB_FILE)).arg(generations.to_string());
    command.arg(LONGEST.as_secs().to_string()).stdin(Stdio::null());
    let ended = command.status()?;
    if ended.success() { Ok(()) } else { Err(std::io::Error::other("a process of it failed")) }
}

/// Writes without end.
pub(crate) fn flood() {
    use std::io::Write;
    let line = [b'x'; 8191].iter().chain(b"\n").copied().collect::<Vec<u8>>();
    let (mut err, mut written, began) = (std::io::stderr().lock(), 0, Instant::now());
    while written < FLOOD_BYTES && began.elapsed() < LONGEST {
        if err.write_all(&line).is_err() {
            return;
        }
        written += line.len() as u64;
    }
}

/// Lets a runaway loose on a thread that gives way to nothing; SQL has a way of its own.
pub(crate) fn block(runaway: Runaway) {
    match runaway {
        Runaway::Hog => hog(),
        Runaway::Flood => flood(),
        _ => burn(LONGEST),
    }
}
