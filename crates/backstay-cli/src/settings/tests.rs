//! Precedence, origins and line numbers, and how faults of file, environment and flags are shown.

use super::*;
use crate::print::{fault_end, fault_lines};

/// A folder that goes away with the test.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        use std::sync::atomic::{AtomicU32, Ordering};
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name =
            format!("backstay-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.0.join(name);
        std::fs::write(&path, text).unwrap();
        path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder was made by this test");
    }
}

fn sources(config: &Path, flags: &[(&str, &'static str)]) -> Sources {
    let value = |(path, text): &(&str, &'static str)| FlagValue {
        path: path.split('.').map(str::to_owned).collect(),
        text: (*text).into(),
        flag: "--flag",
    };
    Sources { config: Some(config.to_path_buf()), flags: flags.iter().map(value).collect() }
}

/// Compares what `backstay check` would print of a file and variables.
fn check(file: &str, variables: &[(&str, &str)], expected: &str) {
    let folder = Folder::new();
    let path = folder.write("backstay.toml", file);
    let environment = Environment::of(variables);
    let loaded = load(&sources(&path, &[]), &environment, Need::Everything).unwrap();
    let lines = fault_lines(&loaded.faults).replace(&format!("{}/", folder.0.display()), "");
    assert_eq!(lines, expected, "{file}");
}

#[test]
fn all_faults_are_shown_together_each_with_its_line() {
    check(
        "\
environment = \"production\"
[queues.reports]
slots  = 2
memry  = \"1GiB\"
timeout = 30

[kinds.report]
queue = \"reports\"
priority = \"lwo\"

[[alerts.routes]]
to = [\"team\"]
",
        &[],
        "\
BS401  backstay.toml:4   queues.reports.memry    unknown key; did you mean `memory`?
BS402  backstay.toml:5   queues.reports.timeout  `30` has no unit; did you mean \"30s\"?
BS402  backstay.toml:9   kinds.report.priority   `lwo` is no priority; did you mean `low`?
BS404  backstay.toml:12  alerts.routes.1.to      no channel is called `team`: none is declared
",
    );
    assert!(fault_end(4).starts_with("4 faults; nothing was started."));
    assert!(fault_end(1).starts_with("1 fault; "));
}

#[test]
fn a_file_that_is_not_toml_is_a_fault_at_its_line() {
    check(
        "environment = \"x\"\n[queues.a\nslots = 1\n",
        &[],
        "BS402  backstay.toml:2  not TOML: unclosed table, expected `]`\n",
    );
    check(
        "[log]\nlevel = \"info\"\nlevel = \"warn\"\n",
        &[],
        "BS405  backstay.toml:3  not TOML: duplicate key\n",
    );
}

#[test]
fn a_table_that_is_written_inline_has_the_line_of_its_key() {
    check(
        "[queues.a]\nageing = {\n  share = 0.9,\n}\nenv.pass = [\n  \"A\",\n  \"B=C\",\n]\n",
        &[],
        "\
BS402  backstay.toml:3  queues.a.ageing.share  `0.9` is outside 0.00 to 0.50
BS402  backstay.toml:5  queues.a.env.pass      \"B=C\" cannot be the name of a variable
",
    );
}

#[test]
fn a_variable_that_means_nothing_is_a_fault_with_the_nearest() {
    check(
        "",
        &[
            ("BACKSTAY_QUEUES__REPORTS__SLOTZ", "4"),
            ("BACKSTAY_WROKER__POLL", "1s"),
            ("BACKSTAY_DATABASE_URI", "postgres://x/y"),
            ("BACKSTAY_TOKEN", "t"),
            ("BACKSTAY_HELLO_WORLD_OF_MINE", "1"),
            ("HOME", "/root"),
        ],
        "\
BS401  BACKSTAY_DATABASE_URI            unknown variable; did you mean `BACKSTAY_DATABASE_URL`?
BS401  BACKSTAY_HELLO_WORLD_OF_MINE     unknown variable; one of a setting is its path joined by two underscores, such as BACKSTAY_QUEUES__REPORTS__SLOTS
BS401  BACKSTAY_QUEUES__REPORTS__SLOTZ  unknown variable; did you mean `BACKSTAY_QUEUES__REPORTS__SLOTS`?
BS401  BACKSTAY_TOKEN                   this variable is not available in this version
BS401  BACKSTAY_WROKER__POLL            unknown variable; did you mean `BACKSTAY_WORKER__POLL`?
",
    );
}

#[test]
fn a_bad_value_of_a_variable_names_the_variable() {
    check(
        "[queues.reports]\nslots = 2\n",
        &[("BACKSTAY_QUEUES__REPORTS__SLOTS", "many"), ("BACKSTAY_WORKER__POLL", "5")],
        "\
BS402  BACKSTAY_QUEUES__REPORTS__SLOTS  queues.reports.slots  `many` is not a whole number
BS402  BACKSTAY_WORKER__POLL            worker.poll           `5` has no unit; did you mean \"5s\"?
",
    );
}

#[test]
fn variables_of_tests_and_of_a_running_job_are_no_settings() {
    check(
        "",
        &[
            ("BACKSTAY_TEST_DATABASE_URL", "x"),
            ("BACKSTAY_TEST_DB", "skip"),
            ("BACKSTAY_PG_BIN", "/usr/lib"),
            ("BACKSTAY_NO_FETCH", "1"),
            ("BACKSTAY_LOG", "debug"),
            ("BACKSTAY_CONFIG", "x.toml"),
            ("BACKSTAY_JOB", "1"),
            ("BACKSTAY_ATTEMPT", "1"),
            ("BACKSTAY_SCRATCH", "/tmp"),
        ],
        "",
    );
}

/// Loads a file with variables and flags, and gives the one setting that is asked for.
fn setting(
    file: &str,
    variables: &[(&str, &str)],
    flags: &[(&str, &'static str)],
    path: &str,
) -> (String, String) {
    let folder = Folder::new();
    let config = folder.write("backstay.toml", file);
    let environment = Environment::of(variables);
    let loaded = load(&sources(&config, flags), &environment, Need::Everything).unwrap();
    assert_eq!(loaded.faults, [], "{file} {variables:?}");
    let row = loaded.rows.iter().find(|row| row.path == path).unwrap();
    let origin = row.origin.to_string().replace(&format!("{}/", folder.0.display()), "");
    (row.value.clone().unwrap_or_default(), origin)
}

#[test]
fn a_flag_wins_over_a_variable_that_over_the_file_that_over_what_is_built_in() {
    let file = "[queues.reports]\nslots = 2\n";
    let variable = ("BACKSTAY_QUEUES__REPORTS__SLOTS", "3");
    let flag = ("queues.reports.slots", "4");
    let slots = "queues.reports.slots";
    for (file, variables, flags, value, origin) in [
        ("[queues.reports]\n", &[][..], &[][..], "4", "default"),
        ("[defaults]\nslots = 7\n[queues.reports]\n", &[], &[], "7", "backstay.toml:2"),
        (file, &[], &[], "2", "backstay.toml:2"),
        (file, &[variable], &[], "3", "BACKSTAY_QUEUES__REPORTS__SLOTS"),
        (file, &[variable], &[flag], "4", "--flag"),
    ] {
        assert_eq!(setting(file, variables, flags, slots), (value.into(), origin.into()));
    }
}

#[test]
fn the_address_of_the_database_is_looked_for_in_a_fixed_order() {
    let file = "[database]\nurl = \"postgres://file/a\"\n";
    let [ours, plain] = ["BACKSTAY_DATABASE_URL", "DATABASE_URL"];
    for (file, variables, origin) in [
        ("", &[(plain, "postgres://p/a")][..], plain),
        ("", &[(plain, "postgres://p/a"), (ours, "postgres://o/a")], ours),
        (file, &[(plain, "postgres://p/a")], "backstay.toml:2"),
        (file, &[(ours, "postgres://o/a")], ours),
        (file, &[(ours, "postgres://o/a"), (plain, "x")], ours),
        (file, &[("BACKSTAY_DATABASE__URL", "postgres://o/a")], "BACKSTAY_DATABASE__URL"),
    ] {
        let (value, from) = setting(file, variables, &[], "database.url");
        assert_eq!((value.as_str(), from.as_str()), ("\"***\"", origin));
    }
}

#[test]
fn a_secret_is_read_from_a_variable_or_a_file_beside_the_configuration() {
    let folder = Folder::new();
    folder.write("db.txt", "postgres://u:p@h/db\n");
    let file = "[database]\nurl = { file = \"db.txt\" }\ndirect_url = { env = \"DIRECT\" }\n";
    let config = folder.write("backstay.toml", file);
    let environment = Environment::of(&[("DIRECT", "postgres://direct/db")]);
    let loaded = load(&sources(&config, &[]), &environment, Need::Database).unwrap();
    let settings = loaded.checked().unwrap().settings;
    assert_eq!(database_url(&settings).unwrap().expose(), "postgres://u:p@h/db");
    assert_eq!(settings.database.direct_url.unwrap().expose(), "postgres://direct/db");
}

#[test]
fn a_variable_may_name_the_file_of_a_secret() {
    let folder = Folder::new();
    let secret = folder.write("url", "postgres://u:p@h/db");
    let config = folder.write("backstay.toml", "");
    for name in ["BACKSTAY_DATABASE_URL_FILE", "BACKSTAY_DATABASE__URL_FILE"] {
        let environment = Environment::of(&[(name, secret.to_str().unwrap())]);
        let loaded = load(&sources(&config, &[]), &environment, Need::Database).unwrap();
        let settings = loaded.checked().unwrap().settings;
        assert_eq!(database_url(&settings).unwrap().expose(), "postgres://u:p@h/db", "{name}");
    }
}

#[test]
fn a_secret_that_cannot_be_read_says_why() {
    check(
        "[database]\nurl = { env = \"NOWHERE\" }\n[alerts.channels]\nt = { slack = { env = \"GONE\" } }\n",
        &[],
        "\
BS407  backstay.toml:2  database.url             the variable `NOWHERE` is not set
BS407  backstay.toml:4  alerts.channels.t.slack  the variable `GONE` is not set
",
    );
}

#[test]
fn a_command_that_needs_only_the_database_does_not_ask_for_other_secrets() {
    let folder = Folder::new();
    let file = "[alerts.channels]\nt = { slack = { env = \"GONE\" } }\n";
    let config = folder.write("backstay.toml", file);
    let loaded = load(&sources(&config, &[]), &Environment::default(), Need::Database).unwrap();
    assert_eq!(loaded.faults, []);
    let failure = database_url(&loaded.settings).unwrap_err();
    assert_eq!((failure.code, failure.exit.code()), ("BS403", 78));
}

#[test]
fn a_file_that_was_named_must_be_there() {
    let missing = sources(Path::new("/nowhere/backstay.toml"), &[]);
    let failure = load(&missing, &Environment::default(), Need::Everything).unwrap_err();
    assert_eq!(failure.exit.code(), 78);
    assert!(failure.message.contains("/nowhere/backstay.toml"), "{failure:?}");
}

#[test]
fn the_short_form_that_init_writes_has_no_faults() {
    check(include_str!("../short.toml"), &[("DATABASE_URL", "postgres://localhost/app")], "");
}
