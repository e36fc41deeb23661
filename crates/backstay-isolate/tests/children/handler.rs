//! The child's side of the tests: a host of misbehaving handlers, and programs that never become one.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::process::ExitCode;
use std::time::Duration;

use backstay_isolate::{ChildLink, ChildSender, FromChild, Then, ToChild};
use rustix::process::{Signal, getpid, kill_process};
use rustix::time::{ClockId, clock_gettime};
use serde_json::{Value, json};

use crate::run::raw;

pub(crate) fn host(mut link: ChildLink, arguments: &[String]) -> ExitCode {
    let behaviour = arguments.first().map_or("", String::as_str);
    match behaviour {
        "exit-at-boot" => {
            eprintln!("no configuration");
            return ExitCode::from(3);
        }
        "slow-at-boot" => std::thread::sleep(Duration::from_millis(300)),
        "silent-at-boot" => std::thread::sleep(Duration::from_secs(60)),
        _ => {}
    }
    let sender = link.sender();
    while let Some(message) = link.recv() {
        match message {
            ToChild::Hello { protocols, .. } => {
                let protocol = if behaviour == "wrong-protocol" { 9 } else { protocols[0] };
                let kinds = vec!["echo".to_owned()];
                let name = Some(behaviour.to_owned());
                sender.send(&FromChild::Ready { protocol, kinds, name }).unwrap();
            }
            ToChild::Job { id, attempt, raw } => {
                let job: Value = serde_json::from_str(raw.get()).unwrap();
                handle(&Hand { id, attempt, job, sender: &sender }, &mut link);
            }
            ToChild::Cancel { .. } | ToChild::Answer { .. } => {}
            ToChild::Drain { .. } => return ExitCode::SUCCESS,
        }
    }
    ExitCode::SUCCESS
}

struct Hand<'a> {
    id: String,
    attempt: i32,
    job: Value,
    sender: &'a ChildSender,
}

impl Hand<'_> {
    fn done(&self, output: &Value) {
        let (id, attempt) = (self.id.clone(), self.attempt);
        let output = Some(raw(output));
        let done = FromChild::Done { id, attempt, output, completed_in_tx: false };
        self.sender.send(&done).unwrap();
    }

    fn fail(&self, message: &str, then: Then) {
        let (id, attempt, message) = (self.id.clone(), self.attempt, message.to_owned());
        let (class, trace, fingerprint) = (Some("test".to_owned()), None, None);
        let fail = FromChild::Fail {
            id,
            attempt,
            message,
            class,
            trace,
            fingerprint,
            then,
            after_ms: Some(1500),
        };
        self.sender.send(&fail).unwrap();
    }

    /// Writes to descriptor 3 what no sender would.
    fn write(&self, bytes: &[u8]) {
        OpenOptions::new().write(true).open("/proc/self/fd/3").unwrap().write_all(bytes).unwrap();
    }
}

fn signal_self(signal: Signal) {
    // Twice, because the first SIGSEGV meets the handler by which Rust finds stack overflows.
    for _ in 0..2 {
        kill_process(getpid(), signal).unwrap();
    }
    panic!("still alive");
}

/// What a job does before it ends in its own way: says its last words, or works and says what it has used by then.
fn begin(how: Option<&str>) -> Vec<u8> {
    let used = || {
        let now = clock_gettime(ClockId::ProcessCPUTime);
        now.tv_sec * 1000 + now.tv_nsec / 1_000_000
    };
    let (before, mut held) = (used(), Vec::new());
    match how {
        Some("words") => eprintln!("last words"),
        Some("works") => {
            held = touched(48);
            while used() - before < 250 {}
            let status = fs::read_to_string("/proc/self/status").unwrap();
            let anon = status.lines().find_map(|line| line.strip_prefix("RssAnon:")).unwrap();
            let anon = anon.trim().trim_end_matches(" kB");
            eprintln!("last words {anon} {}", used() - before);
        }
        _ => {}
    }
    held
}

