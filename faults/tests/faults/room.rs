//! Memory as the bound of what runs: a worker with slots for more than its budget holds, and one whose host has none left.

use std::time::Duration;

use backstay::Options;
use backstay::unit::mib;

use crate::database::fresh;
use crate::place::Place;
use crate::process::Process;

/// A budget of 256 MiB holds two usual jobs of 128 MiB, though there are four slots.
pub(crate) fn bounds() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let _worker = Process::start(&db.url, "tight");
    place.until("it beats", Duration::from_secs(20), |place| place.workers() == 1);
    // Larger than everything together: it stays where it is, and nobody waits for it.
    let never = place.add_one(50, "", Options::new().memory(mib(400)));
    place.add(0..6, 300);
    place.until("two run", Duration::from_secs(10), |place| place.running() == 2);
    place.until("all are done", Duration::from_secs(10), |place| {
        assert!(place.running() <= 2, "more run than there is memory for");
        place.completed() == 6
    });
    // Fits alone, not beside another: it is taken, and waits in hand.
    place.add(10..11, 1000);
    place.until("one runs", Duration::from_secs(10), |place| place.running() == 1);
    let large = place.add_one(11, "", Options::new().memory(mib(200)));
    place.until("the large one is in hand", Duration::from_secs(10), |place| place.running() == 2);
    place.until("both are done", Duration::from_secs(10), |place| place.completed() == 8);
    let last = format!(
        "select count(*) from backstay.history where job_id = {large} \
         and finished_at = (select max(finished_at) from backstay.history)"
    );
    assert_eq!(place.number(&last), 1, "the large one began after the other had ended");
    let untouched =
        format!("select count(*) from backstay.ready where job_id = {never} and attempt = 0");
    assert_eq!(place.number(&untouched), 1, "what can never fit was claimed");
}

/// The host says that its memory is all but used up: the largest attempt goes, and nothing new is claimed.
pub(crate) fn evicts() {
    let Some(db) = fresh() else { return };
    let place = Place::open(&db.url);
    let root = std::env::temp_dir().join(format!("backstay-faults-{}", std::process::id()));
    let group = root.join("sys/fs/cgroup");
    std::fs::create_dir_all(&group).unwrap();
    std::fs::create_dir_all(root.join("proc/self")).unwrap();
    std::fs::write(root.join("proc/self/cgroup"), "0::/\n").unwrap();
    std::fs::write(group.join("memory.max"), "1000\n").unwrap();
    let used =
        |bytes: u64| std::fs::write(group.join("memory.current"), bytes.to_string()).unwrap();
    used(500);
    let text = root.to_str().unwrap();
    let _worker = Process::start_in(&db.url, "process", &[("FAULTS_ROOT", text)]);
    place.add(0..1, 60_000);
    let large = place.add_one(1, "hold", Options::new());
    place.until("both run", Duration::from_secs(20), |place| place.running() == 2);
    let seen = "select count(*) from backstay.worker, jsonb_array_elements(samples) s where (s ->> 'rss')::bigint > 40000000";
    place.until("the large one is seen", Duration::from_secs(10), |place| place.number(seen) == 1);
    used(960);
    place.until("one goes", Duration::from_secs(10), |place| place.running() == 1);
    // Well below the mark within the second that what was given back has to show.
    used(900);
    let evicted = format!(
        "select count(*) from backstay.attempt a join backstay.scheduled s on s.job_id = a.job_id \
          where a.job_id = {large} and a.outcome = 'evicted' and s.run_at > now() + interval '20 s'"
    );
    assert_eq!(place.number(&evicted), 1, "given back, for nothing, after half a minute");
    let told =
        "select count(*) from backstay.alert where rule = 'isolation' and subject = 'eviction'";
    place.until("people are told", Duration::from_secs(5), |place| place.number(told) == 1);
    let braked = "select count(*) from backstay.worker where admission -> 'brakes' -> 0 ->> 'what' = 'memory'";
    place.until("the beat says it", Duration::from_secs(5), |place| place.number(braked) == 1);
    place.add(2..3, 0);
    used(500);
    place.until("it claims again", Duration::from_secs(10), |place| place.completed() == 1);
    std::fs::remove_dir_all(&root).unwrap();
}
