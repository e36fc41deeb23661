//! By apt, without root and without installing: packages of the distribution, unpacked in our cache.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::part::{Fetched, Part, announce_line, on_path};

/// Libraries that only parts of PostgreSQL need which we leave off: compiling queries, PL/Perl.
const LEFT_OUT: [&str; 4] = ["libllvm", "libz3", "libperl", "libgdbm"];

/// PostgreSQL with everything it needs is some 15 packages; a list of hundreds is no such list.
const PACKAGES: usize = 60;

pub(super) fn fetch(root: &Path, wanted: Option<u32>, announce: fn(&str)) -> Fetched {
    on_path(&["apt-get"]).ok_or("apt not found")?;
    let part = Part::new(root, "apt")?;
    let named = wanted.map_or_else(|| "of this system".to_owned(), |major| major.to_string());
    announce(&announce_line(&named, 30, "apt"));
    let apt = Apt::new(&part)?;
    part.run(apt.command("update").args(["-qq", "-o", "APT::Update::Error-Mode=any"]))?;
    let package = wanted.map_or_else(|| "postgresql".to_owned(), |n| format!("postgresql-{n}"));
    let mut plan = apt.command("install");
    let plan = part.run(plan.args(["--print-uris", "-qq", "--no-install-recommends", &package]))?;
    let names = names(&plan.stdout);
    if !names.iter().any(|name| is_server(name)) || names.len() > PACKAGES {
        return Err(part.say("no package of the server"));
    }
    part.run(apt.command("download").arg("-qq").args(&names))?;
    for file in package_files(&part.part) {
        part.run(Command::new("dpkg-deb").arg("-x").arg(&file).arg("."))?;
        fs::remove_file(&file).map_err(|error| part.say(&error.to_string()))?;
    }
    part.clear(&apt.dir)?;
    part.finish()
}

/// apt with its lists, cache and view of the system in a folder of ours. What the user configured
/// (sources, proxies, keys) stays in force.
struct Apt {
    dir: PathBuf,
}

impl Apt {
    fn new(part: &Part) -> Result<Apt, String> {
        let dir = part.part.join("apt");
        let failed = |error: std::io::Error| part.say(&error.to_string());
        for name in ["state/lists/partial", "cache/archives/partial"] {
            fs::create_dir_all(dir.join(name)).map_err(failed)?;
        }
        let installed = fs::read_to_string("/var/lib/dpkg/status").map_err(failed)?;
        fs::write(dir.join("status"), without_postgresql(&installed)).map_err(failed)?;
        Ok(Apt { dir })
    }

    fn command(&self, verb: &str) -> Command {
        let mut command = Command::new("apt-get");
        let option = |name: &str, below: &str| format!("{name}={}", self.dir.join(below).display());
        for setting in [
            option("Dir::State", "state"),
            option("Dir::Cache", "cache"),
            option("Dir::State::status", "status"),
            "Debug::NoLocking=1".to_owned(),
            "APT::Sandbox::User=".to_owned(),
            "Acquire::Languages=none".to_owned(),
            "Acquire::Retries=0".to_owned(),
            "Acquire::http::Timeout=15".to_owned(),
            "Acquire::https::Timeout=15".to_owned(),
        ] {
            command.arg("-o").arg(setting);
        }
        command.arg(verb).env("LC_ALL", "C").env("DEBIAN_FRONTEND", "noninteractive");
        command
    }
}

/// The system's list of installed packages as if PostgreSQL were not among them: an installed one
/// that worked would have been taken before, and one that does not must be fetched.
fn without_postgresql(status: &str) -> String {
    let ours = |paragraph: &&str| !paragraph.trim_start().starts_with("Package: postgresql");
    status.split("\n\n").filter(ours).collect::<Vec<_>>().join("\n\n")
}

/// The packages worth having of a plan: lines of `'URL' file_version_arch.deb size hash`.
fn names(plan: &str) -> Vec<String> {
    let files = plan.lines().filter_map(|line| line.strip_prefix('\'')?.split_whitespace().nth(1));
    let packages = files.filter_map(|file| file.split('_').next());
    packages.filter(|name| is_server(name) || is_library(name)).map(str::to_owned).collect()
}

fn is_server(package: &str) -> bool {
    let version = package.strip_prefix("postgresql-").unwrap_or_default();
    !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_digit())
}

fn is_library(package: &str) -> bool {
    let left_out = LEFT_OUT.iter().any(|start| package.starts_with(start));
    package.starts_with("lib") && !package.ends_with("-dev") && !left_out
}

fn package_files(dir: &Path) -> Vec<PathBuf> {
    let Ok(entries) = fs::read_dir(dir) else { return Vec::new() };
    let files = entries.filter_map(Result::ok).map(|entry| entry.path());
    files.filter(|path| path.extension().is_some_and(|end| end == "deb")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_server_and_its_libraries_are_taken_from_a_plan() {
        let plan = "\
'http://host/p/libpq5_15.20-0_amd64.deb' libpq5_15.20-0_amd64.deb 205248 SHA256:00
'http://host/p/libllvm14_1_amd64.deb' libllvm14_1%3a14_amd64.deb 1 SHA256:00
'http://host/p/libpq-dev_15.20-0_amd64.deb' libpq-dev_15.20-0_amd64.deb 1 SHA256:00
'http://host/p/postgresql-15_15.20-0_amd64.deb' postgresql-15_15.20-0_amd64.deb 1 SHA256:00
'http://host/p/postgresql-common_248_all.deb' postgresql-common_248_all.deb 1 SHA256:00
'http://host/p/postgresql_15_all.deb' postgresql_15_all.deb 1 SHA256:00
";
        assert_eq!(names(plan), ["libpq5", "postgresql-15"]);
    }

    #[test]
    fn an_installed_postgresql_is_left_out_of_the_view_and_all_else_stays() {
        let status =
            "Package: libc6\nA: b\n\nPackage: postgresql-15\nA: b\n\nPackage: zlib1g\nA: b\n";
        assert_eq!(without_postgresql(status), "Package: libc6\nA: b\n\nPackage: zlib1g\nA: b\n");
    }
}
