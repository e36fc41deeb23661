//! The stories of `e2e/` in a real browser, where Chromium, Node and the packages of `e2e/package.json` are at hand.

use std::path::{Path, PathBuf};
use std::process::Command;

use backstay_postgres::template;

use crate::desk;

/// Where Debian has it, unless somebody says otherwise.
fn chromium() -> PathBuf {
    std::env::var_os("CHROMIUM").map_or_else(|| "/usr/bin/chromium".into(), PathBuf::from)
}

/// What keeps the stories from being played here.
fn missing(stories: &Path) -> Option<String> {
    let node = Command::new("node").arg("--version").output();
    let major = |version: &[u8]| {
        let version = String::from_utf8_lossy(version).trim_start_matches('v').to_owned();
        version.split('.').next().and_then(|major| major.parse::<u32>().ok())
    };
    match node.ok().and_then(|node| major(&node.stdout)) {
        None => return Some("there is no Node".into()),
        Some(version) if version < 20 => {
            return Some(format!("Node {version} is too old, 20 will do"));
        }
        Some(_) => {}
    }
    if !chromium().exists() {
        return Some(format!(
            "there is no browser at {}: Debian's package is chromium",
            chromium().display()
        ));
    }
    let packages = ["playwright-core", "axe-core", "postgres"];
    let packages = packages.map(|name| stories.join("node_modules").join(name));
    let is_there = packages.iter().all(|package| package.exists());
    (!is_there).then(|| "its packages are not installed: npm ci in e2e/".into())
}

/// Plays a file of stories on a database of its own.
fn play(file: &str) {
    let Some(desk) = desk() else { return };
    let stories = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../e2e");
    if let Some(missing) = missing(&stories) {
        assert!(std::env::var_os("BACKSTAY_TEST_REQUIRE_BROWSER").is_none(), "{missing}");
        return template::note_skip(&format!("the dashboard in a browser: {missing}"));
    }
    let played = Command::new("node")
        .args(["--test", file])
        .current_dir(&stories)
        .env("BACKSTAY", env!("CARGO_BIN_EXE_backstay"))
        .env("DATABASE_URL", &desk.database.url)
        .env("CHROMIUM", chromium())
        .output()
        .unwrap();
    let told = String::from_utf8_lossy(&played.stdout);
    assert!(played.status.success(), "{told}\n{}", String::from_utf8_lossy(&played.stderr));
}

#[test]
fn people_live_with_the_dashboard_as_the_stories_tell() {
    play("stories.test.js");
}

#[test]
fn the_pages_of_a_shop_fit_and_can_be_read_by_everybody() {
    play("shop.test.js");
}
