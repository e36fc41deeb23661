//! The whole life of jobs through PgBouncer in transaction mode.

use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use backstay::{Backoff, Options, cancel, check};
use backstay_postgres::template;

use crate::database::fresh;
use crate::handlers::SLOTS;
use crate::place::Place;
use crate::process::Process;
use crate::run::{Judgement, Run};

/// Workers that are killed at once, in each round of [`kills`].
const VICTIMS: usize = 5;

/// Everything works, only wake-up is slower.
pub(crate) fn transaction() {
    let Some(program) = find() else { return };
    let Some(db) = fresh() else { return };
    let bouncer = Bouncer::start(&program, &db.url);
    let place = Place::open(&db.url);
    let pooled = Place::open(&bouncer.url);
    assert!(pooled.wait(pooled.database().is_pooled()).unwrap(), "the pooler is seen");

    let mut worker = Process::start(&bouncer.url, "process");
    pooled.add(0..300, 5);
    place.until("jobs run", Duration::from_secs(20), |place| place.running() > 0);
    let by_lease = "select count(*) from backstay.worker where presence is null";
    assert_eq!(place.number(by_lease), 1, "death is seen by lease only");
    let again = Options::new().max_retries(2).backoff(Backoff::Fixed(Duration::from_millis(100)));
    pooled.add_one(400, "fail", again.clone());
    pooled.add_one(401, "dead", again.clone());
    pooled.add_one(402, "", again.clone().run_in(Duration::from_secs(1)));
    pooled.add_one(403, "abort", again.clone());
    let listens = pooled.add_one(404, "listen", again);
    place.until("it runs", Duration::from_secs(10), |place| {
        place.number(&format!("select count(*) from backstay.running where job_id = {listens}"))
            == 1
    });
    pooled.wait(cancel(pooled.database(), listens, "not wanted")).unwrap();
    place.until_done(Duration::from_secs(40));

    let held = pooled.wait(check::all(pooled.database())).unwrap();
    assert!(held.holds, "{}", held.verdict());
    assert_eq!((place.completed(), place.double_ends()), (301, 0));
    let reasons =
        place.texts("select reason || ' ' || retry_count from backstay.dead_letter order by id");
    assert_eq!(reasons[..2], ["failed 2", "rejected 0"]);
    assert!(reasons[2].starts_with("crashed"), "{reasons:?}");
    let cancelled =
        "select count(*) from backstay.history where state = 'cancelled' and reason = 'not wanted'";
    assert_eq!(place.number(cancelled), 1);
    worker.signal(rustix::process::Signal::TERM);
    assert!(worker.wait(Duration::from_secs(10)).success());
    assert_eq!(
        place.number("select count(*) from backstay.worker where goodbye_at is not null"),
        1
    );
}

/// Workers are killed beside one that stays, all of them behind the pooler and at the usual times: only a lease that has run
/// out tells that they are gone.
pub(crate) fn kills(rounds: usize) -> Option<Judgement> {
    let program = find()?;
    let db = fresh()?;
    let bouncer = Bouncer::start(&program, &db.url);
    let run = Run::begin(&db.url);
    let place = &run.place;
    let usual = [("FAULTS_TIMES", "normal")];
    let start = || run.worker_at(&bouncer.url, "inline", &usual);
    let other = start();
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    let full = (VICTIMS as i64 + 1) * i64::from(SLOTS);
    for round in 0..rounds as i64 {
        let mut victims: Vec<Process> = (0..VICTIMS).map(|_| start()).collect();
        place.until("all beat", Duration::from_secs(20), |place| {
            place.number(WITH_A_LEASE) == VICTIMS as i64 + 1
        });
        place.add(round * full..(round + 1) * full, 3000);
        place.until("all are full", Duration::from_secs(20), |place| place.running() == full);
        victims.iter_mut().for_each(|victim| run.kill(victim));
        place.until("all is done", Duration::from_secs(90), |place| place.waiting() == 0);
    }
    drop(other);
    Some(run.judge())
}

const WITH_A_LEASE: &str = "select count(*) from backstay.worker where lease_until > now() and goodbye_at is null and lost_at is null";

fn find() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into()]);
    let found = folders.map(|folder| folder.join("pgbouncer")).find(|program| program.is_file());
    if found.is_none() {
        let skip = "no `pgbouncer` on this machine; Debian's package is called `pgbouncer`";
        template::note_skip(skip);
    }
    found
}

struct Bouncer {
    child: Child,
    folder: PathBuf,
    url: String,
}

impl Bouncer {
    /// Starts one in front of this database.
    fn start(program: &Path, url: &str) -> Bouncer {
        let config: tokio_postgres::Config = url.parse().unwrap();
        let (user, name) = (config.get_user().unwrap(), config.get_dbname().unwrap());
        let password = String::from_utf8(config.get_password().unwrap().to_vec()).unwrap();
        let server = config.get_ports()[0];
        let folder =
            std::env::temp_dir().join(format!("backstay-bouncer-{}-{name}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::set_permissions(&folder, PermissionsExt::from_mode(0o755)).unwrap();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let text = format!(
            "[databases]\n{name} = host=127.0.0.1 port={server} user={user} password={password}\n\
             [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n\
             auth_type = any\npool_mode = transaction\ndefault_pool_size = 8\nmax_client_conn = 100\n"
        );
        let file = folder.join("pgbouncer.ini");
        std::fs::write(&file, text).unwrap();
        let mut command = Command::new(program);
        if rustix::process::geteuid().is_root() {
            // It refuses to run as root.
            command.args(["-u", "nobody"]);
        }
        let log = std::fs::File::create(folder.join("log")).unwrap();
        let child =
            command.arg(&file).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn();
        let bouncer = Bouncer {
            child: child.unwrap(),
            folder,
            url: format!("postgres://{user}:x@127.0.0.1:{port}/{name}"),
        };
        bouncer.wait_until_it_listens(port);
        bouncer
    }

    fn wait_until_it_listens(&self, port: u16) {
        let end = Instant::now() + Duration::from_secs(5);
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            let said = || std::fs::read_to_string(self.folder.join("log")).unwrap_or_default();
            assert!(Instant::now() < end, "the pooler does not listen: {}", said());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Bouncer {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ended = self.child.kill();
        let _reaped = self.child.wait();
        let _gone = std::fs::remove_dir_all(&self.folder);
    }
}
