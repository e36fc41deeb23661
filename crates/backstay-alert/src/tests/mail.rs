//! Mail, against a server that says what it is told to say.

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc::{UnboundedReceiver, UnboundedSender, unbounded_channel};

use super::*;

/// Takes mails; every line of the conversation and of the mail is heard. `refuses` names a verb that
/// it answers with an error.
async fn server(refuses: &'static str) -> (u16, UnboundedReceiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let (heard, hears) = unbounded_channel();
    tokio::spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.unwrap();
            // A client that does not like an answer just goes.
            drop(talk(stream, refuses, &heard).await);
        }
    });
    (port, hears)
}

async fn talk(
    stream: TcpStream,
    refuses: &str,
    heard: &UnboundedSender<String>,
) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    stream.write_all(b"220 stub\r\n").await?;
    let (mut line, mut in_mail) = (String::new(), false);
    loop {
        line.clear();
        if stream.read_line(&mut line).await? == 0 {
            return Ok(());
        }
        let said = line.trim_end().to_owned();
        drop(heard.send(said.clone()));
        let answer = match (in_mail, said.split([' ', ':']).next().unwrap_or_default()) {
            (true, ".") => "250 queued",
            (true, _) => continue,
            (_, verb) if verb == refuses => "550 not here",
            (_, "DATA") => "354 go on",
            (_, "QUIT") => "221 bye",
            _ => "250 stub",
        };
        in_mail = answer.starts_with("354");
        stream.write_all(format!("{answer}\r\n").as_bytes()).await?;
    }
}

fn mail(smtp: String) -> Arc<dyn Deliver> {
    let way = Way::Email {
        to: vec!["Ana <ana@example.org>".into(), "ops@example.org".into()],
        from: "backstay@example.org".into(),
        smtp: Secret::new(smtp),
    };
    channel(&[], way).unwrap()
}

fn all(heard: &mut UnboundedReceiver<String>) -> Vec<String> {
    std::iter::from_fn(|| heard.try_recv().ok()).collect()
}

#[tokio::test]
async fn a_mail_tells_the_headline_in_its_subject_and_the_facts_in_its_body() {
    let (port, mut heard) = server("nothing").await;
    let mail = mail(format!("smtp://127.0.0.1:{port}"));
    mail.deliver(&alert()).await.unwrap();
    let lines = all(&mut heard);
    let has = |start: &str| lines.iter().any(|line| line.starts_with(start));
    for start in [
        "MAIL FROM:<backstay@example.org>",
        "RCPT TO:<ana@example.org>",
        "RCPT TO:<ops@example.org>",
        "Subject: [tests] report died: failed: no such month",
        "Auto-Submitted: auto-generated",
        "To: Ana <ana@example.org>, ops@example.org",
        "What to do: ",
        "incident: tests/dead/a3f19c02",
    ] {
        let found = has(start) || lines.iter().any(|line| line.contains(start));
        assert!(found, "{start} is missing in {lines:#?}");
    }
}

#[tokio::test]
async fn the_same_message_has_the_same_id_and_its_incident_is_one_thread() {
    let (port, mut heard) = server("nothing").await;
    let mail = mail(format!("smtp://127.0.0.1:{port}"));
    mail.deliver(&alert()).await.unwrap();
    mail.deliver(&alert()).await.unwrap();
    mail.deliver(&Alert { id: "8".into(), ..alert() }).await.unwrap();
    let lines = all(&mut heard);
    let of = |name: &str| -> Vec<&String> {
        lines.iter().filter(|line| line.starts_with(name)).collect()
    };
    let (ids, threads) = (of("Message-ID: "), of("In-Reply-To: "));
    assert_eq!(ids.len(), 3);
    assert!(ids[0] == ids[1] && ids[1] != ids[2]);
    assert!(threads.len() == 3 && threads[0] == threads[2]);
}

#[tokio::test]
async fn a_title_with_line_breaks_adds_no_header() {
    let (port, mut heard) = server("nothing").await;
    let mail = mail(format!("smtp://127.0.0.1:{port}"));
    let evil = "failed\r\nBcc: everybody@example.org\r\n\r\n.\r\nMAIL FROM:<evil@example.org>";
    mail.deliver(&Alert { title: evil.into(), text: evil.into(), ..alert() }).await.unwrap();
    let lines = all(&mut heard);
    assert!(
        !lines.iter().any(|line| line.starts_with("Bcc") || line.starts_with("MAIL FROM:<evil"))
    );
    assert_eq!(lines.iter().filter(|line| line.starts_with("DATA")).count(), 1);
}

#[tokio::test]
async fn a_refusal_of_the_server_is_a_failure_that_may_pass() {
    let (port, _heard) = server("RCPT").await;
    let error = mail(format!("smtp://127.0.0.1:{port}")).deliver(&alert()).await.unwrap_err();
    assert!(error.to_string().contains("not here") && !error.is_final(), "{error}");
}

#[tokio::test]
async fn without_tls_nothing_is_said_where_tls_is_asked_for() {
    let (port, mut heard) = server("nothing").await;
    let mail = mail(format!("smtp+starttls://u:hunter2@127.0.0.1:{port}"));
    let error = mail.deliver(&alert()).await.unwrap_err();
    assert!(!error.to_string().contains("hunter2"));
    assert!(
        !all(&mut heard).iter().any(|line| line.starts_with("AUTH") || line.starts_with("MAIL"))
    );
}
