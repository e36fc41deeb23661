//! Looks at what others wrote and we deliver: where it comes from, under which licence, and what must never be in it.
//!
//! The rules are those of `deny.toml`, which cargo-deny reads too. Sources, licences and bans are looked at here without
//! the network and without a program that has to be installed; advisories change from day to day and need both.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;

use crate::licence::is_allowed;
use crate::packages::{Locked, PLATFORM, delivered, field, locked, metadata};

const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";

/// The feature of `backstay` that lets tests hurt it on purpose.
const FAULTS: &str = "faults";

/// What stands in every program that has the feature, and where it is written.
const MARKER: &str = "backstay-failpoints-are-built-in";
const MARKED: &str = "crates/backstay/src/failpoint/point.rs";

/// What `deny.toml` says, as far as it can be held against the lock file.
#[derive(Debug)]
struct Rules {
    licences: Vec<String>,
    banned: Vec<String>,
    /// Advisories that are passed over, each with why and until when.
    ignored: Vec<Ignored>,
}

#[derive(Debug)]
struct Ignored {
    id: String,
    reason: String,
}

/// Holds the rules against the lock file, and runs cargo-deny where it is installed. With `advisories` it asks for the
/// newest advisories too, and fails where it cannot.
pub(crate) fn run(root: &Path, advisories: bool) -> Result<String, String> {
    let text = fs::read_to_string(root.join("deny.toml")).map_err(|e| format!("deny.toml: {e}"))?;
    let rules = Rules::read(&text)?;
    let locked = locked(root)?;
    let metadata = metadata(root)?;
    let packages = metadata["packages"].as_array().map(Vec::as_slice).unwrap_or_default();
    let mut found = Vec::new();
    found.extend(locked.iter().filter_map(foreign));
    found.extend(locked.iter().filter_map(|it| banned(it, &rules)));
    found.extend(packages.iter().filter_map(|it| unlicensed(it, &rules)));
    found.extend(rules.ignored.iter().filter_map(|it| outdated(it, &today())));
    found.extend(hurtful(root)?);
    if !found.is_empty() {
        return Err(found.join("\n"));
    }
    let mut said = vec![format!(
        "supply: {} locked packages come from the registry and none is banned; {} for {PLATFORM} have a licence that is allowed",
        locked.len(),
        packages.len()
    )];
    said.extend(ask(
        "cargo-deny",
        root,
        &["deny", "--offline", "--target", PLATFORM, "check", "bans", "licenses", "sources"],
        false,
    )?);
    if advisories {
        said.extend(ask("cargo-deny", root, &["deny", "check"], true)?);
        let passed = rules.ignored.iter().flat_map(|it| ["--ignore", &it.id]);
        let audit: Vec<&str> =
            ["audit", "--deny", "unsound", "--deny", "yanked"].into_iter().chain(passed).collect();
        said.extend(ask("cargo-audit", root, &audit, true)?);
    } else {
        said.push(
            "skipped: advisories (`cargo xtask supply --advisories` asks for the newest)".into(),
        );
    }
    Ok(said.join("\n"))
}

impl Rules {
    fn read(text: &str) -> Result<Rules, String> {
        let rules: toml::Table = text.parse().map_err(|e| format!("deny.toml: {e}"))?;
        let list = |section: &str, key: &str| -> Vec<toml::Value> {
            let list =
                rules.get(section).and_then(|it| it.get(key)).and_then(toml::Value::as_array);
            list.cloned().unwrap_or_default()
        };
        let licences: Vec<String> = list("licenses", "allow")
            .iter()
            .filter_map(|it| Some(it.as_str()?.to_owned()))
            .collect();
        if licences.is_empty() {
            return Err("deny.toml: `licenses.allow` names no licence".into());
        }
        let name = |it: &toml::Value| Some(it.get("name")?.as_str()?.to_owned());
        let ignored = list("advisories", "ignore");
        Ok(Rules {
            licences,
            banned: list("bans", "deny").iter().filter_map(name).collect(),
            ignored: ignored.iter().map(Ignored::read).collect::<Result<_, _>>()?,
        })
    }
}

