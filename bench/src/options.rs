//! What can be asked for on the command line.

use std::path::PathBuf;

use crate::readme;

pub(crate) const HELP: &str = "cargo xtask bench [OPTIONS]

Runs Backstay and other queues on one durable private PostgreSQL in turn, and prints one table.
Builds and installs what it needs: cargo for Rust, npm for Node, pip for Python; what cannot be had is skipped by name.

  --quick            small numbers, one repeat, four scenarios unless others are named: under 5 minutes
  --repeats N        measurements of each, of which the median counts [3]
  --jobs N           jobs of a drain and of a bulk enqueue [100000]
  --seconds N        how long single enqueues, pick-ups and idle workers are measured [20]
  --pin N            seconds for which a snapshot is held beside a steady rate [60]
  --weight N         ended jobs of a database that is not empty; a tenth scheduled, a hundredth held back and dead [10000000]
  --cap N            seconds after which a drain ends with what is done [120]
  --only WORDS       queues whose names contain one of these, with commas; Backstay is always among them
  --scenarios WORDS  scenarios whose names contain one of these, with commas
  --json FILE        writes all figures there
  --svg FILE         draws them there
  --readme FILE      writes the section with the table anew, between its two lines; --quick then measures what stands in it
  --gate             says of each gate that is measured whether goal and moonshot are held; exit 1 where a goal is not

Examples:
  cargo xtask bench --quick
  cargo xtask bench --quick --seconds 4 --readme README.md --svg docs/bench.svg --gate
  cargo xtask bench --only graphile,pg-boss --scenarios drain,pickup --json bench.json --svg bench.svg";

#[derive(Debug, Clone)]
pub(crate) struct Options {
    pub(crate) is_quick: bool,
    pub(crate) repeats: u32,
    pub(crate) jobs: u64,
    pub(crate) seconds: u64,
    pub(crate) cap: u64,
    pub(crate) pin: u64,
    pub(crate) weight: u64,
    pub(crate) only: Vec<String>,
    pub(crate) scenarios: Vec<String>,
    pub(crate) json: Option<PathBuf>,
    pub(crate) svg: Option<PathBuf>,
    pub(crate) readme: Option<PathBuf>,
    pub(crate) with_gate: bool,
}

const FULL: Options = Options {
    is_quick: false,
    repeats: 3,
    jobs: 100_000,
    seconds: 20,
    cap: 120,
    pin: 60,
    weight: 10_000_000,
    only: Vec::new(),
    scenarios: Vec::new(),
    json: None,
    svg: None,
    readme: None,
    with_gate: false,
};

impl Options {
    pub(crate) fn read(words: &[String]) -> Result<Options, String> {
        let mut options = FULL;
        if words.iter().any(|word| word == "--quick") {
            options = Options {
                is_quick: true,
                repeats: 1,
                jobs: 20_000,
                seconds: 2,
                cap: 4,
                pin: 4,
                weight: 100_000,
                ..FULL
            };
        }
        let mut words = words.iter().filter(|word| *word != "--quick");
        while let Some(word) = words.next() {
            let mut value = || words.next().ok_or(format!("{word} needs a value; see --help"));
            match word.as_str() {
                "--repeats" => options.repeats = whole(word, value()?)?,
                "--jobs" => options.jobs = whole(word, value()?)?,
                "--seconds" => options.seconds = whole(word, value()?)?,
                "--pin" => options.pin = whole(word, value()?)?,
                "--weight" => options.weight = whole(word, value()?)?,
                "--cap" => options.cap = whole(word, value()?)?,
                "--only" => options.only = list(value()?),
                "--scenarios" => options.scenarios = list(value()?),
                "--json" => options.json = Some(value()?.into()),
                "--readme" => options.readme = Some(value()?.into()),
                "--gate" => options.with_gate = true,
                "--svg" => options.svg = Some(value()?.into()),
                other => return Err(format!("`{other}` is no option; see --help")),
            }
        }
        Ok(options)
    }

    /// Whether this scenario was asked for; `is_short` are those of the short form.
    pub(crate) fn wants(&self, scenario: &str, is_short: bool) -> bool {
        match self.scenarios.is_empty() {
            true => is_short || !self.is_quick || self.readme.is_some() && readme::shows(scenario),
            false => is_among(&self.scenarios, scenario),
        }
    }

    /// Whether this queue was asked for.
    pub(crate) fn wants_queue(&self, name: &str) -> bool {
        name == "backstay" || is_among(&self.only, name)
    }
}

fn is_among(words: &[String], name: &str) -> bool {
    words.is_empty() || words.iter().any(|word| name.contains(word.as_str()))
}

fn list(text: &str) -> Vec<String> {
    text.split(',').map(str::trim).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

fn whole<N: std::str::FromStr + PartialOrd + From<u8>>(
    option: &str,
    text: &str,
) -> Result<N, String> {
    let number = text.parse().ok().filter(|number| *number >= N::from(1));
    number.ok_or(format!("{option}: `{text}` is no whole number from 1 on"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Options, String> {
        Options::read(&text.split_whitespace().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn what_is_said_beats_the_short_form() {
        let options = read("--jobs 7 --quick --only pg-boss,sqlxmq").unwrap();
        assert_eq!((options.jobs, options.repeats), (7, 1));
        assert!(options.wants_queue("backstay") && options.wants_queue("pg-boss"));
        assert!(!options.wants_queue("underway"));
    }

    #[test]
    fn the_short_form_leaves_scenarios_out_unless_they_are_named() {
        assert!(!read("--quick").unwrap().wants("idle worker", false));
        assert!(read("--quick").unwrap().wants("drain, 1 worker", true));
        assert!(read("--quick --scenarios idle").unwrap().wants("idle worker", false));
        assert!(read("").unwrap().wants("idle worker", false));
    }

    #[test]
    fn a_short_run_for_the_readme_measures_what_stands_in_it() {
        let options = read("--quick --readme README.md").unwrap();
        assert!(options.wants("drain, pinned snapshot", false));
        assert!(!options.wants("idle worker", false));
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(read("--jobs 0").is_err() && read("--jobs").is_err() && read("--fast").is_err());
    }
}
