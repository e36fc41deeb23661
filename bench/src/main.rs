//! Runs Backstay and other queues on one PostgreSQL in turn, and says how they compare.
//!
//! `cargo xtask bench --help` says what can be asked for; README.md beside this folder how it measures.

mod figures;
mod gate;
mod json;
mod machine;
mod options;
mod peer;
mod picture;
mod process;
mod readme;
mod scenario;
mod server;
mod table;

use std::process::ExitCode;

use figures::{Run, Sample};
use options::Options;
use peer::Subject;
use scenario::Scenario;
use server::Server;

/// What went wrong, with what to do where that is known.
pub(crate) type Failure = Box<dyn std::error::Error>;

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    if words.iter().any(|word| word == "--help" || word == "-h") {
        println!("{}", options::HELP);
        return ExitCode::SUCCESS;
    }
    match Options::read(&words).map_err(Failure::from).and_then(|options| bench(&options, &words)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => {
            eprintln!("bench: a gate is not held");
            ExitCode::FAILURE
        }
        Err(error) => {
            eprintln!("bench: {error}");
            ExitCode::FAILURE
        }
    }
}

/// Whether all gates are held that were asked for.
fn bench(options: &Options, words: &[String]) -> Result<bool, Failure> {
    options.readme.as_deref().map_or(Ok(()), readme::check)?;
    let (subjects, skipped) = peer::prepare(options)?;
    let mut server = Server::start()?;
    let machine = machine::read();
    let settings = server.settings()?;
    println!("{}", table::head(&machine, &settings, &subjects, &skipped));
    let mut scenarios = scenario::all(options);
    scenarios.retain(|scenario| options.wants(&scenario.name(), scenario.is_short()));
    let mut samples = Vec::new();
    // Repeats outermost: whatever else the machine does in an hour then meets everybody.
    for repeat in 1..=options.repeats {
        for scenario in &scenarios {
            for subject in subjects.iter().filter(|subject| scenario.suits(subject)) {
                samples.push(sample(&mut server, *scenario, subject, repeat));
            }
        }
    }
    let run = Run { machine, settings, subjects, skipped, samples, options: options.clone() };
    println!("{}", table::whole(&run));
    if let Some(path) = &options.json {
        std::fs::write(path, json::whole(&run))?;
        println!("figures: {}", path.display());
    }
    if let Some(path) = &options.svg {
        std::fs::write(path, picture::whole(&run))?;
        println!("picture: {}", path.display());
    }
    if let Some(path) = &options.readme {
        readme::write(path, &run, &format!("cargo xtask bench {}", words.join(" ")))?;
        println!("section: {}", path.display());
    }
    if !options.with_gate {
        return Ok(true);
    }
    let verdicts = gate::judge(&run.rows(), &run.subjects);
    println!("{}", gate::text(&verdicts));
    Ok(gate::are_held(&verdicts))
}

/// One measurement; what fails is told and stands in the table as failed.
fn sample(server: &mut Server, scenario: Scenario, subject: &Subject, repeat: u32) -> Sample {
    let (scene, name) = (scenario.name(), subject.label());
    eprint!("{repeat}. {scene}: {name} ... ");
    let measured = scenario.measure(server, subject);
    match &measured {
        Ok(values) => eprintln!("{}", table::line(values)),
        Err(error) => eprintln!("failed: {error}"),
    }
    Sample { scenario: scene, subject: name, values: measured.map_err(|error| error.to_string()) }
}