impl Ignored {
    fn read(value: &toml::Value) -> Result<Ignored, String> {
        let text = |key| value.get(key).and_then(toml::Value::as_str).map(str::to_owned);
        let (Some(id), Some(reason)) = (text("id"), text("reason")) else {
            return Err(format!(
                "deny.toml: write {value:?} as {{ id = \"...\", reason = \"until 2027-01-31: ...\" }}"
            ));
        };
        Ok(Ignored { id, reason })
    }
}

/// Why a locked package does not come from where packages come from; none where it does.
fn foreign(package: &Locked) -> Option<String> {
    let name = format!("{} {}", package.name, package.version);
    match package.source.as_deref() {
        None => None,
        Some(REGISTRY) if package.checksum.is_some() => None,
        Some(REGISTRY) => Some(format!("{name}: the lock file has no checksum of it")),
        Some(source) => Some(format!("{name}: comes from {source}, not from the registry")),
    }
}

fn banned(package: &Locked, rules: &Rules) -> Option<String> {
    let is_banned = rules.banned.contains(&package.name);
    is_banned.then(|| format!("{} {}: deny.toml bans it", package.name, package.version))
}

fn unlicensed(package: &Value, rules: &Rules) -> Option<String> {
    let name = || {
        format!(
            "{} {}",
            field(package, "name").unwrap_or("?"),
            field(package, "version").unwrap_or("?")
        )
    };
    let Some(expression) = field(package, "license") else {
        return Some(format!("{}: names no licence", name()));
    };
    match is_allowed(expression, &rules.licences) {
        Ok(true) => None,
        Ok(false) => {
            Some(format!("{}: {expression} is not among the licences of deny.toml", name()))
        }
        Err(error) => Some(format!("{}: {error}", name())),
    }
}

/// Why an advisory may no longer be passed over; none while it may.
fn outdated(ignored: &Ignored, today: &str) -> Option<String> {
    let day = ignored.reason.strip_prefix("until ").and_then(|rest| rest.split_once(": "));
    let is_day = |day: &str| {
        day.len() == 10
            && day
                .bytes()
                .enumerate()
                .all(|(n, it)| if n == 4 || n == 7 { it == b'-' } else { it.is_ascii_digit() })
    };
    match day {
        Some((day, why)) if is_day(day) && !why.trim().is_empty() => (day < today).then(|| {
            format!("deny.toml: {} was to be passed over until {day}; look again", ignored.id)
        }),
        _ => Some(format!(
            "deny.toml: the reason of {} must be `until YEAR-MONTH-DAY: why`",
            ignored.id
        )),
    }
}

/// What of the faults that tests raise would be delivered: the feature in the tree of the binary, its marker in a release
/// that was built here.
fn hurtful(root: &Path) -> Result<Vec<String>, String> {
    let tree = delivered(root, "features,normal,build", "{p}")?;
    let feature = format!(" feature \"{FAULTS}\"");
    let lines = tree.lines().filter(|line| line.contains(&feature));
    let mut found: Vec<String> =
        lines.map(|line| format!("{line}: what is delivered must not hurt itself")).collect();
    let source = fs::read_to_string(root.join(MARKED)).map_err(|e| format!("{MARKED}: {e}"))?;
    if !source.contains(MARKER) {
        found.push(format!("{MARKED}: the marker `{MARKER}` is not there, so that none is found"));
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or(root.join("target"), PathBuf::from);
    let release = target.join("release/backstay");
    if release.exists() {
        let bytes = fs::read(&release).map_err(|e| format!("{}: {e}", release.display()))?;
        found.extend(marked(&bytes).then(|| format!("{}: has `{FAULTS}`", release.display())));
    }
    Ok(found)
}

fn marked(program: &[u8]) -> bool {
    program.windows(MARKER.len()).any(|part| part == MARKER.as_bytes())
}

/// Runs one of cargo's programs where it is installed; where it is not, that is said, or is a failure where it is `needed`.
fn ask(
    program: &str,
    root: &Path,
    arguments: &[&str],
    needed: bool,
) -> Result<Option<String>, String> {
    let line = format!("cargo {}", arguments.join(" "));
    match Command::new(program).args(arguments).current_dir(root).output() {
        Ok(ran) if ran.status.success() => Ok(Some(format!("ok: {line}"))),
        Ok(ran) => {
            let said = [ran.stdout, ran.stderr].map(|it| String::from_utf8_lossy(&it).into_owned());
            Err(format!("{line}\n{}", said.concat().trim()))
        }
        Err(error) if needed => {
            Err(format!("{line}: {error}; `cargo install --locked {program}` installs it"))
        }
        Err(_) => Ok(Some(format!("SKIPPED: {line}: {program} is not installed here"))),
    }
}

/// The day in UTC, as `deny.toml` writes days.
pub(crate) fn today() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    day_of(since.as_secs() / 86_400)
}

