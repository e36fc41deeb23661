//! Whether the API is what its description says, looked at by a program that knows nothing else of it.

use super::*;

/// Thousands of requests that fit the description, and as many that do not: each answer is one that is described, none is a failure of
/// the server, and what does not fit is refused.
#[test]
#[ignore = "it takes 40 s; `.ci/run` runs it where schemathesis is at hand: pip install schemathesis"]
fn schemathesis_finds_nothing() {
    let program = std::env::var("SCHEMATHESIS").unwrap_or_else(|_| "schemathesis".into());
    if Command::new(&program).arg("--version").stdout(Stdio::null()).status().is_err() {
        let pip = "pip install schemathesis";
        return template::note_skip(&format!(
            "`{program}` is not here, so the API was not compared with its description: {pip}"
        ));
    }
    let Some(site) = site(&[("BACKSTAY_WEB__AUTH", "token")]) else { return };
    for kind in ["report", "mail", "digest"] {
        site.desk.enqueue(&[kind]);
        site.desk.die(kind);
    }
    let token = site.token("admin,audit");
    let folder = std::env::temp_dir().join(format!("backstay-described-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let description = folder.join("openapi.json");
    std::fs::write(&description, site.desk.run(&["openapi"]).exits(0).out).unwrap();
    let run = Command::new(&program)
        .current_dir(&folder)
        .arg("run")
        .arg(&description)
        .args(["--url", &format!("http://{}", site.at)])
        .args(["--header", &format!("Authorization: Bearer {token}")])
        // A stream does not end, and a hundred requests a second are what a token has.
        .args(["--exclude-path", "/api/v1/events", "--rate-limit", "90/s"])
        .args(["--max-time", "35", "--max-examples", "15", "--request-timeout", "10"])
        // What no schema says may still be wrong, such as a cursor of another list; and who tries wrong tokens is soon shut out.
        .args(["--exclude-checks", "positive_data_acceptance,ignored_auth"])
        .args(["--generation-deterministic", "--no-shrink", "--continue-on-failure", "--no-color"])
        .output()
        .unwrap();
    std::fs::remove_dir_all(&folder).unwrap();
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success(), "{said}{}", String::from_utf8_lossy(&run.stderr));
}
