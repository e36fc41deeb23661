//! What handlers in child processes count: each child keeps a file of its own, and the worker adds them up.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bench_adapter::{Counts, now_us};

/// How often they are added up.
const EVERY: Duration = Duration::from_millis(25);

/// In a child: its count, the beginning of its first job, and perhaps of each.
pub(crate) struct Tally {
    file: File,
    times: Option<File>,
    ran: u64,
    first_us: u64,
}

impl Tally {
    /// Counts one.
    pub(crate) fn note(number: u64) -> io::Result<()> {
        static MINE: Mutex<Option<Tally>> = Mutex::new(None);
        let mut mine = MINE.lock().unwrap_or_else(PoisonError::into_inner);
        let mut tally = match mine.take() {
            Some(tally) => tally,
            None => Tally::open()?,
        };
        let done = tally.add(number);
        *mine = Some(tally);
        done
    }

    fn open() -> io::Result<Tally> {
        let file = folder()?.join(std::process::id().to_string());
        let append = |path: PathBuf| OpenOptions::new().create(true).append(true).open(path);
        // A child is started with the words of its worker.
        let times = match std::env::args().any(|word| word == "times") {
            true => Some(append(file.with_extension("times"))?),
            false => None,
        };
        Ok(Tally { file: File::create(file)?, times, ran: 0, first_us: now_us() })
    }

    fn add(&mut self, number: u64) -> io::Result<()> {
        if let Some(times) = &mut self.times {
            times.write_all(format!("{number} {}\n", now_us()).as_bytes())?;
        }
        self.ran += 1;
        self.file.write_all_at(format!("{} {}", self.ran, self.first_us).as_bytes(), 0)
    }
}

/// In the worker: the files of its children.
pub(crate) struct Tallies {
    folder: PathBuf,
    counts: Arc<Counts>,
}

impl Tallies {
    pub(crate) fn new(counts: Arc<Counts>) -> io::Result<Tallies> {
        Ok(Tallies { folder: folder()?, counts })
    }

    /// Adds up from time to time.
    pub(crate) fn follow(&self) {
        let (folder, counts) = (self.folder.clone(), Arc::clone(&self.counts));
        tokio::spawn(async move {
            // The folder goes with the measurement.
            while let Ok(all) = read(&folder) {
                put(&counts, &all);
                tokio::time::sleep(EVERY).await;
            }
        });
    }

    /// Adds up for the last time.
    pub(crate) fn sum(&self) -> io::Result<()> {
        put(&self.counts, &read(&self.folder)?);
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|end| end == "times") {
                self.counts.extend(pairs(&fs::read_to_string(path)?));
            }
        }
        Ok(())
    }
}

/// A folder of this measurement's own, which worker and children know from their environment.
fn folder() -> io::Result<PathBuf> {
    std::env::var_os("BENCH_FOLDER").map(PathBuf::from).ok_or(io::Error::other("no BENCH_FOLDER"))
}

fn put(counts: &Counts, all: &[(u64, u64)]) {
    if let Some(first) = all.iter().map(|(_, first_us)| *first_us).min() {
        counts.set(all.iter().map(|(ran, _)| ran).sum(), first);
    }
}

fn read(folder: &Path) -> io::Result<Vec<(u64, u64)>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.extension().is_none() {
            all.extend(pairs(&fs::read_to_string(path)?));
        }
    }
    Ok(all)
}

fn pairs(text: &str) -> Vec<(u64, u64)> {
    let pair = |line: &str| {
        let (number, us) = line.split_once(' ')?;
        Some((number.parse().ok()?, us.parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}
