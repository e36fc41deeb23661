//! Pools: programs that do not boot, and what is tried until they do.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use backstay_isolate::{Ending, Pool};

use crate::Test;
use crate::run::*;

pub(crate) const TESTS: &[Test] = &[
    ("a_program_that_does_not_boot_is_left_alone_until_a_trial_boots", broken_until_mended),
    ("a_command_that_is_gone_breaks_its_pool_until_it_is_back", command_gone_and_back),
    ("a_boot_that_we_ended_ourselves_is_nobodys_failure", ended_by_us),
];

/// A path of this test that does not exist yet.
fn place(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("backstay-{}-{name}", std::process::id()));
    // Left by an earlier run that was killed.
    let _gone = std::fs::remove_file(&path);
    path
}

/// Serves as soon as `file` is there; writes a dot into `log` at each start.
fn moody(file: &str, log: &str) -> Pool {
    let script = r#"
printf . >> "$2"
[ -e "$1" ] || { echo "no $1" >&2; exit 3; }
read -r hello <&4
echo '{"type":"ready","protocol":1,"kinds":["a","b"],"args_versions":{"b":2}}' >&3
while read -r job <&4; do
  case "$job" in *'"type":"job"'*) echo '{"type":"done","id":"7","attempt":2}' >&3;; *) exit 0;; esac
done
"#;
    warm(&["sh", "-c", script, "moody", file, log], limits())
}

fn broken_until_mended() {
    let (file, log) = (place("mended"), place("starts"));
    let pool = moody(file.to_str().unwrap(), log.to_str().unwrap());
    let mut health = pool.health();
    let starts = || std::fs::read(&log).map_or(0, |dots| dots.len());
    for n in 1..=3 {
        assert!(health.borrow_and_update().broken.is_none(), "before the third failure");
        let report = report(&pool, order("a"));
        assert_eq!((report.ending, starts()), (Ending::BootFailed, n), "{report:?}");
    }
    let broken = health.borrow_and_update().broken.clone().unwrap();
    assert!(
        broken.message.contains("exited with 3") && broken.stderr.contains("no "),
        "{broken:?}"
    );
    // Orders that were on their way come back at once, and start nothing.
    let began = Instant::now();
    let refused = report(&pool, order("a"));
    assert_eq!((refused.ending, starts()), (Ending::BootFailed, 3), "{refused:?}");
    assert!(refused.detail.unwrap().contains("exited with 3") && began.elapsed().as_millis() < 100);
    std::fs::write(&file, "").unwrap();
    block(health.wait_for(|health| health.broken.is_none())).unwrap();
    assert_eq!(starts(), 4, "one trial");
    let ready = health.borrow().ready.clone().unwrap();
    assert_eq!((&*ready.kinds, ready.versions["b"]), (&["a".to_owned(), "b".to_owned()][..], 2));
    assert_eq!(report(&pool, order("a")).ending, Ending::Completed);
    assert_eq!(starts(), 4, "the child of the trial has taken the job");
    for path in [file, log] {
        std::fs::remove_file(path).unwrap();
    }
}

fn command_gone_and_back() {
    let link = place("command");
    let pool = command(&[link.to_str().unwrap()]);
    for _ in 0..3 {
        assert_eq!(report(&pool, order("x")).ending, Ending::BootFailed);
    }
    let mut health = pool.health();
    assert_eq!(health.borrow().broken.as_ref().unwrap().code, "BS603");
    std::os::unix::fs::symlink("/bin/true", &link).unwrap();
    block(health.wait_for(|health| health.broken.is_none())).unwrap();
    assert_eq!(report(&pool, order("x")).ending, Ending::Completed);
    std::fs::remove_file(link).unwrap();
}

fn ended_by_us() {
    let pool = rust("silent-at-boot", limits());
    for _ in 0..4 {
        block(async {
            let run = pool.run(order("echo")).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
            drop(run);
        });
    }
    until("all have gone", Duration::from_secs(3), || with_text("silent-at-boot").is_empty());
    assert!(pool.health().borrow().broken.is_none());
}
