//! What handlers do in PostgreSQL: under a login of their own, and not a moment longer than they live.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use backstay::Options;
use backstay::migrate::{LoginSort, login};

use crate::database::fresh;
use crate::place::Place;
use crate::process::Process;

/// Sessions of a killed child must be gone this soon.
const SOON: Duration = Duration::from_secs(2);

/// A login with the ceilings of `init --handler-role`; it goes with this value.
struct Login<'p> {
    place: &'p Place,
    name: String,
    url: String,
}

impl Login<'_> {
    fn new(place: &Place) -> Login<'_> {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("faults_jobs_{}_{number}", std::process::id());
        place.run(&format!("drop role if exists {name}"));
        let made = place.wait(login(place.database(), LoginSort::Handler, &name)).unwrap();
        let password = made.expect("it was not there");
        // Without this the server itself would notice within a second.
        place.run(&format!("alter role {name} set client_connection_check_interval = 0"));
        let (_, server) = place.url.split_once('@').expect("an address with a login");
        let url = format!("postgres://{name}:{password}@{server}");
        Login { place, name, url }
    }

    /// What its sessions do now.
    fn active(&self) -> i64 {
        self.place.number(&format!(
            "select count(*) from pg_stat_activity where usename = '{}' and state = 'active' \
             and application_name like 'backstay-________-%'",
            self.name
        ))
    }
}

impl Drop for Login<'_> {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.place.run(&format!("drop owned by {0}; drop role {0}", self.name));
        }
    }
}

/// Handlers are killed in the middle of a query that waits, and of one that computes.
pub(crate) fn killed() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let login = Login::new(&place);
    let _worker = Process::start_in(&db.url, "process", &[("FAULTS_HANDLERS", &login.url)]);
    let last = || Options::new().max_retries(0).timeout(Duration::from_secs(5));
    place.add_one(1, "sleep in sql", last());
    place.add_one(2, "work in sql", last());
    place.until("both queries run", Duration::from_secs(10), |_| login.active() == 2);
    place.until("both attempts are over", Duration::from_secs(10), |place| {
        place.number("select count(*) from backstay.attempt where outcome = 'timed_out'") == 2
    });
    place.until("no query is left", SOON, |_| login.active() == 0);
}

/// A handler sees the address that is meant for it, and nothing that leads to the queue.
pub(crate) fn credentials() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let login = Login::new(&place);
    let env = [
        ("FAULTS_HANDLERS", login.url.as_str()),
        ("BACKSTAY_DATABASE_URL", &db.url),
        ("DATABASE_URL", &db.url),
        ("QUEUE", &db.url),
        ("PGPASSWORD", "of-the-queue"),
    ];
    let _worker = Process::start_in(&db.url, "process", &env);
    let id = place.add_one(1, "tell", Options::new());
    place.until_done(Duration::from_secs(20));
    let seen = &place
        .texts(&format!("select output #>> '{{}}' from backstay.history_body where job_id = {id}"))
        [0];
    assert!(seen.contains(&format!("DATABASE_URL={}", login.url)), "{seen}");
    assert!(seen.contains("PGAPPNAME=backstay-"), "{seen}");
    for hidden in [db.url.as_str(), "of-the-queue", "BACKSTAY_DATABASE_URL"] {
        assert!(!seen.contains(hidden), "{hidden} in {seen}");
    }
}
