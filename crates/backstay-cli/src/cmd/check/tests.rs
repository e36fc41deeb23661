//! Programs are looked for as a worker would.

use super::*;

#[test]
fn a_program_is_looked_for_by_path_or_from_its_folder() {
    let folder = Path::new("/bin");
    assert_eq!(unusable("sh", folder, "/usr/bin:/bin"), None);
    assert_eq!(unusable("./sh", folder, ""), None);
    assert_eq!(unusable("/bin/sh", Path::new("/nowhere"), ""), None);
    assert_eq!(
        unusable("no-such-program", folder, "/usr/bin:/bin").unwrap(),
        "is in no folder of PATH"
    );
    assert_eq!(
        unusable("jobs/report", folder, "/bin").unwrap(),
        "is not there; looked for /bin/jobs/report"
    );
    assert_eq!(unusable("/etc/passwd", folder, "").unwrap(), "is not executable: chmod +x");
}

#[test]
fn numbers_agree_with_their_nouns() {
    assert_eq!((count(1, "queue"), count(2, "queue")), ("1 queue".into(), "2 queues".into()));
}
