//! A campaign: every fault many times over, from one seed; what came of it is a page that anyone can have written anew.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};

use backstay_faults::page::{Campaign, Judged, Outcome, Trial};

use crate::database::fresh;
use crate::place::Place;
use crate::process::{seed, start_from};
use crate::run::Judgement;
use crate::{
    clock, drains, exhausted, failover, harm, kills, mutants, pauses, points, poison, pooler, room,
    server, sessions, soak, upgrade, wire,
};

/// How often each fault is done; what a command line does not say.
#[derive(Debug, Clone)]
struct Scale {
    kills: usize,
    pauses: usize,
    crashes: usize,
    promotions: usize,
    drains: usize,
    soak: Duration,
    out: String,
}

impl Scale {
    fn read(words: &[String]) -> Result<Scale, String> {
        let mut scale = Scale {
            kills: 1000,
            pauses: 300,
            crashes: 50,
            promotions: 20,
            drains: 100,
            soak: Duration::from_secs(3600),
            out: "docs/reliability.md".to_owned(),
        };
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let value = words.next().ok_or(format!("`{word}` wants a value"))?;
            let number =
                || value.parse::<usize>().map_err(|_| format!("`{word} {value}`: not a number"));
            match word.as_str() {
                "--kills" => scale.kills = number()?,
                "--pauses" => scale.pauses = number()?,
                "--crashes" => scale.crashes = number()?,
                "--promotions" => scale.promotions = number()?,
                "--drains" => scale.drains = number()?,
                "--soak" => scale.soak = Duration::from_secs(60 * number()? as u64),
                "--seed" => start_from(
                    value.parse().map_err(|_| format!("`--seed {value}`: not a number"))?,
                ),
                "--out" => scale.out = value.clone(),
                _ => return Err(format!("`{word}` is not known; {USAGE}")),
            }
        }
        Ok(scale)
    }
}

const USAGE: &str = "cargo xtask campaign [--kills N] [--pauses N] [--crashes N] [--promotions N] [--drains N] [--soak MINUTES] [--out FILE] [--seed N]
   or: cargo xtask campaign --again FILE.json
       does once more what broke off or was skipped in that campaign, such as for want of a program, and writes its page anew";

const COMMAND: &str = "cargo xtask campaign";

/// How long 99 of 100 jobs of a dead worker may wait for their rescue: on a direct connection, and through a pooler.
const DIRECT: Duration = Duration::from_secs(5);
const POOLED: Duration = Duration::from_secs(45);
/// The longest that only the line is hurt; the soak hurts it, too.
const LINE: Duration = Duration::from_secs(120);

/// Runs a campaign and writes its page and, beside it, all of it as JSON.
pub(crate) fn run(words: &[String]) -> ExitCode {
    if words.iter().any(|word| word == "--help") {
        println!("{USAGE}");
        return ExitCode::SUCCESS;
    }
    let campaign = match words {
        [again, file] if again == "--again" => {
            read(&from_root(file)).and_then(|earlier| again_of(earlier, file))
        }
        _ => Scale::read(words).map(|scale| anew(&scale, words)),
    };
    let (campaign, out) = match campaign {
        Ok(done) => done,
        Err(problem) => {
            eprintln!("{problem}");
            return ExitCode::from(64);
        }
    };
    println!("{}", campaign.line());
    let json = serde_json::to_string_pretty(&campaign).expect("texts and numbers are JSON");
    let out = from_root(&out);
    for (path, text) in [(out.clone(), campaign.page()), (out.with_extension("json"), json + "\n")]
    {
        if let Err(problem) = std::fs::write(&path, text) {
            eprintln!("{}: {problem}", path.display());
            return ExitCode::FAILURE;
        }
    }
    println!("written to {}", out.display());
    if campaign.is_fine() {
        println!("everything held");
        return ExitCode::SUCCESS;
    }
    println!("not everything held; the page says what");
    ExitCode::FAILURE
}

/// Everything, as often as `scale` says; and where its page goes.
fn anew(scale: &Scale, words: &[String]) -> (Campaign, String) {
    let began = Instant::now();
    // Whoever goes on working meanwhile changes what stands here, but not what is tried.
    let product = product();
    // First, for it takes a minute, and one that is out of date ends everything.
    println!("mutants");
    let mutants = mutants::found();
    let trials = trials(scale, None);
    let said = std::iter::once(COMMAND.to_owned()).chain(words.iter().cloned());
    let campaign = Campaign {
        product,
        postgres: server_version(),
        machine: machine(),
        day: today(),
        seed: seed(),
        command: said.collect::<Vec<_>>().join(" "),
        trials,
        mutants,
        took: began.elapsed(),
    };
    (campaign, scale.out.clone())
}

