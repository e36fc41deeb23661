//! Handlers behind addresses: what is sent, what is read of an answer, and what is never called.

use std::time::SystemTime;

use backstay::config::{Origin, Settings, Value};
use backstay::{Push, PushAnswer, PushError, PushRequest};
use serde_json::json;
use tokio::io::AsyncReadExt;
use tokio::net::TcpListener;

use super::web::{read, server};
use super::*;

fn settings(http: serde_json::Value, allowed: &[&str]) -> Settings {
    let tree =
        json!({ "kinds": { "charge": { "http": http } }, "worker": { "allow_networks": allowed } });
    Settings::from_value(&Value::from_json(&tree, &Origin::Contract)).unwrap()
}

fn handler(http: serde_json::Value) -> Arc<dyn Push> {
    let mut made = pushes(&settings(http, &["127.0.0.0/8"])).unwrap();
    made.remove("charge").unwrap()
}

fn request() -> PushRequest {
    PushRequest {
        headers: vec![("Backstay-Job", "41".into()), ("Idempotency-Key", "41".into())],
        body: b"{\"args\":{},\"job\":{\"id\":\"41\"}}".to_vec(),
    }
}

async fn answer(answer: String) -> Result<PushAnswer, PushError> {
    let (port, _heard) = server(Box::leak(Box::new([&*answer.leak()]))).await;
    handler(json!(format!("http://127.0.0.1:{port}/"))).push(&request()).await
}

const OK: &str = "HTTP/1.1 200 OK\r\nContent-Length: 11\r\nConnection: close\r\n\r\n{\"sum\": 6}\n";

#[tokio::test]
async fn an_attempt_is_a_post_that_its_receiver_can_trust() {
    let (port, mut heard) = server(&[OK]).await;
    let url = format!("http://127.0.0.1:{port}/jobs/charge?tenant=7");
    let answer = handler(json!({ "url": url, "secret": "hunter2" })).push(&request()).await;
    assert_eq!(answer.unwrap().body, b"{\"sum\": 6}\n");
    let got = heard.recv().await.unwrap();
    assert!(got.head.starts_with("POST /jobs/charge?tenant=7 HTTP/1.1"), "{}", got.head);
    assert_eq!(got.header("content-type"), "application/json");
    assert!(got.header("user-agent").starts_with("backstay/"));
    assert_eq!((got.header("backstay-job"), got.header("idempotency-key")), ("41", "41"));
    assert_eq!(got.body, request().body);
    let signature = got.header("backstay-signature");
    let time = signature.strip_prefix("t=").unwrap().split_once(',').unwrap().0.parse().unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now - 5 <= time && time <= now);
    assert_eq!(signature, sign::sign("hunter2", time, &got.body));

    assert_eq!(got.header("x-team"), "", "none but ours, where none is written");

    let (port, mut heard) = server(&[OK]).await;
    handler(json!(format!("http://127.0.0.1:{port}/"))).push(&request()).await.unwrap();
    assert_eq!(
        heard.recv().await.unwrap().header("backstay-signature"),
        "",
        "no key, no signature"
    );
}

#[tokio::test]
async fn headers_of_ones_own_go_with_each_request_beside_ours() {
    let (port, mut heard) = server(&[OK]).await;
    let url = format!("http://127.0.0.1:{port}/");
    let headers = json!({ "X-Team": "billing, eu", "Authorization": "Bearer hunter2" });
    let made = handler(json!({ "url": url, "secret": "key", "headers": headers }));
    made.push(&request()).await.unwrap();
    let got = heard.recv().await.unwrap();
    assert_eq!(
        (got.header("x-team"), got.header("authorization")),
        ("billing, eu", "Bearer hunter2")
    );
    assert_eq!(
        (got.header("backstay-job"), got.header("content-type")),
        ("41", "application/json")
    );
    assert!(got.header("backstay-signature").starts_with("t="));
    assert!(got.header("user-agent").starts_with("backstay/"));
}

