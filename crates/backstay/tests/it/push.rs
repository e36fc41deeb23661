//! Kinds that an address handles, in a worker whose code says what sends: a stand-in that answers as the test wants.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use backstay::config::{Origin, Runner, Settings, Value};
use backstay::model::lease::Times;
use backstay::unit::secs;
use backstay::{
    Database, Fail, Http, JobState, Push, PushAnswer, PushError, PushRequest, Pushes, Request,
    Worker, enqueue, inspect, show,
};
use serde_json::json;

use crate::act::{Act, Notes, until};
use crate::database::{claim, connect, fresh};

/// What a stand-in does with a request.
#[derive(Clone, Copy)]
enum Then {
    Answer,
    Panic,
}

/// Answers every request with its number, or panics.
struct StandIn {
    then: Then,
    attempts: Notes<String>,
}

impl Push for StandIn {
    fn push<'a>(
        &'a self,
        request: &'a PushRequest,
    ) -> Pin<Box<dyn Future<Output = Result<PushAnswer, PushError>> + Send + 'a>> {
        let attempt = request.headers.iter().find(|(name, _)| *name == "Backstay-Attempt");
        self.attempts.add(attempt.unwrap().1.clone());
        Box::pin(async {
            match self.then {
                Then::Answer => {
                    let body = b"{\"done\": true}".to_vec();
                    Ok(PushAnswer { status: 200, retry_after: None, body, is_cut: false })
                }
                Then::Panic => panic!("as asked"),
            }
        })
    }
}

fn settings() -> Settings {
    let tree = json!({ "kinds": { "charge": { "http": "https://app.example/" } } });
    let mut settings = Settings::from_value(&Value::from_json(&tree, &Origin::Contract)).unwrap();
    settings.worker.times = Times::fast();
    settings
}

fn worker(then: Then) -> (Worker<()>, Notes<String>) {
    let attempts = Notes::new();
    let stand_in: Arc<dyn Push> = Arc::new(StandIn { then, attempts: attempts.clone() });
    let pushes = Pushes::from([("charge".to_owned(), stand_in)]);
    (Worker::without_state().pushes(pushes), attempts)
}

#[tokio::test]
async fn a_request_whose_worker_has_died_is_made_again_by_the_living() {
    let Some(place) = fresh() else { return };
    let database = Database::connect(&place.url).await.unwrap();
    let id = enqueue(&database, Request::new("charge", json!({}))).await.unwrap().id;
    // The claim of a worker that will not come back, since its lease is over.
    let client = connect(&place.url).await;
    let fence = claim(&client, "default", "charge").await;
    let dead = format!(
        "insert into backstay.worker (id, beat_at, lease_until, started_at, pid, slots, host, release, level, queues, kinds) \
         values ('{}', now(), now() + interval '1 second', now(), 1, 1, 'gone', '0', 'inline', '{{default}}', '{{}}')",
        fence.worker
    );
    client.batch_execute(&dead).await.unwrap();
    let (worker, attempts) = worker(Then::Answer);
    let mut running = worker.start_with(&database, settings()).await.unwrap();
    let job = async || show(&database, id).await.unwrap().unwrap();
    until("it is done", async || job().await.state == JobState::Completed).await;
    assert_eq!(job().await.output.as_deref(), Some("{\"done\": true}"));
    assert_eq!((job().await.lost_count, attempts.all()), (1, vec!["2".to_owned()]));
    running.quit().await;
    running.join().await;
}

#[tokio::test]
async fn a_sender_that_panics_fails_its_attempt_and_nothing_else() {
    let Some(place) = fresh() else { return };
    let database = Database::connect(&place.url).await.unwrap();
    let (worker, attempts) = worker(Then::Panic);
    let mut running = worker.start_with(&database, settings()).await.unwrap();
    let mut ids = Vec::new();
    for _ in 0..2 {
        ids.push(enqueue(&database, Request::new("charge", json!({}))).await.unwrap().id);
    }
    for id in ids {
        let job = async || show(&database, id).await.unwrap().unwrap();
        until("it has failed", async || job().await.retry_count == 1).await;
        let error = job().await.error.unwrap();
        assert_eq!(error.message.as_deref(), Some("the code that sends the request panicked"));
    }
    assert_eq!(attempts.all().len(), 2);
    running.quit().await;
    let ended = tokio::time::timeout(secs(10), running.join());
    assert!(ended.await.is_ok(), "the thread that sends holds nobody up");
}

#[tokio::test]
async fn a_worker_that_only_sends_says_so_and_so_do_its_kinds() {
    let Some(place) = fresh() else { return };
    let database = Database::connect(&place.url).await.unwrap();
    let (worker, _) = worker(Then::Answer);
    let mut running = worker.start_with(&database, settings()).await.unwrap();
    let told = async || {
        let kinds = inspect::kinds(&database).await.unwrap();
        kinds.iter().any(|kind| kind.name == "charge" && kind.by_address)
    };
    until("its beat tells it", told).await;
    let only = inspect::workers(&database, false).await.unwrap().pop().unwrap();
    assert_eq!(only.level, "http");
    assert_eq!(only.admission.by_address, ["charge"]);
    assert!(only.admission.memory_of_one.is_empty(), "{:?}", only.admission);
    running.quit().await;
    running.join().await;
    assert!(!told().await, "by nobody");
}

#[test]
fn an_address_in_code_is_the_address_of_the_settings() {
    let address = || Http::new("https://app.example/").secret("hunter2").header("X-Team", "eu");
    let worker = Worker::without_state().http::<Act>(address()).build().unwrap();
    let settings = Settings::from_value(&worker.tree()).unwrap();
    let Some(Runner::Http(http)) = &settings.kind("act").unwrap().runner else { panic!() };
    assert_eq!(
        (http.url.as_str(), http.secret.as_ref().unwrap().expose()),
        ("https://app.example/", "hunter2")
    );
    assert_eq!((http.headers[0].0.as_str(), http.headers[0].1.expose()), ("X-Team", "eu"));
    assert!(!format!("{:?}", address()).contains("hunter2"));

    let handler = async |_: Act| Ok::<_, Fail>(());
    let twice = Worker::without_state().http::<Act>(address()).handle(handler).build();
    assert_eq!(twice.map(drop).unwrap_err().code(), "BS405");
    let mine = Worker::without_state().http::<Act>(address().header("Host", "x")).build();
    let error = mine.map(drop).unwrap_err();
    assert!(error.to_string().contains("not yours to set"), "{error}");
}

#[tokio::test]
async fn a_worker_that_has_nothing_to_send_with_says_how_to_give_it() {
    let Some(place) = fresh() else { return };
    let database = Database::connect(&place.url).await.unwrap();
    let Err(error) = Worker::without_state().start_with(&database, settings()).await else {
        panic!("it has started")
    };
    assert_eq!(error.code(), "BS402");
    assert!(error.to_string().contains(".pushes(backstay_alert::pushes(&settings)?)"), "{error}");
}
