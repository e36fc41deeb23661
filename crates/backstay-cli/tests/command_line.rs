//! The program as people type it: what it prints, where, and with which exit code.

// Helpers of tests may panic like the tests themselves.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A folder to run in, which goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("backstay-cli-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn with(name: &str, file: &str) -> Self {
        let folder = Self::new(name);
        std::fs::write(folder.0.join("backstay.toml"), file).unwrap();
        folder
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder was made by this test");
    }
}

/// The command in a folder, with an environment that holds nothing of the machine but `PATH`.
fn backstay(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
    command.args(arguments).current_dir(folder).env_clear().env("PATH", "/usr/bin:/bin");
    command
}

/// Runs and compares exit code, stdout and stderr.
fn check(command: &mut Command, exit: i32, stdout: &str, stderr: &str) {
    let Output { status, stdout: out, stderr: err } = command.output().unwrap();
    let [out, err] = [out, err].map(|text| String::from_utf8(text).unwrap());
    assert_eq!((out.as_str(), err.as_str(), status.code()), (stdout, stderr, Some(exit)));
}

const FAULTY: &str = "\
[queues.default]
slots = 4
[queues.reports]
memry = \"1GiB\"
timeout = 30
[kinds.report]
queue = \"reports\"
command = [\"no-such-program\"]
";

const FAULTS: &str = "\
BS401  backstay.toml:4  queues.reports.memry    unknown key; did you mean `memory`?
BS402  backstay.toml:5  queues.reports.timeout  `30` has no unit; did you mean \"30s\"?
BS603  backstay.toml:8  kinds.report.command    `no-such-program` is in no folder of PATH
3 faults; nothing was started. Each is explained by: backstay explain CODE
";

#[test]
fn check_shows_all_faults_as_its_result_and_exits_with_78() {
    let folder = Folder::with("faulty", FAULTY);
    check(&mut backstay(&folder.0, &["check"]), 78, FAULTS, "");
}

#[test]
fn check_of_a_good_file_says_what_it_holds() {
    let file = "[queues.reports]\n[kinds.report]\nqueue = \"reports\"\ncommand = [\"sh\"]\n";
    let folder = Folder::with("good", file);
    let said = "backstay.toml: no faults. 1 queue, 1 kind, 0 alert channels\n";
    check(&mut backstay(&folder.0, &["check"]), 0, said, "");
}

#[test]
fn what_is_only_odd_is_a_note_unless_check_is_strict() {
    let folder = Folder::with("odd", "[queues.reports]\n[kinds.k]\nqueue = \"report\"\n");
    let message = "queue `report` is not declared in this file; nearest: `reports`";
    check(
        &mut backstay(&folder.0, &["check"]),
        0,
        "backstay.toml: no faults. 1 queue, 1 kind, 0 alert channels\n",
        &format!("note: backstay.toml:3: kinds.k.queue: {message}\n"),
    );
    check(
        &mut backstay(&folder.0, &["check", "--strict"]),
        78,
        &format!(
            "BS404  backstay.toml:3  kinds.k.queue  {message}\n1 fault; nothing was started. \
             Each is explained by: backstay explain CODE\n"
        ),
        "",
    );
}

#[test]
fn check_as_json_is_one_document() {
    let folder = Folder::with("json", "[log]\nlevle = \"info\"\n");
    check(
        &mut backstay(&folder.0, &["check", "--json"]),
        78,
        "{\"faults\":[{\"code\":\"BS401\",\"message\":\"unknown key; did you mean `level`?\",\
         \"path\":\"log.levle\",\"place\":\"backstay.toml:2\"}],\"file\":\"backstay.toml\",\
         \"notes\":[]}\n",
        "",
    );
}

#[test]
fn another_command_prints_faults_as_an_error() {
    let folder = Folder::with("error", "[log]\nlevle = \"info\"\n");
    check(
        &mut backstay(&folder.0, &["config", "show"]),
        78,
        "",
        "BS401  backstay.toml:2  log.levle  unknown key; did you mean `level`?\n\
         1 fault; nothing was started. Each is explained by: backstay explain CODE\n",
    );
}

#[test]
fn config_show_prints_what_differs_and_where_it_comes_from() {
    let folder = Folder::with("show", "[queues.reports]\nslots = 2\ntimeout = \"5m\"\n");
    let mut command = backstay(&folder.0, &["config", "show", "--origin"]);
    command.env("BACKSTAY_QUEUES__REPORTS__SLOTS", "3");
    command.env("DATABASE_URL", "postgres://u:hunter2@h/app");
    check(
        &mut command,
        0,
        "\
database.url = \"***\"           # DATABASE_URL
queues.reports.slots = 3       # BACKSTAY_QUEUES__REPORTS__SLOTS
queues.reports.timeout = \"5m\"  # backstay.toml:3
",
        "",
    );
}

#[test]
fn config_show_all_is_itself_a_configuration_without_faults() {
    let folder = Folder::with(
        "all",
        "[queues.reports]\nslots = 2\nreserve = { urgent = 1 }\n[kinds.\"a.b\"]\nqueue = \"reports\"\n\
         [alerts.channels]\npage = { command = [\"sh\"] }\n\
         [[alerts.routes]]\nto = [\"page\"]\nrules = [\"first\"]\n",
    );
    let shown = backstay(&folder.0, &["config", "show", "--all", "--origin"]).output().unwrap();
    assert!(shown.status.success());
    std::fs::write(folder.0.join("backstay.toml"), &shown.stdout).unwrap();
    check(
        &mut backstay(&folder.0, &["check"]),
        0,
        "backstay.toml: no faults. 1 queue, 1 kind, 1 alert channel\n",
        "",
    );
}

#[test]
fn a_file_that_is_not_there_is_named() {
    let folder = Folder::new("missing");
    check(
        &mut backstay(&folder.0, &["check", "--config", "other.toml"]),
        78,
        "",
        "error BS403: the configuration `other.toml` cannot be read\n  \
         because No such file or directory (os error 2)\n  \
         write its short form with: backstay init\n",
    );
}

#[test]
fn an_error_as_json_is_one_document_on_stderr() {
    let folder = Folder::new("error-json");
    let output = backstay(&folder.0, &["check", "--json", "--config", "no.toml"]).output().unwrap();
    assert!(output.stdout.is_empty());
    let error: serde_json::Value = serde_json::from_slice(&output.stderr).unwrap();
    assert_eq!(error["error"]["code"], "BS403");
}

#[test]
fn help_and_version_are_results_and_slips_are_errors() {
    let folder = Folder::new("usage");
    let version = format!("backstay {}\n", env!("CARGO_PKG_VERSION"));
    check(&mut backstay(&folder.0, &["version"]), 0, &version, "");
    check(&mut backstay(&folder.0, &["--version"]), 0, &version, "");
    let help = backstay(&folder.0, &["check", "--help"]).output().unwrap();
    let text = String::from_utf8(help.stdout).unwrap();
    assert!(help.status.success() && text.contains("Examples:\n  backstay check "), "{text}");
    let slip = backstay(&folder.0, &["check", "--strikt"]).output().unwrap();
    assert_eq!((slip.status.code(), slip.stdout.len()), (Some(2), 0));
    assert!(String::from_utf8(slip.stderr).unwrap().contains("--strict"));
}

#[test]
fn a_word_from_elsewhere_is_a_usage_error_that_names_ours() {
    let folder = Folder::new("words");
    let output = backstay(&folder.0, &["retry", "17"]).output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("backstay dead revive ID"), "{text}");
}

