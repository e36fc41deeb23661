//! Webhooks and chats: signature, acceptance, and what is never called.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::*;

const LOOPBACK: &str = "127.0.0.0/8";

/// One request as it came.
pub(super) struct Request {
    pub(super) head: String,
    pub(super) body: Vec<u8>,
}

impl Request {
    pub(super) fn header(&self, name: &str) -> &str {
        let mut lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.find(|(key, _)| key.eq_ignore_ascii_case(name)).map_or("", |(_, value)| value)
    }
}

/// Answers each connection with the next of these texts; the last one again and again.
pub(super) async fn server(answers: &'static [&'static str]) -> (u16, UnboundedReceiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, hears) = unbounded_channel();
    tokio::spawn(async move {
        for n in 0.. {
            let (mut stream, _) = listener.accept().await.unwrap();
            let answer = answers[n.min(answers.len() - 1)];
            let request = read(&mut stream).await;
            // Nobody listens any more where a test has seen enough.
            drop(heard.send(request));
            drop(stream.write_all(answer.as_bytes()).await);
        }
    });
    (port, hears)
}

pub(super) async fn read(stream: &mut TcpStream) -> Request {
    let mut bytes = Vec::new();
    loop {
        let mut chunk = [0; 4096];
        let n = stream.read(&mut chunk).await.unwrap();
        assert!(n > 0, "the request ends in its middle");
        bytes.extend_from_slice(&chunk[..n]);
        let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") else { continue };
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut request = Request { head, body: bytes[end + 4..].to_vec() };
        let length: usize = request.header("content-length").parse().unwrap();
        let mut rest = vec![0; length - request.body.len()];
        stream.read_exact(&mut rest).await.unwrap();
        request.body.extend(rest);
        return request;
    }
}

fn webhook(url: &str) -> Way {
    Way::Webhook { url: Secret::new(url), secret: Secret::new("hunter2") }
}

const OK: &str = "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n";

#[tokio::test]
async fn a_webhook_gets_the_document_and_a_signature_over_time_and_body() {
    let (port, mut heard) = server(&[OK]).await;
    let ops = channel(&[LOOPBACK], webhook(&format!("http://127.0.0.1:{port}/hook"))).unwrap();
    ops.deliver(&alert()).await.unwrap();
    let request = heard.recv().await.unwrap();
    assert!(request.head.starts_with("POST /hook HTTP/1.1"), "{}", request.head);
    assert_eq!(request.header("content-type"), "application/json");
    assert_eq!(request.header("idempotency-key"), "7");
    assert_eq!(serde_json::from_slice::<Alert>(&request.body).unwrap(), alert());

    let signature = request.header("backstay-signature");
    let time = signature.strip_prefix("t=").unwrap().split_once(',').unwrap().0.parse().unwrap();
    let now = SystemTime::UNIX_EPOCH.elapsed().unwrap().as_secs();
    assert!(now - 5 <= time && time <= now);
    assert_eq!(signature, sign::sign("hunter2", time, &request.body));
    assert_ne!(signature, sign::sign("hunter3", time, &request.body));
}

#[tokio::test]
async fn a_name_is_called_where_its_address_is_allowed() {
    let (port, mut heard) = server(&[OK]).await;
    let allowed = [LOOPBACK, "::1"];
    let ops = channel(&allowed, webhook(&format!("http://localhost:{port}/"))).unwrap();
    ops.deliver(&alert()).await.unwrap();
    assert!(heard.recv().await.is_some());
}

