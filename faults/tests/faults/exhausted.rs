//! A server that is there and has nothing left to give: connections, the right to write, disk.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use backstay::migrate::{LoginSort, login};
use backstay::{Database, EnqueueError, Request, enqueue};
use backstay_postgres::{Cluster, Options, template};
use serde_json::json;

use crate::database::fresh;
use crate::place::Place;
use crate::process::Process;
use crate::run::{Judgement, Run, must_hold};
use crate::server::install;

const JOBS: i64 = 40;
const LONG: Duration = Duration::from_secs(15);

/// Nothing may be wrong.
pub(crate) fn connections() {
    must_hold(no_connection());
}

/// Nothing may be wrong.
pub(crate) fn read_only() {
    must_hold(only_reads());
}

/// Nothing may be wrong.
pub(crate) fn disk() {
    must_hold(full_disk());
}

/// No session more is given to the login of a worker that has just lost all of its own.
pub(crate) fn no_connection() -> Option<Judgement> {
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let name = format!("faults_worker_{}", std::process::id());
    place.run(&format!("drop role if exists {name}"));
    let made = place.wait(login(place.database(), LoginSort::Worker, &name)).unwrap();
    let (_, server) = db.url.split_once('@').unwrap();
    let url = format!("postgres://{name}:{}@{server}", made.unwrap());
    let mut worker = run.worker_at(&url, "inline", &[]);
    begin(place);

    run.server(|| {
        place.run(&format!("alter role {name} connection limit 0"));
        place.run(&end_sessions(&format!("usename = '{name}'")));
        let refused = place.wait(Database::connect(&url)).unwrap_err();
        assert_eq!(refused.code(), "BS510", "{refused}");
        place.until("the worker has met it", LONG, |_| worker.has_said("too many connections"));
        place.run(&format!("alter role {name} connection limit 8"));
    });
    ends_well(place, &mut worker);
    drop(worker);
    place.run(&end_sessions(&format!("usename = '{name}'")));
    place.run(&format!("drop owned by {name}; drop role {name}"));
    Some(run.judge())
}

/// The database is set to read only, as after a switch to another primary.
pub(crate) fn only_reads() -> Option<Judgement> {
    let db = fresh()?;
    let run = Run::begin(&db.url);
    let place = &run.place;
    let mut worker = run.worker("inline");
    begin(place);
    let name = place.database().name().to_owned();
    run.server(|| {
        place.run(&format!("alter database {name} set default_transaction_read_only = on"));
        place.run(&end_sessions("pid <> pg_backend_pid()"));
        let error = place.wait(async {
            let database = Database::connect(&db.url).await.unwrap();
            enqueue(&database, Request::new("act", json!({ "n": 1 }))).await.unwrap_err()
        });
        assert_eq!(error.code(), "BS505", "{error}");
        place.until("the worker has met it", LONG, |_| worker.has_said("cannot be reached"));
        place.run(&format!("alter database {name} reset default_transaction_read_only"));
    });
    ends_well(place, &mut worker);
    drop(worker);
    Some(run.judge())
}

/// The tables of jobs lie on a small disk, and somebody else fills it.
pub(crate) fn full_disk() -> Option<Judgement> {
    let small = SmallDisk::mount()?;
    let cluster = Cluster::obtain(Options::own()).unwrap();
    let url = cluster.url("postgres");
    install(&url);
    let run = Run::begin(&url);
    let place = &run.place;
    small.give_to_owner_of(&place.texts("show data_directory")[0]);
    place.run(&format!("create tablespace small location '{}'", small.0.display()));
    place.run("alter table backstay.job set tablespace small");
    place.run("alter table backstay.running set tablespace small");
    place.run("select backstay.pause('queue', 'default')");
    place.add(0..JOBS, 5);
    let mut worker = run.worker("inline");
    run.server(|| {
        fill(place);
        let big = Request::new("act", json!({ "n": 1, "what": random_text(200_000) }));
        let error = place.wait(enqueue(place.database(), big)).unwrap_err();
        assert!(matches!(&error, EnqueueError::Database(_)), "{error:?}");
        assert_eq!(error.code(), "BS511", "{error}");
        place.run("select backstay.resume('queue', 'default')");
        place.until("the worker has met it", LONG, |_| worker.has_said("No space left"));
        place.run("drop table filler");
    });
    ends_well(place, &mut worker);
    drop(worker);
    let judgement = run.judge();
    drop(cluster);
    Some(judgement)
}

/// Jobs are under way.
fn begin(place: &Place) {
    place.add(0..JOBS, 20);
    place.until("jobs run", LONG, |place| place.completed() > 0);
}

fn end_sessions(which: &str) -> String {
    // The test keeps its own.
    format!(
        "select pg_terminate_backend(pid) from pg_stat_activity where datname = current_database() \
         and application_name like 'backstay work %' and {which}"
    )
}

/// Every job is done, once, by the same worker.
fn ends_well(place: &Place, worker: &mut Process) {
    place.until_done(Duration::from_secs(30));
    assert!(worker.is_running(), "the worker has ended");
    assert_eq!((place.completed(), place.double_ends()), (JOBS, 0));
}

/// Takes every page that is left; each row is a page, so the last one that fits fits exactly.
fn fill(place: &Place) {
    place.run("create table filler (page text) tablespace small");
    place.run("alter table filler alter page set storage plain");
    place.run(
        "do $$ begin
           for n in 1 .. 10000 loop insert into filler values (repeat('x', 7000)); end loop;
           raise exception 'it is not full';
         exception when disk_full then null;
         end $$",
    );
    let left = "do $$ declare left_over int := 0; begin
           loop
             begin
               insert into filler values (repeat('x', 7000));
             exception when disk_full then exit;
             end;
           end loop;
         end $$";
    place.run(left);
}

fn random_text(bytes: usize) -> String {
    // What does not compress needs its place on the disk.
    (0..bytes)
        .map(|_| char::from(b'a' + u8::try_from(crate::process::chance(26)).unwrap()))
        .collect()
}

/// A file system of a few MiB that goes with this value.
struct SmallDisk(PathBuf);

impl SmallDisk {
    fn mount() -> Option<SmallDisk> {
        let folder = std::env::temp_dir().join(format!("backstay-small-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m,mode=700", "backstay-small"])
            .arg(&folder)
            .output();
        if mounted.is_ok_and(|mounted| mounted.status.success()) {
            return Some(SmallDisk(folder));
        }
        let _gone = std::fs::remove_dir(&folder);
        template::note_skip("a full disk: only root may mount a small one");
        None
    }

    fn give_to_owner_of(&self, path: &str) {
        use std::os::unix::fs::{MetadataExt, chown};
        let owner = Path::new(path).metadata().unwrap();
        chown(&self.0, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // The server may not be gone yet; a lazy unmount waits for it.
        let _gone = Command::new("umount").arg("-l").arg(&self.0).status();
        let _gone = std::fs::remove_dir(&self.0);
    }
}
