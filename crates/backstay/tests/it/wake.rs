//! How soon a worker looks: when somebody tells it, and again for what commits only later.

use std::time::{Duration, Instant};

use backstay::{Fail, Job, JobState, Options, enqueue};

use crate::act::{Act, Live, until};
use crate::database::connect;

#[tokio::test]
async fn a_job_that_commits_a_while_after_the_hint_is_found_before_the_next_poll() {
    let minute = Duration::from_secs(60);
    let change = |settings: &mut backstay::config::Settings| settings.worker.poll = minute;
    let live = Live::start(2, async |_: Act| Ok::<_, Fail>(()), change).await;
    let Some(live) = live else { return };
    let mut other = connect(&live.place.url).await;
    let is_done = async |id| live.shown(id).await.state == JobState::Completed;
    // Looks end 440 ms after a hint; where a busy machine commits later than that, it is done once more.
    loop {
        let tx = other.transaction().await.unwrap();
        let late = enqueue(&tx, Act { n: 2 }.with(Options::new().notify(false))).await.unwrap().id;
        let hinted = Instant::now();
        let first = live.add(1, Options::new()).await;
        until("the hint is heard", async || is_done(first).await).await;
        // So long that the nearest look has been.
        tokio::time::sleep(Duration::from_millis(50)).await;
        tx.commit().await.unwrap();
        if hinted.elapsed() < Duration::from_millis(250) {
            until("it is done, too", async || is_done(late).await).await;
            break;
        }
    }
    live.stop().await;
}
