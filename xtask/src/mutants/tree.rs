//! The copy into which bugs are put: what is committed, beside a folder for what is built of it, which all of them share.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::patch::Mutant;
use super::said::Said;

/// The longest that a run may take: those of a second hang where a bug lets them, and the longest lasts a minute.
const MOST_SECONDS: &str = "1200";
/// What `timeout` ends with when it had to end what it ran.
const TIMED_OUT: i32 = 124;

/// The committed tree in a place of its own.
pub(super) struct Checkout {
    tree: PathBuf,
    built: PathBuf,
    /// Two at once would build each other's bugs.
    _lock: File,
}

impl Checkout {
    /// Makes it below the target folder; what an earlier one has built is used again.
    pub(super) fn make(root: &Path) -> Result<Checkout, String> {
        let target =
            std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
        let home = root.join(target).join("mutants");
        fs::create_dir_all(&home).map_err(|e| format!("{}: {e}", home.display()))?;
        let lock =
            File::create(home.join("lock")).map_err(|e| format!("{}: {e}", home.display()))?;
        lock.try_lock().map_err(|_| format!("{}: bugs are being put in here", home.display()))?;
        let checkout = Checkout { tree: home.join("tree"), built: home.join("built"), _lock: lock };
        let head = run(git(root).args(["rev-parse", "HEAD"]))?;
        let (head, tree) = (head.trim(), &checkout.tree);
        if tree.join(".git").exists() {
            run(git(tree).args(["checkout", "--quiet", "--force", "--detach", head]))?;
        } else {
            let add = ["worktree", "add", "--quiet", "--force", "--detach"];
            run(git(root).args(add).arg(tree).arg(head))?;
        }
        checkout.put_right()?;
        Ok(checkout)
    }

    pub(super) fn put_in(&self, mutant: &Mutant) -> Result<(), String> {
        let applied = run(git(&self.tree).arg("apply").arg(&mutant.path));
        let name = &mutant.name;
        applied.map_err(|e| format!("{name}: the code has changed, make the patch anew: {e}"))?;
        Ok(())
    }

    /// As it was committed, also without the seeds that failing tests have written down.
    pub(super) fn put_right(&self) -> Result<(), String> {
        run(git(&self.tree).args(["checkout", "--quiet", "--force", "HEAD", "--", "."]))?;
        run(git(&self.tree).args(["clean", "--quiet", "--force", "-d"]))?;
        Ok(())
    }

    /// Builds what a run needs; what does not build would seem to be found.
    pub(super) fn build(&self, words: &[String]) -> Result<(), String> {
        run(self
            .put_up(&mut Command::new("cargo"))
            .args(["test", "--quiet", "--no-run"])
            .args(words))
        .map(drop)
    }

    pub(super) fn test(&self, words: &[String]) -> Result<Said, String> {
        let mut test = Command::new("timeout");
        test.args(["--kill-after=10", MOST_SECONDS, "cargo", "test"]).args(words);
        let ran = self.put_up(&mut test).output().map_err(|e| format!("timeout: {e}"))?;
        if ran.status.success() {
            return Ok(Said::Passed);
        }
        if ran.status.code() == Some(TIMED_OUT) {
            return Ok(Said::Endless);
        }
        let text = [ran.stdout, ran.stderr].concat();
        Ok(Said::failed(&String::from_utf8_lossy(&text)))
    }

    fn put_up<'a>(&self, command: &'a mut Command) -> &'a mut Command {
        command.current_dir(&self.tree).env("CARGO_TARGET_DIR", &self.built)
    }
}

fn git(folder: &Path) -> Command {
    let mut git = Command::new("git");
    git.current_dir(folder);
    git
}

fn run(command: &mut Command) -> Result<String, String> {
    let program = command.get_program().to_string_lossy().into_owned();
    let ran = command.output().map_err(|e| format!("{program} cannot be started: {e}"))?;
    match ran.status.success() {
        true => Ok(String::from_utf8_lossy(&ran.stdout).into_owned()),
        false => Err(format!("{program}: {}", String::from_utf8_lossy(&ran.stderr).trim())),
    }
}