#[tokio::test]
async fn every_answer_but_2xx_is_a_failure_that_may_pass() {
    for answer in [
        "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 429 Too Many Requests\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "no HTTP at all\r\n\r\n",
    ] {
        let (port, _heard) = server(Box::leak(Box::new([answer]))).await;
        let ops = channel(&[LOOPBACK], webhook(&format!("http://127.0.0.1:{port}/"))).unwrap();
        let error = ops.deliver(&alert()).await.unwrap_err();
        assert!(!error.is_final(), "{answer}: {error}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let (inner, mut reached) = server(&[OK]).await;
    let location = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: http://127.0.0.1:{inner}/\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    );
    let (port, _heard) = server(Box::leak(Box::new([&*location.leak()]))).await;
    let ops = channel(&[LOOPBACK], webhook(&format!("http://127.0.0.1:{port}/"))).unwrap();
    let error = ops.deliver(&alert()).await.unwrap_err();
    assert!(error.to_string().contains("redirects are not followed"), "{error}");
    assert!(reached.try_recv().is_err());
}

#[tokio::test]
async fn an_endless_answer_is_cut_off_and_its_status_counts() {
    let flood = format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(1024 * 1024));
    let (port, _heard) = server(Box::leak(Box::new([&*flood.leak()]))).await;
    let ops = channel(&[LOOPBACK], webhook(&format!("http://127.0.0.1:{port}/"))).unwrap();
    ops.deliver(&alert()).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_server_that_never_answers_is_left_after_five_seconds() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let ops = channel(&[LOOPBACK], webhook(&format!("http://127.0.0.1:{port}/"))).unwrap();
    let began = tokio::time::Instant::now();
    let error = ops.deliver(&alert()).await.unwrap_err();
    assert!(error.to_string().contains("timed out"), "{error}");
    assert!(began.elapsed() < Duration::from_secs(6));
}

#[test]
fn inner_addresses_and_plain_http_are_refused_when_the_settings_are_read() {
    for (url, why) in [
        ("http://ops.example.org/", "http:// is not encrypted"),
        ("https://127.0.0.1/", "inner address"),
        ("https://[::1]/", "inner address"),
        ("https://2130706433/", "inner address"),
        ("https://169.254.169.254/latest/meta-data", "inner address"),
        ("https://", "not understood"),
    ] {
        let Err(error) = channel(&[], webhook(url)) else { panic!("{url} was taken") };
        assert!(error.to_string().contains(why), "{url}: {error}");
    }
    let Err(error) = channel(&[LOOPBACK], webhook("http://10.0.0.1/")) else { panic!("taken") };
    assert!(error.to_string().contains("without TLS"), "{error}");
}

#[tokio::test]
async fn a_name_that_leads_inside_is_never_connected_to() {
    let (port, mut reached) = server(&[OK]).await;
    for (allowed, url) in [
        (&["10.0.0.0/8"][..], format!("http://localhost:{port}/")),
        (&["10.0.0.0/8"][..], format!("https://localhost:{port}/")),
        (&[][..], format!("https://localhost:{port}/")),
    ] {
        let ops = channel(allowed, webhook(&url)).unwrap();
        let error = ops.deliver(&alert()).await.unwrap_err();
        assert!(error.to_string().contains("`alerts.allow_networks`"), "{url}: {error}");
    }
    assert!(reached.try_recv().is_err());
}

#[tokio::test]
async fn https_is_tls_from_the_first_byte() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let server = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut first = [0; 3];
        stream.read_exact(&mut first).await.unwrap();
        stream.write_all(OK.as_bytes()).await.unwrap();
        first
    });
    let ops = channel(&[LOOPBACK], webhook(&format!("https://127.0.0.1:{port}/"))).unwrap();
    ops.deliver(&alert()).await.unwrap_err();
    assert_eq!(server.await.unwrap()[..2], [0x16, 0x03], "a handshake of TLS");
}

#[tokio::test]
async fn a_chat_gets_json_with_a_text_and_its_address_stays_secret() {
    let (port, mut heard) = server(&[
        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok",
        "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
    ])
    .await;
    let url = Secret::new(format!("http://127.0.0.1:{port}/services/T0/B0/hunter2"));
    let team = channel(&[LOOPBACK], Way::Slack { url }).unwrap();
    team.deliver(&alert()).await.unwrap();
    let request = heard.recv().await.unwrap();
    let payload: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert!(payload["text"].as_str().unwrap().contains("backstay dead show a3f19c02"));
    let refused = team.deliver(&alert()).await.unwrap_err();
    assert!(refused.to_string().contains("403"), "{refused}");

    let gone = channel(&[LOOPBACK], Way::Slack { url: Secret::new("http://127.0.0.1:1/hunter2") });
    let error = gone.unwrap().deliver(&alert()).await.unwrap_err();
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_test_of_a_channel_says_so_and_tells_how_long_it_took() {
    let (port, mut heard) = server(&[OK]).await;
    let ops = channel(&[LOOPBACK], webhook(&format!("http://127.0.0.1:{port}/"))).unwrap();
    assert!(test(&*ops, Some("tests")).await.unwrap() < Duration::from_secs(5));
    let alert: Alert = serde_json::from_slice(&heard.recv().await.unwrap().body).unwrap();
    assert_eq!((alert.rule, alert.environment.as_deref()), (Rule::Test, Some("tests")));
}

#[tokio::test]
async fn the_dead_mans_switch_is_called_at_its_address_and_no_inner_one_without_leave() {
    let (port, mut hears) = server(&["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"]).await;
    let url = Secret::new(format!("http://127.0.0.1:{port}/ping/7f3a"));
    let of = |allowed: &[&str]| {
        channels(&AlertSettings { dead_man: Some(url.clone()), ..settings(allowed, vec![]) })
    };
    let Err(refused) = of(&[]) else { panic!("it may not be called") };
    assert!(refused.to_string().starts_with("alert channel `dead_man`: http:// is not encrypted"));
    of(&[LOOPBACK]).unwrap().dead_man.unwrap().ping().await.unwrap();
    let request = hears.recv().await.unwrap();
    assert!(request.head.starts_with("POST /ping/7f3a "), "{}", request.head);
    assert_eq!(request.body, b"{}");
}
