//! Programs that get the alert on stdin.

use std::path::PathBuf;

use super::*;

fn program(script: &str, timeout: Duration) -> Arc<dyn Deliver> {
    let argv = ["sh", "-c", script].map(str::to_owned).to_vec();
    channel(&[], Way::Command { argv, timeout }).unwrap()
}

fn soon() -> Duration {
    Duration::from_secs(10)
}

#[tokio::test]
async fn a_program_gets_the_document_on_its_stdin_and_exit_status_0_is_acceptance() {
    let page = program("grep -q '\"fingerprint\":\"a3f19c02\"'", soon());
    page.deliver(&alert()).await.unwrap();
}

#[tokio::test]
async fn another_status_is_a_failure_with_the_end_of_what_it_said() {
    let page = program("cat > /dev/null; echo 'the pager is off' >&2; exit 3", soon());
    let error = page.deliver(&alert()).await.unwrap_err();
    assert_eq!(error.to_string(), "exit status: 3: the pager is off");
    assert!(!error.is_final());
}

#[tokio::test]
async fn a_program_that_does_not_read_its_stdin_and_floods_its_stderr_is_fine() {
    let page = program("head -c 1000000 /dev/zero >&2; exit 0", soon());
    page.deliver(&alert()).await.unwrap();
    let page = program("yes flood | head -c 1000000 >&2; exit 1", soon());
    assert!(page.deliver(&alert()).await.unwrap_err().to_string().len() < 2000);
}

#[tokio::test]
async fn a_program_sees_nothing_of_the_workers_environment_but_what_it_needs() {
    assert!(std::env::var_os("CARGO_MANIFEST_DIR").is_some(), "cargo sets it for tests");
    let page = program("test -z \"$CARGO_MANIFEST_DIR\" && test -n \"$PATH\"", soon());
    page.deliver(&alert()).await.unwrap();
}

#[tokio::test]
async fn a_program_that_does_not_end_is_killed_with_all_it_started() {
    let file = std::env::temp_dir().join(format!("backstay-alert-{}", std::process::id()));
    let script = format!("sleep 1000 & echo $! > {}; wait", file.display());
    let page = program(&script, Duration::from_secs(1));
    let error = page.deliver(&alert()).await.unwrap_err();
    assert!(error.to_string().contains("killed"), "{error}");
    let grandchild = std::fs::read_to_string(&file).unwrap();
    std::fs::remove_file(&file).unwrap();
    let state = PathBuf::from(format!("/proc/{}/stat", grandchild.trim()));
    let deadline = Instant::now() + soon();
    // A killed orphan may stay a zombie until its new parent looks.
    let lives = || std::fs::read_to_string(&state).is_ok_and(|stat| !stat.contains(") Z "));
    while lives() {
        assert!(Instant::now() < deadline, "it lives on");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn what_a_program_leaves_running_does_not_hold_up_its_acceptance() {
    let page = program("sleep 1000 & exit 0", soon());
    let began = Instant::now();
    page.deliver(&alert()).await.unwrap();
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_program_that_is_not_there_may_come_with_the_next_deploy() {
    let argv = vec!["/nowhere/page-me".to_owned()];
    let page = channel(&[], Way::Command { argv, timeout: soon() }).unwrap();
    let error = page.deliver(&alert()).await.unwrap_err();
    assert!(error.to_string().contains("/nowhere/page-me") && !error.is_final(), "{error}");
}
