//! A worker process with a configuration and a folder of its own, for tests that need jobs to run for real.

use std::io::ErrorKind;
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backstay_postgres::template;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::{Desk, desk};

/// A worker process with its folder; it ends with the test.
pub(crate) struct Crew {
    pub(crate) desk: Desk,
    pub(crate) folder: PathBuf,
    env: Vec<(String, String)>,
    worker: Child,
}

impl Drop for Crew {
    fn drop(&mut self) {
        self.worker.kill().unwrap();
        self.worker.wait().unwrap();
        std::fs::remove_dir_all(&self.folder).unwrap();
    }
}

/// Starts a worker with the settings that are made for its folder; none where tests with a database are switched off.
pub(crate) fn crew(name: &str, settings: impl FnOnce(&Path) -> String) -> Option<Crew> {
    crew_with(name, None, Vec::new(), settings)
}

/// The same, as another user where one is named; the folder is that user's.
pub(crate) fn crew_as(
    name: &str,
    user: Option<u32>,
    settings: impl FnOnce(&Path) -> String,
) -> Option<Crew> {
    crew_with(name, user, Vec::new(), settings)
}

/// The same, with these variables.
pub(crate) fn crew_with(
    name: &str,
    user: Option<u32>,
    env: Vec<(String, String)>,
    settings: impl FnOnce(&Path) -> String,
) -> Option<Crew> {
    let desk = desk()?;
    let folder = std::env::temp_dir().join(format!("backstay-{name}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    std::fs::write(folder.join("backstay.toml"), settings(&folder)).unwrap();
    let mut command = work(&desk, &folder, &env);
    if let Some(user) = user {
        chown(&folder, Some(user), Some(user)).unwrap();
        command.uid(user).gid(user).env("TMPDIR", &folder);
    }
    let worker = match command.spawn() {
        Err(error) if user.is_some() && error.kind() == ErrorKind::PermissionDenied => {
            std::fs::remove_dir_all(&folder).unwrap();
            template::note_skip("a worker of another user: the binary lies where only root may go");
            return None;
        }
        spawned => spawned.unwrap(),
    };
    let crew = Crew { desk, folder, env, worker };
    crew.wait_until("the worker is up", || {
        let workers = crew.desk.run(&["workers", "list", "--json"]).json();
        workers["items"][0]["state"] == "live"
    });
    Some(crew)
}

fn work(desk: &Desk, folder: &Path, env: &[(String, String)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
    command.args(["work", "--config"]).arg(folder.join("backstay.toml"));
    command.env_clear().env("PATH", "/usr/bin:/bin").env("DATABASE_URL", &desk.database.url);
    command.envs(env.iter().cloned());
    let log = std::fs::File::options().create(true).append(true).open(folder.join("log")).unwrap();
    command.current_dir(folder).stdout(Stdio::null()).stderr(log);
    command
}

impl Crew {
    /// Ends the worker by this signal, and waits until it is gone.
    pub(crate) fn end_worker(&mut self, signal: Signal) {
        kill_process(Pid::from_child(&self.worker), signal).unwrap();
        self.worker.wait().unwrap();
    }

    /// Starts another worker with the same settings, where the last one has ended.
    pub(crate) fn start_worker(&mut self) {
        self.worker = work(&self.desk, &self.folder, &self.env).spawn().unwrap();
    }

    pub(crate) fn wait_until(&self, what: &str, is_so: impl Fn() -> bool) {
        let begun = Instant::now();
        while !is_so() {
            assert!(
                begun.elapsed() < Duration::from_secs(20),
                "not in 20 s: {what}\n{}",
                self.log()
            );
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until the job stands there, and gives its document with its attempts.
    pub(crate) fn wait_for(&self, id: &str, state: &str) -> Value {
        let look = || self.desk.run(&["jobs", "show", id, "--attempts", "--json"]).json();
        self.wait_until(&format!("job {id} is {state}"), || look()["state"] == state);
        look()
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.join("log")).unwrap()
    }
}