#[test]
fn a_reader_that_goes_away_ends_the_printing_quietly() {
    let folder = Folder::new("pipe");
    let mut command = backstay(&folder.0, &["config", "show", "--all"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(String::from_utf8(output.stderr).unwrap(), "");
}

#[test]
fn completions_and_manual_come_from_the_same_tree() {
    let folder = Folder::new("man");
    for shell in ["bash", "zsh", "fish", "powershell"] {
        let output = backstay(&folder.0, &["completions", shell]).output().unwrap();
        let script = String::from_utf8(output.stdout).unwrap();
        assert!(output.status.success() && script.contains("explain"), "{shell}");
    }
    let written = backstay(&folder.0, &["man", "pages/man1"]).output().unwrap();
    assert!(written.status.success(), "{written:?}");
    let said = String::from_utf8(written.stderr).unwrap();
    let pages = std::fs::read_dir(folder.0.join("pages/man1")).unwrap().count();
    assert_eq!(said, format!("{pages} pages written to pages/man1\n"));
    let page = std::fs::read_to_string(folder.0.join("pages/man1/backstay-check.1")).unwrap();
    assert!(page.contains("strict"));
}

#[test]
fn explain_tells_what_a_code_means() {
    let folder = Folder::new("explain");
    let output = backstay(&folder.0, &["explain", "bs402"]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.starts_with("BS402  ") && text.contains("Example:"), "{text}");
    let unknown = backstay(&folder.0, &["explain", "BS000"]).output().unwrap();
    assert_eq!(unknown.status.code(), Some(2));
    let word = backstay(&folder.0, &["explain", "bad_vlaue"]).output().unwrap();
    let hint = String::from_utf8(word.stderr).unwrap();
    assert!(hint.contains("backstay explain BS402"), "{hint}");
    let list = backstay(&folder.0, &["explain"]).output().unwrap();
    let codes = String::from_utf8(list.stdout).unwrap();
    assert!(codes.lines().count() > 40 && codes.lines().all(|line| line.starts_with("BS")));
}

/// Every file below a folder that may name a code for people.
fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if path.is_dir() && !matches!(name, "tests" | "target" | "examples") {
            sources(&path, found);
        } else if name.ends_with(".sql") || name.ends_with(".rs") && name != "tests.rs" {
            found.push(path);
        }
    }
}

