//! The project's own chores: look at what eyes miss, and write what must not be written twice.

// A chore talks to the terminal it was started from.
#![allow(clippy::print_stdout)]

mod r#gen;
mod licence;
mod mutants;
mod packages;
mod path;
mod program;
mod sbom;
mod sizes;
mod source;
mod supply;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

use source::Tree;

const USAGE: &str = "cargo xtask CHORE

  tidy    checks imports, cycles, the code map and where SQL stands
  gen     writes the code map into ARCHITECTURE.md
  sizes   prints the ten longest functions and files
  supply  holds deny.toml against the lock file, without the network; `--advisories` asks for the newest of these too
  campaign  does every fault many times over and writes docs/reliability.md; `campaign --help` for how often
  mutants  puts each bug of faults/mutants into the Rust code, or those that are named, looks whether its check finds it, and
           writes docs/mutants.md
  bench  runs Backstay and other queues in turn and prints one table; `bench --help` for what can be asked
  sbom    prints the bill of materials of the binary, as CycloneDX 1.5";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the root");
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let tree = || Tree::read(root);
    let done = match words.as_slice() {
        ["tidy"] => tree().and_then(|tree| tidy::run(root, &tree)),
        ["gen"] => tree().and_then(|tree| r#gen::write(root, &tree)),
        ["sizes"] => tree().map(|tree| sizes::print(&tree)),
        ["supply"] => supply::run(root, false),
        ["supply", "--advisories"] => supply::run(root, true),
        ["campaign", rest @ ..] => program::campaign(root, rest),
        ["mutants", names @ ..] => mutants::run(root, names),
        ["bench", rest @ ..] => program::bench(root, rest),
        ["sbom"] => sbom::write(root),
        _ => Err(USAGE.to_owned()),
    };
    match done {
        Ok(said) => {
            println!("{said}");
            ExitCode::SUCCESS
        }
        Err(said) => {
            eprintln!("{said}");
            ExitCode::FAILURE
        }
    }
}
