//! What runs this process, and how a worker there gets a control group of its own.

use std::fmt;
use std::path::Path;

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
            groups: std::fs::read_to_string("/proc/self/cgroup").unwrap_or_default(),
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

#[cfg(test)]
mod tests {
    use super::*;

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
