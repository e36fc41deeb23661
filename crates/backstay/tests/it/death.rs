//! Jobs that cannot be saved: where they go, with what, and who is told.

use backstay::unit::mins;
use backstay::{Backoff, Fail, Options};

use crate::act::{Act, add, number, queue};

const FAILING: &str = "cannot reach host 10.0.0.7";

fn twice() -> Options {
    Options::new().max_retries(1).backoff(Backoff::Fixed(mins(1)))
}

#[tokio::test]
async fn when_the_retries_are_used_up_the_job_is_a_dead_letter_with_its_errors() {
    let handler = async |_: Act| Err::<(), _>(Fail::from(FAILING));
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 7, twice()).await;
    assert_eq!(t.drain().await.retried, 1);
    t.advance(mins(2)).await;
    assert_eq!(t.drain().await.dead, 1);

    t.expect_none::<Act>().await;
    let dead = t.dead::<Act>().await;
    assert_eq!((dead.len(), dead[0].id, dead[0].job.as_ref()), (1, id, Some(&Act { n: 7 })));
    assert_eq!(
        (dead[0].reason.as_str(), &*dead[0].errors),
        ("failed", &[FAILING.to_owned(), FAILING.to_owned()][..])
    );
}

#[tokio::test]
async fn a_death_and_its_alert_are_born_in_one_transaction() {
    let handler = async |_: Act| Err::<(), _>(Fail::dead(FAILING));
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 7, twice()).await;
    assert_eq!(t.drain().await.dead, 1);
    let together = "select count(*) from backstay.dead_letter d join backstay.alert a on a.job_id = d.id \
         and a.rule = 'death' and a.subject = d.fingerprint and a.attempt = d.attempt \
         and (a.message_id is not null or a.xmin = d.xmin)";
    assert_eq!(number(&t, together).await, 1);
    assert_eq!(number(&t, &format!("select count(*) from backstay.job where id = {id}")).await, 0);
}

#[tokio::test]
async fn a_rejected_job_is_dead_at_once_and_bills_no_retry() {
    let handler = async |_: Act| Err::<(), _>(Fail::dead("month must be YYYY-MM"));
    let Some(t) = queue(1, handler).await else { return };
    add(&t, 7, Options::new()).await;
    assert_eq!((t.drain().await.dead, t.dead::<Act>().await[0].reason.as_str()), (1, "rejected"));
    assert_eq!(number(&t, "select retry_count::bigint from backstay.dead_letter").await, 0);
}

#[tokio::test]
async fn equal_troubles_have_one_fingerprint_whatever_varies_in_their_texts() {
    let handler = async |job: Act| match job.n {
        99 => Err::<(), _>(Fail::dead("another trouble")),
        n => Err(Fail::dead(format!("no order {n} since 2026-11-{:02}", 1 + n % 28))),
    };
    let Some(t) = queue(4, handler).await else { return };
    for n in (0..20).chain([99]) {
        add(&t, n, Options::new()).await;
    }
    assert_eq!(t.drain().await.dead, 21);
    let prints = "select count(distinct fingerprint) from backstay.dead_letter";
    assert_eq!(number(&t, prints).await, 2);
}

#[tokio::test]
async fn a_revived_dead_letter_starts_with_all_its_retries() {
    let handler = async |_: Act, ctx: backstay::Ctx| match ctx.info().attempt {
        1 => Err(Fail::dead("not yet")),
        _ => Ok(()),
    };
    let Some(t) = queue(1, handler).await else { return };
    let id = add(&t, 7, twice()).await;
    assert_eq!(t.drain().await.dead, 1);
    let revive = format!("select backstay.revive(array[{id}]::bigint[])");
    t.client().batch_execute(&revive).await.unwrap();
    assert_eq!(t.drain().await.completed, 1);
    assert!(t.dead::<Act>().await.is_empty());
}