#[test]
fn every_code_that_a_source_names_has_its_page() {
    let crates = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let mut files = Vec::new();
    sources(crates, &mut files);
    let mut without = std::collections::BTreeSet::new();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        for (at, _) in text.match_indices("BS") {
            let Some(word) = text.get(at..at + 5) else { continue };
            // The one that stands for a code which there is not.
            let is_code = word[2..].bytes().all(|b| b.is_ascii_digit()) && word != "BS000";
            if is_code && backstay::model::code::Code::of(word).is_none() {
                without.insert(format!("{word} in {}", file.display()));
            }
        }
    }
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn the_shipped_unit_tells_the_worker_first_and_outlives_a_killed_job() {
    let unit = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/backstay.service");
    let text = std::fs::read_to_string(&unit).unwrap();
    let service = text.split("[Service]").nth(1).unwrap().split("\n[").next().unwrap();
    let value = |key: &str| {
        let mut lines =
            service.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        let value = lines.next().unwrap_or_else(|| panic!("no {key}"));
        assert!(lines.next().is_none(), "{key} twice");
        value
    };
    assert_eq!((value("KillMode"), value("OOMPolicy")), ("mixed", "continue"));
    let given: Vec<&str> = value("Delegate").split(' ').collect();
    assert!(["memory", "pids", "cpu", "io"].iter().all(|it| given.contains(it)), "{given:?}");
    // It may write there, and puts itself where the worker would.
    assert_eq!((value("DelegateSubgroup"), value("ProtectControlGroups")), ("supervisor", "no"));
    // A drain of 25 s, the grace of 10 s, and what killing takes.
    assert!(value("TimeoutStopSec").parse::<u32>().unwrap() >= 40);
    // What it starts is a command of ours, and wrong settings have the code that it does not try again.
    let mut words = value("ExecStart").split(' ');
    assert!(words.next().unwrap().ends_with("/backstay"));
    let folder = Folder::with("unit", "[worker]\npoll = \"no\"\n");
    let words: Vec<&str> = words.collect();
    let output = backstay(&folder.0, &words).output().unwrap();
    let wrong = output.status.code().unwrap().to_string();
    assert_eq!(value("RestartPreventExitStatus"), wrong, "{output:?}");
    let verified = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output();
    let complaints = verified
        .map_or_else(|_| String::new(), |it| String::from_utf8_lossy(&it.stderr).into_owned());
    // Programs and files of an installed service are not here, and old versions do not know one key.
    let own = complaints
        .lines()
        .filter(|line| line.contains("Unknown") || line.contains("Failed to parse"));
    let own = own.filter(|line| !line.contains("'DelegateSubgroup'"));
    assert_eq!(own.collect::<Vec<_>>(), Vec::<&str>::new());
}
