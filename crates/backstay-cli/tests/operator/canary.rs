//! Secrets are planted wherever one may stand, jobs fail with them on their lips, and then every place is searched that
//! people and programs read.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::Desk;
use crate::operator::crew::{Crew, crew};
use crate::operator::http::Server;

/// Prints its args and what stands in `note`, as a careless program does that panics.
const LEAK: &str = "args=$(cat); env > child-env; echo \"charging $args\"; cat NOTE; cat NOTE >&2
echo \"thread 'main' panicked at pay.rs:7:9: no luck with $args\" >&2; exit 101";

/// What must not be seen, each by the name of the place that it was put.
struct Planted {
    /// In the args of a job: kept there, and shown to nobody.
    card: String,
    email: String,
    /// Printed by the job, and in no args.
    credential: String,
    bearer: String,
    /// In the settings, or in the address of the database.
    webhook: String,
    address: String,
    handler: String,
    header: String,
    variable: String,
    password: String,
    /// A key of a job: operators see it with the job, and logs do not.
    unique: String,
}

impl Planted {
    fn new(desk_url: &str) -> Planted {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
        let of = |what: &str| format!("CANARY-{what}-{since:x}-{}", std::process::id());
        // What the tests log in with is a secret like any other, unless it is a word.
        let password = desk_url.split_once("://").and_then(|(_, rest)| rest.split_once('@'));
        let password = password.and_then(|(login, _)| login.split_once(':'));
        let password = password.filter(|(_, it)| it.len() >= 16);
        Planted {
            card: of("card"),
            email: of("email"),
            credential: of("credential"),
            bearer: of("bearer"),
            webhook: of("webhook"),
            address: of("address"),
            handler: of("handler"),
            header: of("header"),
            variable: of("variable"),
            password: password.map_or_else(|| of("password"), |(_, it)| it.to_owned()),
            unique: of("unique"),
        }
    }

    /// What a job carries or prints.
    fn of_jobs(&self) -> [&str; 4] {
        [&self.card, &self.email, &self.credential, &self.bearer]
    }

    /// What only a worker's settings know.
    fn of_settings(&self) -> [&str; 6] {
        let [webhook, address, handler] = [&self.webhook, &self.address, &self.handler];
        [webhook, address, handler, &self.header, &self.variable, &self.password]
    }

    fn args(&self) -> String {
        format!(
            "{{\"order\": 7, \"card\": \"{}\", \"user\": {{\"mail\": \"{}\"}}}}",
            self.card, self.email
        )
    }

    fn settings(&self, folder: &Path, port: u16) -> String {
        let script = LEAK.replace("NOTE", folder.join("note").to_str().unwrap());
        let argv = serde_json::json!(["sh", "-c", script]);
        let [webhook, address, handler, header, variable] =
            [&self.webhook, &self.address, &self.handler, &self.header, &self.variable];
        format!(
            "[log]\nlevel = \"trace\"\njobs = true\n\
             [worker]\nallow_networks = [\"127.0.0.0/8\"]\n\
             [alerts]\nallow_networks = [\"127.0.0.0/8\"]\n\
             [alerts.channels]\nteam = {{ webhook = \"http://127.0.0.1:{port}/good?key={address}\", secret = \"{webhook}\" }}\n\
             [[alerts.routes]]\nto = [\"team\"]\n\
             [kinds.pay]\ncommand = {argv}\nmax_retries = 0\nsensitive = [\"/user/mail\"]\n\
             env = {{ set = {{ SHOP_KEY = \"{variable}\" }} }}\n\
             [kinds.push]\nhttp = {{ url = \"http://127.0.0.1:{port}/never\", secret = \"{handler}\", headers = {{ X-Shop-Key = \"{header}\" }} }}\n\
             sensitive = [\"/user/mail\"]\nmax_retries = 0\n"
        )
    }
}

/// Where something was found that must not be there.
#[derive(Default)]
struct Search {
    found: Vec<String>,
    places: usize,
}

impl Search {
    fn look(&mut self, place: &str, text: &str, secrets: &[&str]) {
        self.places += 1;
        for secret in secrets.iter().filter(|secret| text.contains(**secret)) {
            let line = text.lines().find(|line| line.contains(secret)).unwrap_or_default();
            let shown: String = line.chars().take(600).collect();
            self.found.push(format!("{secret} in {place}: {shown}"));
        }
    }
}

