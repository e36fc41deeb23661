//! The thread that looks at the tree of every child many times a second, and says so when one uses more than it may.

mod disk;
mod memory;
mod strangers;
mod subject;
mod tree;
mod verdict;

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::Thread;
use std::time::{Duration, Instant};

pub(crate) use disk::measure;
pub(crate) use subject::{BREACHES, Breach, Facts, Subject};
pub(crate) use verdict::Held;

use crate::oom::KernelKills;
use crate::watch::strangers::Strangers;
use crate::watch::tree::Newest;

/// Between two looks at children that run nothing.
const ASLEEP: Duration = Duration::from_secs(1);

/// Between two looks at which children have begun something.
const AWAKE: Duration = Duration::from_millis(50);

/// All children that are watched.
#[derive(Debug)]
pub(crate) struct Watch {
    subjects: Mutex<Vec<Weak<Subject>>>,
    thread: Mutex<Option<Thread>>,
    /// The thread will not look by itself when something begins.
    asleep: AtomicBool,
    closed: AtomicBool,
    /// What the kernel kills, noted along the way.
    pub(crate) kernel_kills: KernelKills,
}

impl Watch {
    /// Starts the thread, and the one that measures scratch folders.
    pub(crate) fn start() -> io::Result<Arc<Watch>> {
        let watch = Arc::new(Watch {
            subjects: Mutex::default(),
            thread: Mutex::default(),
            asleep: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            kernel_kills: KernelKills::find(),
        });
        let seen = watch.clone();
        let thread = std::thread::Builder::new()
            .name("backstay-watch".into())
            .spawn(move || seen.look_until_closed())?;
        *watch.thread.lock().unwrap_or_else(PoisonError::into_inner) =
            Some(thread.thread().clone());
        let seen = Arc::downgrade(&watch);
        std::thread::Builder::new()
            .name("backstay-disk".into())
            .spawn(move || disk::measure_until_closed(&seen))?;
        Ok(watch)
    }

    /// Takes a child in; it is watched as long as somebody holds it.
    pub(crate) fn add(&self, subject: Subject) -> Arc<Subject> {
        let subject = Arc::new(subject);
        // One per child; the thread takes those out that are gone.
        self.subjects().push(Arc::downgrade(&subject));
        self.rouse();
        subject
    }

    /// Something begins. Costs nothing while the thread is awake, whatever the number of jobs.
    pub(crate) fn rouse(&self) {
        if self.asleep.load(Ordering::Relaxed) && self.asleep.swap(false, Ordering::AcqRel) {
            self.unpark();
        }
    }

    pub(crate) fn close(&self) {
        self.closed.store(true, Ordering::Release);
        self.unpark();
    }

    fn unpark(&self) {
        let thread = self.thread.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(thread) = &*thread {
            thread.unpark();
        }
    }

    fn subjects(&self) -> MutexGuard<'_, Vec<Weak<Subject>>> {
        self.subjects.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn all(&self) -> Vec<Arc<Subject>> {
        let mut subjects = self.subjects();
        subjects.retain(|subject| subject.strong_count() > 0);
        subjects.iter().filter_map(Weak::upgrade).collect()
    }

    fn look_until_closed(&self) {
        let (mut newest, mut strangers) = (Newest::default(), Strangers::new());
        while !self.closed.load(Ordering::Acquire) {
            let now = Instant::now();
            let subjects = self.all();
            let (mut pause, mut asleep) = (ASLEEP, true);
            for subject in &subjects {
                let (due, busy) = subject.look_if_due(now, &mut newest);
                pause = pause.min(due.saturating_duration_since(Instant::now()));
                asleep &= !busy;
            }
            drop(subjects);
            strangers.reap(now);
            if !asleep {
                self.kernel_kills.note(now);
                pause = pause.min(AWAKE);
            }
            self.pause(pause, asleep);
        }
    }

    fn pause(&self, pause: Duration, asleep: bool) {
        self.asleep.store(asleep, Ordering::Release);
        // What began before this line was stored has not roused us: look before the long sleep.
        if asleep && self.all().iter().any(|subject| subject.is_busy()) {
            self.asleep.store(false, Ordering::Release);
            return;
        }
        std::thread::park_timeout(pause);
        self.asleep.store(false, Ordering::Release);
    }
}
