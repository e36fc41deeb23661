//! Puts bugs into the Rust code on purpose, one at a time: the check that is named for each must find it.
//!
//! Each is a patch in `faults/mutants`, put into a copy of what is committed, so that nobody's own work is touched. Bugs in
//! SQL need no build, and are put in by the fault programme itself.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use patch::Mutant;
use said::Said;
use tree::Checkout;

mod page;
mod patch;
mod said;
mod tree;

/// A bug, and what became of the run that must find it.
struct Judged<'a> {
    mutant: &'a Mutant,
    said: Said,
    took: Duration,
}

impl Judged<'_> {
    fn is_found(&self) -> bool {
        self.said.names(&self.mutant.found_by)
    }

    fn line(&self) -> String {
        let Mutant { name, found_by, .. } = self.mutant;
        let (word, took) =
            (if self.is_found() { "found" } else { "NOT FOUND" }, self.took.as_secs());
        format!("{word:9}  {name}: must be found by {found_by}, was by {} ({took} s)", self.said)
    }
}

/// Puts in those with one of these names, or all, and writes the page.
pub(crate) fn run(root: &Path, names: &[&str]) -> Result<String, String> {
    let all = patch::all(root)?;
    let mutants = chosen(&all, names)?;
    let checkout = Checkout::make(root)?;
    sound(&checkout, &mutants)?;
    let mut judged = Vec::new();
    for mutant in mutants {
        let one = judge(&checkout, mutant)?;
        println!("{}", one.line());
        judged.push(one);
        // At once: all of them take long, and what is known is kept where somebody ends it.
        page::write(root, &all, &judged)?;
    }
    let missed = judged.iter().filter(|one| !one.is_found()).count();
    match missed {
        0 => Ok(format!("mutants: all {} were found by the checks that are named", judged.len())),
        _ => Err(format!("mutants: {missed} of {} were not found as they must be", judged.len())),
    }
}

fn chosen<'a>(all: &'a [Mutant], names: &[&str]) -> Result<Vec<&'a Mutant>, String> {
    let known: Vec<&str> = all.iter().map(|mutant| mutant.name.as_str()).collect();
    if let Some(name) = names.iter().find(|name| !known.contains(name)) {
        return Err(format!("there is no mutant `{name}`; there are:\n  {}", known.join("\n  ")));
    }
    let is_meant = |it: &&Mutant| names.is_empty() || names.contains(&it.name.as_str());
    Ok(all.iter().filter(is_meant).collect())
}

/// What fails without a bug proves nothing with one.
fn sound(checkout: &Checkout, mutants: &[&Mutant]) -> Result<(), String> {
    let runs: BTreeSet<&[String]> = mutants.iter().map(|mutant| mutant.run.as_slice()).collect();
    for run in runs {
        let began = Instant::now();
        checkout.build(run)?;
        match checkout.test(run)? {
            Said::Passed => {
                println!("sound      {} ({} s)", run.join(" "), began.elapsed().as_secs())
            }
            said => return Err(format!("without any bug, {}: {said}", run.join(" "))),
        }
    }
    Ok(())
}

fn judge<'a>(checkout: &Checkout, mutant: &'a Mutant) -> Result<Judged<'a>, String> {
    let began = Instant::now();
    checkout.put_in(mutant)?;
    checkout.build(&mutant.run).map_err(|error| format!("{}: {error}", mutant.name))?;
    let said = checkout.test(&mutant.run)?;
    checkout.put_right()?;
    Ok(Judged { mutant, said, took: began.elapsed() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_is_none_is_told_with_all_that_are() {
        let text = "Twice.\nfound by: H6\nrun: --test faults pauses\ndiff --git a/x b/x\n";
        let all = [patch::read("settles-twice", Path::new("x.patch"), text).unwrap()];
        assert_eq!(chosen(&all, &[]).unwrap().len(), 1);
        assert_eq!(chosen(&all, &["settles-twice"]).unwrap().len(), 1);
        let error = chosen(&all, &["settles"]).unwrap_err();
        assert!(error.contains("`settles`") && error.contains("settles-twice"), "{error}");
    }

    #[test]
    fn a_bug_that_another_check_finds_is_not_found() {
        let text = "Twice.\nfound by: H6\nrun: --test faults pauses\ndiff --git a/x b/x\n";
        let mutant = patch::read("settles-twice", Path::new("x.patch"), text).unwrap();
        let judged = |said| Judged { mutant: &mutant, said, took: Duration::from_secs(3) };
        let by = |name: &str| judged(Said::Failed([name.to_owned()].into()));
        assert!(by("H6").is_found());
        assert!(!by("H7").is_found() && !judged(Said::Passed).is_found());
        assert!(!judged(Said::Endless).is_found());
    }
}