#[test]
fn no_secret_is_seen_where_people_and_programs_look() {
    let server = Server::start();
    let mut planted = Planted::new("");
    let Some(crew) = crew("canary", |folder| {
        let note = format!(
            "see https://ana:{}@pay.example/ with Authorization: Bearer {}\n",
            planted.credential, planted.bearer
        );
        fs::write(folder.join("note"), note).unwrap();
        planted.settings(folder, server.port)
    }) else {
        return;
    };
    planted.password = Planted::new(&crew.desk.database.url).password;
    let args = planted.args();
    let paid = crew.desk.enqueue(&["pay", &args, "--unique", &planted.unique]);
    let pushed = crew.desk.enqueue(&["push", &args]);
    // A key that is made of all args must not show them either.
    let alone = crew.desk.enqueue(&["pay", &args, "--unique", "true"]);
    for id in [&paid, &pushed, &alone] {
        crew.wait_for(id, "dead");
    }
    let is_told =
        || server.heard.lock().unwrap().iter().any(|(path, ..)| path.starts_with("/good"));
    crew.wait_until("an alert is told", is_told);

    let all: Vec<&str> = planted.of_jobs().into_iter().chain(planted.of_settings()).collect();
    let with_key: Vec<&str> = all.iter().copied().chain([&*planted.unique]).collect();
    let mut search = Search::default();
    look_at_commands(&mut search, &crew.desk, [&paid, &pushed], &all);
    search.look("the log", &crew.log(), &with_key);
    for (path, head, body) in server.heard.lock().unwrap().iter() {
        search.look(
            "the head of a request",
            head,
            &[&planted.webhook, &planted.handler, &planted.password],
        );
        if path.starts_with("/good") {
            search.look("an alert", &String::from_utf8_lossy(body), &all);
        }
    }
    look_at_database(&mut search, &crew.desk, &planted, &with_key);
    look_at_files(&mut search, &crew, &planted, &with_key);
    assert!(search.found.is_empty(), "{}", search.found.join("\n"));
    assert!(search.places > 40, "only {} places", search.places);

    // They were there to be found: where jobs keep their args, and blanked where the job printed them.
    let kept = text(&crew.desk, "select string_agg(args::text, ' ') from backstay.dead_letter");
    assert!(kept.contains(&planted.card) && kept.contains(&planted.email));
    let shown = crew.desk.run(&["jobs", "show", &paid, "--attempts"]).exits(0).out;
    assert!(shown.contains("panicked") && shown.contains("***"), "{shown}");
}

/// What a viewer is told, by every command that tells of jobs.
fn look_at_commands(search: &mut Search, desk: &Desk, ids: [&str; 2], secrets: &[&str]) {
    let [paid, pushed] = ids;
    // As text or as JSON: both are made of the same documents, and each command costs a part of a second.
    let looks: [&[&str]; 12] = [
        &["jobs", "show", paid, "--attempts", "--origin"],
        &["jobs", "show", pushed, "--attempts", "--origin", "--json"],
        &["jobs", "list", "--json"],
        &["dead", "list"],
        &["dead", "show", paid, "--json"],
        &["dead", "show", pushed],
        &["dead", "export"],
        &["tail", paid],
        &["alerts", "list", "--json"],
        &["kinds", "list", "--json"],
        &["workers", "list", "--json"],
        &["top"],
    ];
    for look in looks {
        let said = desk.run_as("backstay_viewer", look).exits(0);
        search.look(&look.join(" "), &format!("{}{}", said.out, said.err), secrets);
    }
    let doctor = desk.run_as("backstay_viewer", &["doctor", "--json"]);
    search.look("doctor", &format!("{}{}", doctor.out, doctor.err), secrets);
}

/// What the database keeps and what it tells of itself.
fn look_at_database(search: &mut Search, desk: &Desk, planted: &Planted, with_key: &[&str]) {
    let relations = "select string_agg(relname, ' ' order by relname) from pg_class
                      where relnamespace = 'backstay'::regnamespace and relkind in ('r', 'p', 'v')";
    for relation in text(desk, relations).split(' ') {
        let rows = format!("select string_agg(t::text, e'\\n') from backstay.\"{relation}\" t");
        let rows = text(desk, &rows);
        search.look(&format!("table {relation}"), &rows, &planted.of_settings());
        if ["audit", "alert", "message", "output_log", "attempt", "dead_group"].contains(&relation)
        {
            search.look(&format!("table {relation}"), &rows, &planted.of_jobs());
        }
    }
    let sessions = "select string_agg(concat_ws(' ', application_name, query), e'\\n')
                      from pg_stat_activity where datname = current_database()";
    search.look("pg_stat_activity", &text(desk, sessions), with_key);
    let home = text(desk, "select current_setting('data_directory')");
    // Only a private cluster keeps its log there; a server of the machine's keeps its own.
    if let Ok(log) = fs::read(Path::new(&home).join("../server.log")) {
        search.look("the server's log", &String::from_utf8_lossy(&log), with_key);
    }
}

/// What lies in the worker's folder, scratch folders and cores among it.
fn look_at_files(search: &mut Search, crew: &Crew, planted: &Planted, with_key: &[&str]) {
    let environment = fs::read_to_string(crew.folder.join("child-env")).unwrap();
    assert!(environment.contains(&planted.variable), "the program was given its own variable");
    let ours = planted.of_settings().into_iter().filter(|it| *it != planted.variable);
    let ours: Vec<&str> = ours.collect();
    search.look("the environment of a child", &environment, &ours);
    let mut ahead = vec![crew.folder.clone()];
    while let Some(folder) = ahead.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path: PathBuf = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap().to_owned();
            if path.is_dir() {
                ahead.push(path);
            } else if !["backstay.toml", "note", "child-env"].contains(&&*name) {
                let bytes = fs::read(&path).unwrap();
                search.look(
                    &path.display().to_string(),
                    &String::from_utf8_lossy(&bytes),
                    with_key,
                );
            }
        }
    }
}

/// One field of one row, as text; nothing for null.
fn text(desk: &Desk, sql: &str) -> String {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let (client, connection) =
            tokio_postgres::connect(&desk.database.url, tokio_postgres::NoTls).await.unwrap();
        tokio::spawn(connection);
        let row = client.query_one(sql, &[]).await.unwrap();
        row.get::<_, Option<String>>(0).unwrap_or_default()
    })
}