fn handle(hand: &Hand<'_>, link: &mut ChildLink) {
    let _held = begin(hand.job["args"]["begin"].as_str());
    match hand.job["kind"].as_str().unwrap() {
        "echo" => hand.done(&hand.job["args"]),
        "pid" => hand.done(&json!(std::process::id())),
        "fail" => hand.fail("it went wrong", Then::Retry),
        "reject" => hand.fail("never", Then::Dead),
        "snooze" => hand.fail("later", Then::Snooze),
        "interrupted" => hand.fail("halfway", Then::Interrupted),
        "abort" => {
            eprintln!("about to abort");
            std::process::abort()
        }
        "segv" => signal_self(Signal::SEGV),
        "die" => signal_self(Signal::KILL),
        "exit-0" => std::process::exit(0),
        "exit-3" => std::process::exit(3),
        "done-then-abort" => {
            hand.done(&json!("done"));
            std::process::abort()
        }
        "garbage" => hand.write(b"this is no message\n"),
        "long-line" => long_line(),
        "other-job" => hand.write(b"{\"type\":\"done\",\"id\":\"8\",\"attempt\":1}\n"),
        "twice" => {
            hand.done(&json!(1));
            hand.done(&json!(2));
        }
        "unknown" => {
            hand.write(b"{\"type\":\"weather\",\"id\":[],\"value\":1}\n");
            hand.done(&json!(null));
        }
        "after-done" => {
            let (id, attempt) = (hand.id.clone(), hand.attempt);
            hand.done(&json!(null));
            hand.sender.send(&FromChild::Alive { id, attempt }).unwrap();
        }
        "spin" => loop {
            std::hint::spin_loop();
        },
        "cpu" => {
            let start = clock_gettime(ClockId::ProcessCPUTime);
            while (clock_gettime(ClockId::ProcessCPUTime) - start).tv_nsec < 300_000_000 {}
            hand.done(&json!(null));
        }
        "obey" => obey(hand, link),
        "drained" => {
            while !matches!(link.recv().unwrap(), ToChild::Drain { .. }) {}
            hand.done(&json!(null));
        }
        "late" => {
            wait_for_cancel(link);
            hand.done(&json!("late"));
        }
        "speak" => speak(hand, link),
        "flood-events" => flood_events(hand),
        "print" => {
            eprintln!("stderr of {}", hand.job["args"]);
            println!("stdout of {}", hand.job["args"]);
            hand.done(&json!(null));
        }
        "print-much" => {
            for n in 0..1_000 {
                println!("line {n} of {}", hand.job["args"]);
            }
            hand.done(&json!(null));
        }
        "litter" => litter(hand),
        "image" => {
            use std::os::unix::fs::MetadataExt;
            let image = fs::metadata("/proc/self/exe").unwrap();
            hand.done(&json!([image.dev(), image.ino(), image.len()]));
        }
        "descriptors" => hand.done(&json!(descriptors())),
        "environment" => {
            let names: Vec<String> = std::env::vars().map(|(name, _)| name).collect();
            hand.done(&json!(names));
        }
        "hog" => hog(&hand.job["args"]),
        "hold" => {
            let held = touched(hand.job["args"]["mib"].as_u64().unwrap());
            std::thread::sleep(Duration::from_millis(hand.job["args"]["ms"].as_u64().unwrap()));
            let length = held.len();
            drop(held);
            hand.done(&json!(length));
        }
        "keep" => {
            std::mem::forget(touched(hand.job["args"].as_u64().unwrap()));
            hand.done(&json!(std::process::id()));
        }
        "open" => {
            for _ in 0..hand.job["args"].as_u64().unwrap() {
                std::mem::forget(fs::File::open("/dev/null").unwrap());
            }
            hand.done(&json!(std::process::id()));
        }
        "leave-behind" => {
            let seconds = hand.job["args"].as_str().unwrap();
            let mut shell = std::process::Command::new("sh");
            let left = shell.args(["-c", "sleep $0 &", seconds]).status().unwrap();
            hand.done(&json!(left.success()));
        }
        "huge" => {
            let huge = vec![0_u8; 8 << 30];
            hand.done(&json!(huge.len()));
        }
        "threads" => threads(hand),
        "processes" => {
            let mut held = Vec::new();
            loop {
                held.push(std::process::Command::new("sleep").arg("60").spawn().unwrap());
            }
        }
        "disk" => disk(hand, 1 << 20),
        "large-file" => disk(hand, 1 << 30),
        "print-without-end" => loop {
            println!("{}", "x".repeat(1000));
        },
        "limits" => {
            let limits = fs::read_to_string("/proc/self/limits").unwrap();
            let status = fs::read_to_string("/proc/self/status").unwrap();
            hand.done(&json!([limits, status]));
        }
        "wait" => {
            let (id, attempt) = (hand.id.clone(), hand.attempt);
            hand.sender.send(&FromChild::Alive { id, attempt }).unwrap();
            std::thread::sleep(Duration::from_secs(60));
        }
        "block" => std::thread::sleep(Duration::from_secs(60)),
        other => panic!("unknown kind {other}"),
    }
}

