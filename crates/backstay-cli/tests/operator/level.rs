//! How strictly limits are held: required, refused with what would help, and told at the start.

use std::path::PathBuf;

use crate::operator::crew::crew;
use crate::{Desk, Said, desk};

/// Runs a command with a file of these settings; tells where the file stood.
fn with_file(desk: &Desk, name: &str, settings: &str, arguments: &[&str]) -> Said {
    let file: PathBuf =
        std::env::temp_dir().join(format!("backstay-{name}-{}.toml", std::process::id()));
    std::fs::write(&file, settings).unwrap();
    let said = desk.run(&[arguments, &["--config", file.to_str().unwrap()]].concat());
    std::fs::remove_file(file).unwrap();
    said
}

/// What this machine grants.
fn granted(desk: &Desk) -> String {
    let proof = desk.run(&["doctor", "--limits", "--json"]).json();
    let level = &proof["level"];
    let is_best = level["name"] == "cgroup";
    assert_eq!(level["advice"].is_null(), is_best, "{level}");
    assert!(level["surroundings"].is_string(), "{level}");
    level["name"].as_str().unwrap().to_owned()
}

#[test]
fn a_level_that_is_not_granted_is_refused_with_how_to_get_it_here() {
    let Some(desk) = desk() else { return };
    if granted(&desk) == "cgroup" {
        return;
    }
    let settings = "[worker]\nrequire_level = \"cgroup\"\n[kinds.x]\ncommand = [\"true\"]\n";
    let said = with_file(&desk, "require", settings, &["work", "--once"]).exits(78);
    assert!(said.err.contains("BS601") && said.err.contains("not granted"), "{}", said.err);
    let helps = ["Delegate", "systemd-run", "docker run", "podman run", "cgroup_writable", "mkdir"];
    assert!(helps.iter().any(|it| said.err.contains(it)), "{}", said.err);
}

#[test]
fn a_worker_whose_handlers_all_run_inside_it_reaches_no_required_level() {
    let Some(desk) = desk() else { return };
    let settings =
        "[worker]\nrequire_level = \"rlimit\"\n[queues.default]\nisolation = \"inline\"\n";
    let said = with_file(&desk, "bare", settings, &["work", "--once"]).exits(78);
    assert!(said.err.contains("BS601") && said.err.contains("inside the worker"), "{}", said.err);
    let settings = settings.replace("rlimit", "inline");
    with_file(&desk, "bare-any", &settings, &["work", "--once"]).exits(0);
}

#[test]
fn jobs_get_their_folders_in_a_place_of_the_workers_own() {
    let crew = crew("scratch", |folder| {
        format!(
            "[worker]\nscratch_dir = \"scratch\"\nrequire_level = \"rlimit\"\n\
             [kinds.where]\ncommand = [\"sh\", \"-c\", \"pwd -P > {}/told; echo $TMPDIR >> {0}/told\"]\n",
            folder.display()
        )
    });
    let Some(crew) = crew else { return };
    let id = crew.desk.enqueue(&["where"]);
    crew.wait_until("it is done", || {
        crew.desk.run(&["jobs", "show", &id, "--json"]).json()["state"] == "completed"
    });
    let worker = &crew.desk.run(&["workers", "list", "--json"]).json()["items"][0];
    assert!(worker["level"].is_string() && worker["holders"]["memory"].is_string(), "{worker}");
    let well = crew.desk.run(&["doctor"]).out;
    assert!(well.contains("1 worker at level"), "{well}");
    let told = std::fs::read_to_string(crew.folder.join("told")).unwrap();
    let scratch = crew.folder.join("scratch");
    assert!(told.contains(&format!("{}/backstay-scratch-", scratch.display())), "{told}");
    let log = std::fs::read_to_string(crew.folder.join("log")).unwrap();
    let reached = log.lines().find(|line| line.contains("isolation level")).unwrap();
    for held in ["memory: ", "cpu_priority: ", "cpu_cap: "] {
        assert!(reached.contains(held), "{reached}");
    }
}

#[test]
fn a_folder_that_others_may_write_to_is_refused_before_anything_runs() {
    let Some(desk) = desk() else { return };
    let open = std::env::temp_dir().join(format!("backstay-open-{}", std::process::id()));
    std::fs::create_dir(&open).unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(&open, mode).unwrap();
    let settings = format!(
        "[worker]\nscratch_dir = \"{}\"\n[kinds.x]\ncommand = [\"true\"]\n",
        open.display()
    );
    for command in [&["check"][..], &["work", "--once"]] {
        let said = with_file(&desk, "open", &settings, command).exits(78);
        let text = format!("{}{}", said.out, said.err);
        assert!(text.contains("scratch_dir") && text.contains("others may write"), "{text}");
    }
    std::fs::remove_dir(open).unwrap();
}

/// What is stored of every attempt that a process ran.
#[test]
fn every_attempt_has_its_facts_whether_it_completed_or_not() {
    // Long enough for a look at its processes; one that ends at once is counted by nobody.
    let script = "echo out; echo err >&2; echo x > $TMPDIR/file; sleep 0.5; exit ";
    let kinds = [("good", 0), ("bad", 7)].map(|(kind, exit)| {
        format!("[kinds.{kind}]\ncommand = [\"sh\", \"-c\", \"{script}{exit}\"]\nmax_retries = 0\n")
    });
    let Some(crew) = crew("facts", |_| kinds.concat()) else { return };
    for (kind, state) in [("good", "completed"), ("bad", "dead")] {
        let id = crew.desk.enqueue(&[kind]);
        let job = crew.wait_for(&id, state);
        let attempt = &job["attempts"][0];
        let facts = [
            "wall_ms",
            "cpu_ms",
            "processes_peak",
            "scratch_bytes",
            "output_bytes",
            "worker",
            "release",
            "limits",
            "level",
            "holders",
            "host",
            "claimed_at",
            "ended_at",
        ];
        for fact in facts {
            assert!(!attempt[fact].is_null(), "{fact} in {attempt}");
        }
        for fact in ["pid", "age_ms", "jobs"] {
            assert!(attempt["child"][fact].is_u64(), "{fact} in {attempt}");
        }
        assert_eq!((&attempt["late"], &attempt["survivor"]), (&false.into(), &false.into()));
        assert_eq!(attempt["output_bytes"], 8, "{attempt}");
        assert!(attempt["limits"]["memory_bytes"].is_u64(), "{attempt}");
    }
}