/// A campaign of before, with what did not run in it done now; each such trial says so.
fn again_of(mut earlier: Campaign, file: &str) -> Result<(Campaign, String), String> {
    let words: Vec<String> =
        earlier.command.trim_start_matches(COMMAND).split_whitespace().map(str::to_owned).collect();
    let scale = Scale::read(&words).map_err(|problem| format!("{file}: {problem}"))?;
    let began = Instant::now();
    earlier.trials = trials(&scale, Some(&earlier));
    earlier.took += began.elapsed();
    Ok((earlier, Path::new(file).with_extension("md").display().to_string()))
}

fn read(path: &Path) -> Result<Campaign, String> {
    let text = std::fs::read_to_string(path).map_err(|it| format!("{}: {it}", path.display()))?;
    serde_json::from_str(&text).map_err(|it| format!("{}: {it}", path.display()))
}

/// Run from the workspace's root, wherever cargo has put us.
fn from_root(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(file)
}

fn product() -> String {
    format!("backstay {} ({})", env!("CARGO_PKG_VERSION"), commit())
}

fn today() -> String {
    jiff::Timestamp::now().strftime("%Y-%m-%d").to_string()
}

/// The chains of points as one trial.
fn points_judged() -> Option<Judged> {
    let mut all = Judged::default();
    points::each()?.into_iter().for_each(|judgement| all.add(judgement.judged()));
    let note =
        "the worker that takes over ends as well, so that a job may wait for several of them";
    all.notes.push(note.to_owned());
    Some(all)
}

fn trials(scale: &Scale, earlier: Option<&Campaign>) -> Vec<Trial> {
    let trial = |fault: &str, proves: &[&str], times, run: &dyn Fn() -> Option<Judged>| {
        trial(earlier, fault, proves, times, run)
    };
    let with_children = scale.kills / 5;
    let inline = scale.kills - with_children;
    let lost: &[_] = &["G3", "G5", "G6", "G7", "G8"];
    let said: &[_] = &["G3", "G7"];
    let mut trials = vec![
        trial(
            "kill -9 of one of three workers, five a second, handlers in the worker",
            lost,
            inline,
            &|| kills::at_random("inline", inline).map(Judgement::judged),
        ),
        trial("the same, handlers in children", lost, with_children, &|| {
            kills::at_random("process", with_children).map(Judgement::judged)
        }),
        trial(
            "kill -9 beside a worker that has long been up, at the usual times",
            &["G11"],
            scale.kills / 50,
            &|| kills::beside_another(scale.kills / 50).map(|all| all.within(DIRECT).judged()),
        ),
        trial(
            "kill -9 of five workers at once beside one that stays, at the usual times, through PgBouncer",
            &["G3", "G5", "G11"],
            scale.kills / 300,
            &|| pooler::kills(scale.kills / 300).map(|all| all.within(POOLED).judged()),
        ),
        trial(
            "a worker ends at each step of a job's way",
            &["G3", "G7", "G8", "G10"],
            points::number(),
            &points_judged,
        ),
        trial(
            "SIGSTOP of workers for half a lease to two leases",
            &["G3", "G4", "G5", "G6", "G8", "G9"],
            scale.pauses,
            &|| pauses::at_random(scale.pauses).map(Judgement::judged),
        ),
        trial("drain under load, jobs given back", &["G3", "G5"], scale.drains, &|| {
            drains::rolling(scale.drains).map(Judgement::judged)
        }),
        trial(
            "PostgreSQL is killed and comes back",
            &["G1", "G3", "G5", "G6", "G8"],
            scale.crashes,
            &|| server::crashes(scale.crashes).map(Judgement::judged),
        ),
        trial("PostgreSQL is away for two leases", &["G3", "G5"], 1, &|| asserted(server::away)),
        trial(
            "a synchronous standby is promoted",
            &["G1", "G3", "G6"],
            scale.promotions / 2,
            &|| repeated(scale.promotions / 2, failover::to_synchronous),
        ),
        trial("an asynchronous standby is promoted", said, scale.promotions / 2, &|| {
            repeated(scale.promotions / 2, failover::to_asynchronous)
        }),
        trial(
            "sessions are ended and statements cancelled, 200 of them",
            said,
            scale.crashes / 10,
            &|| repeated(scale.crashes / 10, sessions::at_random),
        ),
        trial("the line is late, slow, torn, flapping", said, 1, &|| asserted(wire::hurt)),
        trial("the line loses hints", said, 1, &|| asserted(wire::deaf)),
        trial("the line falls silent", &["G3", "G11"], 1, &|| asserted(wire::silent)),
        trial("a worker is cut off", &["G3", "G11"], 1, &|| asserted(wire::cut_off)),
        trial("the wall clock of a worker is wrong", said, 1, &|| repeated(1, clock::judged)),
        trial(
            "the schema goes ahead, workers of the version before start again",
            &["G3", "G5"],
            scale.drains / 5,
            &|| upgrade::rolled_out(scale.drains / 5).map(Judgement::judged),
        ),
        trial("handlers crash, hang, flood, block", &["G13", "G10"], 1, &|| {
            repeated(1, harm::at_once)
        }),
        trial("a job kills each worker that runs it", &["G13"], 1, &|| {
            asserted(poison::convicts_itself)
        }),
        trial("memory runs out", &["G13"], 1, &|| asserted(room::evicts)),
        trial("no connection is left", said, 1, &|| repeated(1, exhausted::no_connection)),
        trial("the server only reads", said, 1, &|| repeated(1, exhausted::only_reads)),
        trial("the disk is full", said, 1, &|| repeated(1, exhausted::full_disk)),
    ];
    if !scale.soak.is_zero() {
        let minutes = scale.soak.as_secs() / 60;
        let on_line = scale.soak.min(LINE);
        let line = format!("{} minutes on a line that fails at random", on_line.as_secs() / 60);
        trials.push(trial(&line, said, 1, &|| wire::at_random(on_line).map(Judgement::judged)));
        let name = format!("{minutes} minutes of load with a fault every few seconds");
        trials.push(trial(&name, &["G3", "G5", "G8", "G9"], 1, &|| soak::under_faults(scale.soak)));
    }
    trials
}

