//! Programs of other languages as handlers, from the file to the completed job.

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::{Desk, Said, desk, said};

const PAGE: &str = include_str!("../../../../docs/child-protocol.md");

/// A folder with a configuration, which goes away with the test.
struct Folder(PathBuf);

impl Folder {
    fn with(name: &str, file: &str) -> Folder {
        let path =
            std::env::temp_dir().join(format!("backstay-serve-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("backstay.toml"), file).unwrap();
        Folder(path)
    }

    fn work(&self, desk: &Desk, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_backstay"));
        command.arg("work").args(arguments).current_dir(&self.0).env_clear();
        let path = std::env::var("PATH").unwrap_or_default();
        command.env("PATH", path).env("DATABASE_URL", &desk.database.url);
        command
    }

    fn work_once(&self, desk: &Desk) -> Said {
        said(self.work(desk, &["--once"]), "")
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).expect("the folder was made by this test");
    }
}

/// A worker that is told to end with the test.
struct Worker(Child);

impl Drop for Worker {
    fn drop(&mut self) {
        let pid = Pid::from_child(&self.0);
        // It may have ended before.
        let _ended = kill_process(pid, Signal::TERM);
        let _reaped = self.0.wait();
    }
}

fn number(desk: &Desk, sql: &str) -> i64 {
    let url = desk.database.url.clone();
    let sql = format!("select ({sql})::bigint");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        client.query_one(&sql, &[]).await.unwrap().get(0)
    })
}

fn until(desk: &Desk, what: &str, sql: &str) {
    let end = Instant::now() + Duration::from_secs(20);
    while number(desk, sql) == 0 {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn the_programs_of_the_page_serve_a_queue_and_a_kind() {
    let Some(desk) = desk() else { return };
    for (program, mark, name) in
        [("python3", "```python\n", "jobs.py"), ("node", "```js\n", "jobs.js")]
    {
        if !Command::new(program).arg("--version").output().is_ok_and(|out| out.status.success()) {
            eprintln!("SKIPPED for {program}: it is not installed here");
            continue;
        }
        let file = format!(
            "[queues.q]\nserve = [\"{program}\", \"{name}\"]\n[kinds.mail]\nqueue = \"q\"\n\
             command = [\"true\"]\n[kinds.wait]\nisolation = \"fresh\"\n"
        );
        let folder = Folder::with(program, &file);
        let code = PAGE.split(mark).nth(1).unwrap().split("```").next().unwrap();
        std::fs::write(folder.0.join(name), code).unwrap();
        let args = "{\"tenant\": 7, \"numbers\": [1, 2, 3]}";
        let good = desk.enqueue(&["report", args, "--queue", "q"]);
        let bad = desk.enqueue(&["report", "{}", "--queue", "q"]);
        folder.work_once(&desk).exits(1);
        let shown = desk.run(&["jobs", "show", &good, "--json"]).exits(0).json();
        assert_eq!((&shown["state"], &shown["output"]["sum"]), (&"completed".into(), &6.into()));
        let mails =
            "select count(*) from backstay.history where kind = 'mail' and state = 'completed'";
        assert!(number(&desk, mails) > 0, "{program}: what it enqueued has run");
        let shown = desk.run(&["jobs", "show", &bad, "--json"]).exits(0).json();
        assert_eq!((&shown["state"], &shown["reason"]), (&"dead".into(), &"rejected".into()));
        let known = "select count(*) from backstay.worker where kinds = '{\"mail\": 1, \"report\": 1, \"wait\": 1}'";
        assert!(
            number(&desk, known) > 0,
            "{program}: what it announces stands in the worker's row"
        );
    }
}

/// Serves the kind `moody` once the file `mended` is there.
const MOODY: &str = r#"
[ -e mended ] || { echo "no file" >&2; exit 3; }
read -r hello <&4
echo '{"type":"ready","protocol":1,"kinds":["moody"],"args_versions":{"moody":2}}' >&3
while read -r job <&4; do
  case "$job" in
    *'"type":"job"'*) id=${job#*'"id":"'}; echo '{"type":"done","id":"'"${id%%'"'*}"'","attempt":1}' >&3;;
    *) exit 0;;
  esac
done
"#;

#[test]
fn a_program_that_does_not_boot_costs_no_job_anything() {
    let Some(desk) = desk() else { return };
    let file = "[queues.q]\nserve = [\"sh\", \"moody.sh\"]\n[kinds.other]\nqueue = \"q\"\ncommand = [\"true\"]\n";
    let folder = Folder::with("moody", file);
    std::fs::write(folder.0.join("moody.sh"), MOODY).unwrap();
    let ids: Vec<String> = (0..3).map(|_| desk.enqueue(&["moody", "--queue", "q"])).collect();
    let other = desk.enqueue(&["other", "--queue", "q"]);
    let mut command = folder.work(&desk, &[]);
    let _worker = Worker(command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap());
    let rule = "rule = 'pool_broken' and subject = 'q'";
    let broken = format!(
        "select count(*) from backstay.alert where {rule} and detail ->> 'error' like '%exited with 3%'"
    );
    until(&desk, "the alert", &broken);
    until(
        &desk,
        "the other kind runs",
        &format!("select count(*) from backstay.history where job_id = {other}"),
    );
    assert_eq!(number(&desk, "select count(*) from backstay.ready where attempt = 0"), 3);
    std::fs::write(folder.0.join("mended"), "").unwrap();
    until(
        &desk,
        "all have run",
        "select ((select count(*) from backstay.history where kind = 'moody') = 3)::int",
    );
    for id in ids {
        let shown = desk.run(&["jobs", "show", &id, "--json"]).exits(0).json();
        assert_eq!(
            (&shown["state"], &shown["attempt"]),
            (&"completed".into(), &1.into()),
            "{shown}"
        );
    }
    until(
        &desk,
        "the end of the alert",
        &format!("select count(*) from backstay.alert where {rule} and detail ? 'resolved'"),
    );
    until(
        &desk,
        "the version",
        "select count(*) from backstay.worker where kinds ->> 'moody' = '2'",
    );
}

#[test]
fn a_worker_that_could_run_nothing_refuses_to_start() {
    let Some(desk) = desk() else { return };
    let cases = [
        ("[queues.q]\nserve = [\"sh\", \"-c\", \"echo oh no >&2; exit 3\"]\n", "BS604", "oh no"),
        ("[queues.q]\nserve = [\"no-such-program\"]\n", "BS603", "no-such-program"),
        (
            "[queues.q]\nserve = [\"sh\", \"moody.sh\"]\n[kinds.moody]\ncommand = [\"true\"]\n",
            "BS405",
            "handled twice",
        ),
        (
            "[queues.q]\n[kinds.other]\nserve = [\"sh\", \"moody.sh\"]\n",
            "BS604",
            "announces moody, not the kind `other`",
        ),
    ];
    for (n, (file, code, part)) in cases.into_iter().enumerate() {
        let folder = Folder::with(&format!("refused-{n}"), file);
        std::fs::write(folder.0.join("moody.sh"), MOODY).unwrap();
        std::fs::write(folder.0.join("mended"), "").unwrap();
        let refused = folder.work_once(&desk).exits(78);
        assert!(refused.err.contains(code) && refused.err.contains(part), "{}", refused.err);
    }
}