/// A day of the Gregorian calendar by its number since 1970-01-01.
fn day_of(number: u64) -> String {
    let is_leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let (mut year, mut left) = (1970, number);
    while left >= 365 + u64::from(is_leap(year)) {
        left -= 365 + u64::from(is_leap(year));
        year += 1;
    }
    let february = 28 + u64::from(is_leap(year));
    let months = [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while left >= months[month] {
        left -= months[month];
        month += 1;
    }
    format!("{year}-{:02}-{:02}", month + 1, left + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rules(text: &str) -> Rules {
        Rules::read(&format!("{text}\n[licenses]\nallow = [\"MIT\"]")).unwrap()
    }

    fn package(source: Option<&str>, checksum: Option<&str>) -> Locked {
        let [source, checksum] = [source, checksum].map(|it| it.map(str::to_owned));
        Locked { name: "chrono".into(), version: "0.4.1".into(), source, checksum }
    }

    #[test]
    fn a_package_from_elsewhere_without_checksum_or_with_a_banned_name_is_found() {
        assert_eq!(foreign(&package(None, None)), None);
        assert_eq!(foreign(&package(Some(REGISTRY), Some("ab"))), None);
        assert!(foreign(&package(Some(REGISTRY), None)).unwrap().contains("no checksum"));
        let git = package(Some("git+https://example.org/chrono"), None);
        assert!(foreign(&git).unwrap().contains("comes from git+"));
        let rules = rules("bans.deny = [{ name = \"chrono\" }]");
        assert!(banned(&git, &rules).unwrap().contains("bans it"));
    }

    #[test]
    fn a_package_without_an_allowed_licence_is_found() {
        let rules = rules("");
        let of = |licence: Value| serde_json::json!({ "name": "a", "version": "1.0.0", "license": licence });
        assert_eq!(unlicensed(&of("MIT".into()), &rules), None);
        assert!(unlicensed(&of("GPL-3.0".into()), &rules).unwrap().contains("not among"));
        assert!(unlicensed(&of(Value::Null), &rules).unwrap().contains("names no licence"));
    }

    #[test]
    fn an_advisory_is_passed_over_with_a_reason_and_until_a_day() {
        let ignored =
            |reason: &str| Ignored { id: "RUSTSEC-2020-0001".into(), reason: reason.into() };
        assert_eq!(outdated(&ignored("until 2027-01-31: not reached"), "2027-01-31"), None);
        assert!(
            outdated(&ignored("until 2027-01-31: not reached"), "2027-02-01")
                .unwrap()
                .contains("look again")
        );
        for reason in ["not reached", "until soon: not reached", "until 2027-01-31: "] {
            assert!(
                outdated(&ignored(reason), "2020-01-01").unwrap().contains("must be"),
                "{reason}"
            );
        }
        let bare = "[licenses]\nallow = [\"MIT\"]\n[advisories]\nignore = [\"RUSTSEC-2020-0001\"]";
        assert!(Rules::read(bare).unwrap_err().contains("reason"));
    }

    #[test]
    fn a_program_that_can_hurt_itself_is_known_by_its_marker() {
        let with = format!("\u{7f}ELF...{MARKER}...");
        assert!(marked(with.as_bytes()));
        assert!(!marked(b"\x7fELF... backstay-failpoints"));
    }

    #[test]
    fn days_are_counted_as_the_calendar_does() {
        for (number, day) in [
            (0, "1970-01-01"),
            (11_016, "2000-02-29"),
            (20_787, "2026-11-30"),
            (47_540, "2100-02-28"),
            (47_541, "2100-03-01"),
        ] {
            assert_eq!(day_of(number), day);
        }
    }
}