/// Does one trial, unless it ran in an earlier campaign; what it panics with is told on the page, and the others go on.
fn trial(
    earlier: Option<&Campaign>,
    fault: &str,
    proves: &[&str],
    times: usize,
    run: &dyn Fn() -> Option<Judged>,
) -> Trial {
    if let Some(trial) = earlier.and_then(|earlier| earlier.ran(fault)) {
        return trial.clone();
    }
    println!("{fault}: {times}");
    let began = Instant::now();
    let mut outcome = match catch_unwind(AssertUnwindSafe(run)) {
        Ok(Some(judged)) => Outcome::Judged(judged),
        Ok(None) => Outcome::Skipped("it cannot be done on this machine".to_owned()),
        Err(panic) => Outcome::Broke(words(panic.as_ref())),
    };
    let excuse = earlier.and_then(|earlier| earlier.excuse(fault));
    if let (Outcome::Judged(judged), Some(excuse)) = (&mut outcome, excuse) {
        let (product, day) = (product(), today());
        judged.notes.push(format!("done again with {product} on {day}; before: {excuse}"));
    }
    let proves = proves.iter().map(|&promise| promise.to_owned()).collect();
    Trial { proves, fault: fault.to_owned(), times, outcome, took: began.elapsed() }
}

/// A fault that asserts what it expects, in place of being judged.
fn asserted(fault: fn()) -> Option<Judged> {
    fault();
    Some(Judged {
        notes: vec!["what must hold was asserted, and held".to_owned()],
        ..Judged::default()
    })
}

/// One that is judged, so many times.
fn repeated(times: usize, fault: fn() -> Option<Judgement>) -> Option<Judged> {
    let mut all = Judged::default();
    for _ in 0..times {
        all.add(fault()?.judged());
    }
    Some(all)
}

/// The first line of what somebody panicked with.
fn words(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic
        .downcast_ref::<String>()
        .map(String::as_str)
        .or_else(|| panic.downcast_ref::<&str>().copied())
        .unwrap_or("a panic without words");
    text.lines().next().unwrap_or_default().to_owned()
}

fn server_version() -> String {
    let Some(db) = fresh() else { return String::new() };
    Place::open(&db.url).texts("show server_version").remove(0)
}

fn commit() -> String {
    let said = Command::new("git")
        .args(["rev-parse", "--short=10", "HEAD"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let text = said.map(|said| String::from_utf8_lossy(&said.stdout).trim().to_owned());
    text.ok().filter(|text| !text.is_empty()).unwrap_or_else(|| "no commit".to_owned())
}

fn machine() -> String {
    let read = |path: &str| std::fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        let line = text.lines().find(|line| line.starts_with(name)).map(str::to_owned);
        line.and_then(|line| Some(line.split_once(':')?.1.trim().to_owned())).unwrap_or_default()
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let kib = field(&read("/proc/meminfo"), "MemTotal");
    let kib: u64 = kib.split(' ').next().unwrap_or_default().parse().unwrap_or(0);
    let kernel = read("/proc/sys/kernel/osrelease");
    format!(
        "{cores} cores ({}), {} GiB, Linux {}",
        field(&read("/proc/cpuinfo"), "model name"),
        kib >> 20,
        kernel.trim()
    )
}
