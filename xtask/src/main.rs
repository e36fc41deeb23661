//! The project's own chores: look at what eyes miss, and write what must not be written twice.

// A chore talks to the terminal it was started from.
#![allow(clippy::print_stdout)]

mod r#gen;
mod path;
mod sizes;
mod source;
mod tidy;

use std::path::Path;
use std::process::ExitCode;

use source::Tree;

const USAGE: &str = "cargo xtask CHORE

  tidy    checks imports, cycles, the code map and where SQL stands
  gen     writes the code map into ARCHITECTURE.md
  sizes   prints the ten longest functions and files";

fn main() -> ExitCode {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("xtask stands in the root");
    let chore = std::env::args().nth(1).unwrap_or_default();
    let done = Tree::read(root).and_then(|tree| match chore.as_str() {
        "tidy" => tidy::run(root, &tree),
        "gen" => r#gen::write(root, &tree),
        "sizes" => Ok(sizes::print(&tree)),
        _ => Err(USAGE.to_owned()),
    });
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
