//! What runs this process, and how a worker there gets a control group of its own.

use std::fmt;
use std::fs;
use std::path::Path;

use rustix::process::getppid;

/// What runs this process.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Surroundings {
    /// A pod.
    Kubernetes,
    /// A container of Podman.
    Podman,
    /// A container of Docker.
    Docker,
    /// A unit of systemd.
    Systemd,
    /// A shell, on a machine where systemd could start units.
    ShellBesideSystemd,
    /// Anything else.
    Plain,
}

/// What can be seen of the surroundings.
#[derive(Default)]
struct Signs {
    kubernetes: bool,
    containerenv: bool,
    dockerenv: bool,
    systemd_runs: bool,
    /// `/proc/self/cgroup`.
    groups: String,
}

impl Surroundings {
    /// Looks around; what cannot be seen is [`Surroundings::Plain`].
    pub fn look() -> Surroundings {
        let exists = |path: &str| Path::new(path).exists();
        Surroundings::judge(&Signs {
            kubernetes: std::env::var_os("KUBERNETES_SERVICE_HOST").is_some(),
            containerenv: exists("/run/.containerenv"),
            dockerenv: exists("/.dockerenv"),
            systemd_runs: exists("/run/systemd/system"),
            groups: fs::read_to_string("/proc/self/cgroup").unwrap_or_default(),
        })
    }

    fn judge(signs: &Signs) -> Surroundings {
        // A supervisor stands in a group of its own below that of its unit.
        let in_unit = signs.groups.lines().any(|line| {
            let mut parts = line.rsplit('/');
            parts.any(|part| part.ends_with(".service"))
        });
        match signs {
            Signs { kubernetes: true, .. } => Surroundings::Kubernetes,
            Signs { containerenv: true, .. } => Surroundings::Podman,
            Signs { dockerenv: true, .. } => Surroundings::Docker,
            _ if in_unit => Surroundings::Systemd,
            Signs { systemd_runs: true, .. } => Surroundings::ShellBesideSystemd,
            _ => Surroundings::Plain,
        }
    }

    /// Gives the word for it, such as `docker`; a shell is `plain`.
    pub fn as_str(self) -> &'static str {
        match self {
            Surroundings::Kubernetes => "kubernetes",
            Surroundings::Podman => "podman",
            Surroundings::Docker => "docker",
            Surroundings::Systemd => "systemd",
            Surroundings::ShellBesideSystemd | Surroundings::Plain => "plain",
        }
    }

    /// Gives the one line by which a worker gets a control group of its own here.
    pub fn advice(self) -> &'static str {
        match self {
            Surroundings::Kubernetes => {
                "let pods write to their own control group: `cgroup_writable = true` in containerd's runtime class of this pod, or the annotation of CRI-O"
            }
            Surroundings::Podman => "podman run --security-opt unmask=/sys/fs/cgroup",
            Surroundings::Docker => {
                "docker run --security-opt writable-cgroups=true (from the version of Docker Engine on that knows it)"
            }
            Surroundings::Systemd => {
                "systemctl edit the unit: [Service] Delegate=memory pids cpu io, then restart it"
            }
            Surroundings::ShellBesideSystemd => {
                "systemd-run --pty --same-dir -p Delegate=yes backstay work (as another user than root: systemd-run --user)"
            }
            Surroundings::Plain => {
                "start it alone in a control group of its own, as root: mkdir /sys/fs/cgroup/worker; sh -c 'echo 0 > /sys/fs/cgroup/worker/cgroup.procs; exec backstay work'"
            }
        }
    }
}

impl fmt::Display for Surroundings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Shells that wait for what they start, and keep the signals that they get to themselves.
const SHELLS: [&str; 6] = ["sh", "bash", "dash", "ash", "zsh", "ksh"];

/// Gives the command line of a shell that runs a script of which this process is a part, so that a signal to stop may never
/// arrive here. None at a terminal: its signals reach everything that runs there.
pub fn shell_above() -> Option<String> {
    if fs::File::open("/dev/tty").is_ok() {
        return None;
    }
    let parent = getppid()?.as_raw_nonzero();
    let line = fs::read(format!("/proc/{parent}/cmdline")).ok()?;
    let words = line.split(|byte| *byte == 0).filter(|word| !word.is_empty());
    script(&words.map(|word| String::from_utf8_lossy(word).into_owned()).collect::<Vec<_>>())
}

fn script(words: &[String]) -> Option<String> {
    let name = words.first()?.trim_start_matches('-').rsplit('/').next()?;
    let is_script = words[1..].iter().any(|word| is_command(word) || !word.starts_with('-'));
    let line = words.join(" ").replace(char::is_control, " ");
    (SHELLS.contains(&name) && is_script).then(|| line.chars().take(80).collect())
}

/// `-c`, also among others: `-ec`.
fn is_command(word: &str) -> bool {
    word.starts_with('-') && !word.starts_with("--") && word.ends_with('c')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_that_runs_a_script_is_told_from_one_that_people_type_into() {
        let of =
            |line: &str| script(&line.split(' ').map(str::to_owned).collect::<Vec<_>>()).is_some();
        for line in ["/bin/sh -c backstay", "sh ./start.sh", "bash -e start.sh", "/bin/sh -ec x"] {
            assert!(of(line), "{line}");
        }
        for line in ["-bash", "/usr/bin/zsh -l", "dumb-init sh", "systemd", ""] {
            assert!(!of(line), "{line}");
        }
    }

    #[test]
    fn the_innermost_of_what_runs_us_is_named() {
        let groups = |path: &str| Signs { groups: format!("0::{path}\n"), ..Signs::default() };
        let unit = "/system.slice/backstay.service";
        let rows = [
            (Signs::default(), Surroundings::Plain),
            (groups("/user.slice/user-1.slice/session-3.scope"), Surroundings::Plain),
            (
                Signs { systemd_runs: true, ..groups("/user.slice/session-3.scope") },
                Surroundings::ShellBesideSystemd,
            ),
            (Signs { systemd_runs: true, ..groups(unit) }, Surroundings::Systemd),
            (groups(&format!("{unit}/supervisor")), Surroundings::Systemd),
            (Signs { dockerenv: true, ..groups("/") }, Surroundings::Docker),
            (Signs { containerenv: true, ..groups(unit) }, Surroundings::Podman),
            (
                Signs { dockerenv: true, kubernetes: true, ..Signs::default() },
                Surroundings::Kubernetes,
            ),
        ];
        for (signs, expected) in rows {
            assert_eq!(Surroundings::judge(&signs), expected, "{}", signs.groups);
            assert!(!expected.advice().is_empty());
        }
    }
}