fn long_line() {
    let mut three = OpenOptions::new().write(true).open("/proc/self/fd/3").unwrap();
    while three.write_all(&[b'x'; 64 * 1024]).is_ok() {}
}

fn wait_for_cancel(link: &mut ChildLink) -> String {
    loop {
        if let ToChild::Cancel { reason, .. } = link.recv().unwrap() {
            return reason;
        }
    }
}

fn obey(hand: &Hand<'_>, link: &mut ChildLink) {
    let reason = wait_for_cancel(link);
    hand.fail(&reason, Then::Interrupted);
}

fn speak(hand: &Hand<'_>, link: &mut ChildLink) {
    let (id, attempt) = (hand.id.clone(), hand.attempt);
    let note = Some("half".to_owned());
    let progress = FromChild::Progress { id: id.clone(), attempt, percent: Some(50.0), note };
    hand.sender.send(&progress).unwrap();
    let (level, message) = ("info".to_owned(), "hello".to_owned());
    let log = FromChild::Log { id: id.clone(), attempt, level, message, fields: None };
    hand.sender.send(&log).unwrap();
    let (value, reference) = (raw(&json!({ "page": 3 })), Some(json!("r1")));
    hand.sender.send(&FromChild::Checkpoint { id, attempt, value, reference }).unwrap();
    let ToChild::Answer { reference, ok, code, .. } = link.recv().unwrap() else {
        panic!("no answer")
    };
    hand.done(&json!([reference, ok, code]));
}

fn flood_events(hand: &Hand<'_>) {
    for nth in 0..1000 {
        let (id, attempt) = (hand.id.clone(), hand.attempt);
        let value = raw(&json!([nth, "x".repeat(1000)]));
        let checkpoint = FromChild::Checkpoint { id, attempt, value, reference: None };
        hand.sender.send(&checkpoint).unwrap();
    }
    hand.done(&json!(null));
}

fn litter(hand: &Hand<'_>) {
    let scratch = std::env::var("BACKSTAY_SCRATCH").unwrap();
    let told = hand.job["scratch"].as_str().unwrap();
    let before = fs::read_dir(told).unwrap().count();
    fs::write(format!("{told}/litter"), "x").unwrap();
    hand.done(&json!([before, scratch == told, std::env::var("TMPDIR").unwrap() == told]));
}

/// What a program that the handler starts finds open, without the one by which it looks.
fn descriptors() -> String {
    let listed = std::process::Command::new("sh").args(["-c", "echo /proc/self/fd/*"]).output();
    String::from_utf8(listed.unwrap().stdout).unwrap().trim().replace("/proc/self/fd/", "")
}

/// Memory that is really there.
fn touched(mib: u64) -> Vec<u8> {
    vec![1; mib as usize * 1024 * 1024]
}

/// Takes 2 GB as fast as it can, or as fast as it is told.
fn hog(args: &Value) {
    let pause = Duration::from_millis(args["pause_ms"].as_u64().unwrap_or(0));
    let mut held = Vec::new();
    for _ in 0..128 {
        held.push(touched(16));
        std::thread::sleep(pause);
    }
    println!("{} pieces are held", held.len());
    std::thread::sleep(Duration::from_secs(60));
}

fn threads(hand: &Hand<'_>) {
    let (end, wait) = std::sync::mpsc::channel::<()>();
    let wait = std::sync::Arc::new(std::sync::Mutex::new(wait));
    let count = hand.job["args"].as_u64().unwrap();
    let idle = |_| {
        let wait = wait.clone();
        std::thread::spawn(move || wait.lock().unwrap().recv().is_err())
    };
    let threads: Vec<_> = (0..count).map(idle).collect();
    std::thread::sleep(Duration::from_millis(300));
    drop(end);
    assert!(threads.into_iter().all(|thread| thread.join().unwrap()));
    hand.done(&json!(count));
}

fn disk(hand: &Hand<'_>, bytes: usize) {
    let scratch = hand.job["scratch"].as_str().unwrap();
    let piece = vec![7; 1 << 20];
    for nth in 0..64 {
        let mut file = fs::File::create(format!("{scratch}/{nth}")).unwrap();
        for _ in 0..(bytes >> 20) {
            file.write_all(&piece).unwrap();
        }
    }
    std::thread::sleep(Duration::from_secs(60));
}
