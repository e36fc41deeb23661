//! Memory as the bound of what runs: a worker with slots for more than its budget holds.

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