#[tokio::test]
async fn an_answer_is_told_as_it_came_and_no_redirect_is_followed() {
    let busy = "HTTP/1.1 503 Busy\r\nRetry-After: 120\r\nContent-Length: 4\r\n\r\ndown";
    let told = answer(busy.to_owned()).await.unwrap();
    let expected = PushAnswer {
        status: 503,
        retry_after: Some("120".into()),
        body: b"down".to_vec(),
        is_cut: false,
    };
    assert_eq!(told, expected);
    let (inner, mut reached) = server(&[OK]).await;
    let redirect = format!(
        "HTTP/1.1 307 Elsewhere\r\nLocation: http://127.0.0.1:{inner}/\r\nContent-Length: 0\r\n\r\n"
    );
    assert_eq!(answer(redirect).await.unwrap().status, 307);
    assert!(reached.try_recv().is_err());
}

#[tokio::test]
async fn an_answer_is_read_up_to_one_mebibyte() {
    const MIB: usize = 1024 * 1024;
    for (length, is_cut) in [(MIB, false), (MIB + 1, true), (3 * MIB, true)] {
        let head = format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\n\r\n");
        let told = answer(head + &"x".repeat(length)).await.unwrap();
        assert_eq!((told.body.len(), told.is_cut), (MIB.min(length), is_cut));
    }
}

#[tokio::test]
async fn what_is_no_answer_says_why_and_never_where() {
    let broken = "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{}";
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let closed = listener.local_addr().unwrap().port();
    drop(listener);
    let gone = handler(json!(format!("http://127.0.0.1:{closed}/?token=hunter2")));
    for error in [
        answer(broken.to_owned()).await.unwrap_err(),
        answer("no HTTP at all\r\n\r\n".to_owned()).await.unwrap_err(),
        gone.push(&request()).await.unwrap_err(),
    ] {
        let text = error.to_string();
        assert!(text.starts_with("no answer: ") && !text.contains("hunter2"), "{text}");
    }
    let text = gone.push(&request()).await.unwrap_err().to_string();
    assert!(text.contains("refused"), "{text}");
}

#[tokio::test]
async fn dropping_a_call_ends_its_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = async {
        let (mut stream, _) = listener.accept().await.unwrap();
        read(&mut stream).await;
        stream
    };
    let (handler, request) = (handler(json!(format!("http://127.0.0.1:{port}/"))), request());
    let mut stream = tokio::select! {
        stream = server => stream,
        answer = handler.push(&request) => panic!("{answer:?}"),
    };
    assert_eq!(stream.read(&mut [0; 8]).await.unwrap(), 0, "the end of the connection");
}

#[test]
fn addresses_that_may_not_be_called_are_refused_before_anything_is() {
    for (url, allowed, why) in [
        ("http://app.example/", &[][..], "or name the inner network in `worker.allow_networks`"),
        ("https://127.0.0.1/", &[][..], "add its network to `worker.allow_networks`"),
        ("https://169.254.169.254/latest", &[][..], "inner address"),
        ("http://10.0.0.1/", &["127.0.0.0/8"][..], "without TLS"),
        ("https://[::1", &[][..], "not understood"),
    ] {
        let Err(errors) = pushes(&settings(json!(url), allowed)) else { panic!("{url} was taken") };
        let [error] = &errors[..] else { panic!("{errors:?}") };
        let text = error.to_string();
        assert!(text.starts_with("kind `charge`: ") && text.contains(why), "{url}: {text}");
        assert_eq!(error.code(), "BS402");
    }
}

#[tokio::test]
async fn a_name_that_leads_inside_is_never_connected_to() {
    let (port, mut reached) = server(&[OK]).await;
    for (allowed, url) in [
        (&["10.0.0.0/8"][..], format!("http://localhost:{port}/")),
        (&[][..], format!("https://localhost:{port}/")),
    ] {
        let made = pushes(&settings(json!(url), allowed)).unwrap();
        let error = made["charge"].push(&request()).await.unwrap_err();
        assert!(error.to_string().contains("`worker.allow_networks`"), "{url}: {error}");
    }
    assert!(reached.try_recv().is_err());
}
