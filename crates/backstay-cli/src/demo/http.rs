//! As much HTTP/1.1 as the demo needs: a server for its API and its sinks, and a client that keeps connections.

use std::io::{Error, ErrorKind, Result};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// The longest head of a message; ours have some 200 bytes.
const HEAD_BYTES: usize = 16 * 1024;
/// The longest body; the largest is a list of job ids.
const BODY_BYTES: usize = 4 * 1024 * 1024;
/// Connections that a client keeps for its next calls.
const KEPT: usize = 32;
/// How long a call may take in all.
const PATIENCE: Duration = Duration::from_secs(30);

/// What somebody asked a server for.
#[derive(Debug)]
pub(crate) struct Call {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Vec<u8>,
}

impl Call {
    /// A header by its name in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

/// What a server or a peer answered: a status and JSON.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn json(status: u16, body: &serde_json::Value) -> Answer {
        Answer { status, body: body.to_string().into_bytes() }
    }

    /// The body as JSON; `null` where it is none.
    pub(crate) fn read(&self) -> serde_json::Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    pub(crate) fn is_good(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// Answers calls until it is dropped. A connection that breaks the rules is closed.
pub(crate) async fn serve<S, F, Fut>(listener: TcpListener, state: Arc<S>, handle: F)
where
    S: Send + Sync + 'static,
    F: Fn(Arc<S>, Call) -> Fut + Copy + Send + Sync + 'static,
    Fut: Future<Output = Answer> + Send,
{
    loop {
        let Ok((stream, _)) = listener.accept().await else {
            // Out of descriptors, most likely: the next moment is better.
            tokio::time::sleep(Duration::from_millis(20)).await;
            continue;
        };
        let state = state.clone();
        tokio::spawn(async move {
            let Ok(mut peer) = Peer::new(stream) else { return };
            while let Ok(Some(call)) = peer.hear_call().await {
                let answer = handle(state.clone(), call).await;
                if peer.answer(&answer).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Calls one server, over connections that are kept.
#[derive(Debug)]
pub(crate) struct Client {
    address: String,
    kept: Mutex<Vec<Peer>>,
}

impl Client {
    /// `address` is a host and a port.
    pub(crate) fn new(address: impl Into<String>) -> Client {
        Client { address: address.into(), kept: Mutex::default() }
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Answer> {
        self.call("GET", path, &[], &[]).await
    }

    pub(crate) async fn post(&self, path: &str, body: &serde_json::Value) -> Result<Answer> {
        self.call("POST", path, &[], body.to_string().as_bytes()).await
    }

    pub(crate) async fn call(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let asked = async {
            let mut peer = match kept {
                Some(peer) => peer,
                None => Peer::new(TcpStream::connect(&self.address).await?)?,
            };
            let answer = peer.ask(method, path, &self.address, headers, body).await?;
            Ok::<_, Error>((peer, answer))
        };
        let (peer, answer) = tokio::time::timeout(PATIENCE, asked).await??;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.len() < KEPT {
            kept.push(peer);
        }
        Ok(answer)
    }
}

/// One end of a connection, with what was read beyond the last message.
#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    read: Vec<u8>,
}

/// A message as it came: first line, headers, body.
struct Message {
    first: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
}

impl Peer {
    fn new(stream: TcpStream) -> Result<Peer> {
        stream.set_nodelay(true)?;
        Ok(Peer { stream, read: Vec::new() })
    }

    async fn ask(
        &mut self,
        method: &str,
        path: &str,
        host: &str,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer> {
        let mut text = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            body.len()
        );
        for (name, value) in headers {
            text += &format!("{name}: {value}\r\n");
        }
        self.send(text, body).await?;
        let message = self.hear().await?.ok_or_else(|| Error::from(ErrorKind::UnexpectedEof))?;
        let status = message.first.split(' ').nth(1).and_then(|word| word.parse().ok());
        let status = status.ok_or_else(|| bad("no status"))?;
        Ok(Answer { status, body: message.body })
    }

    async fn answer(&mut self, answer: &Answer) -> Result<()> {
        let text = format!(
            "HTTP/1.1 {} {}\r\nContent-Type: application/json\r\nContent-Length: {}\r\n",
            answer.status,
            if answer.is_good() { "OK" } else { "No" },
            answer.body.len()
        );
        self.send(text, &answer.body).await
    }

    async fn send(&mut self, head: String, body: &[u8]) -> Result<()> {
        let mut bytes = head.into_bytes();
        bytes.extend_from_slice(b"\r\n");
        bytes.extend_from_slice(body);
        self.stream.write_all(&bytes).await
    }

    async fn hear_call(&mut self) -> Result<Option<Call>> {
        let Some(Message { first, headers, body }) = self.hear().await? else { return Ok(None) };
        let mut words = first.split(' ').map(str::to_owned);
        let (Some(method), Some(path)) = (words.next(), words.next()) else {
            return Err(bad("no request"));
        };
        Ok(Some(Call { method, path, headers, body }))
    }

    /// The next message; nothing where the other side has closed between two.
    async fn hear(&mut self) -> Result<Option<Message>> {
        let end = loop {
            if let Some(at) = self.read.windows(4).position(|four| four == b"\r\n\r\n") {
                break at;
            }
            if self.read.len() > HEAD_BYTES {
                return Err(bad("the head is too long"));
            }
            if self.more().await? == 0 {
                let is_between = self.read.is_empty();
                return if is_between { Ok(None) } else { Err(ErrorKind::UnexpectedEof.into()) };
            }
        };
        let head: Vec<u8> = self.read.drain(..end + 4).collect();
        let head = String::from_utf8(head).map_err(|_| bad("the head is no text"))?;
        let (first, headers) = read_head(&head)?;
        let length = headers.iter().find(|(name, _)| name == "content-length");
        let length = length.map_or(Ok(0), |(_, value)| value.parse::<usize>());
        let length = length.map_err(|_| bad("no length"))?;
        if length > BODY_BYTES {
            return Err(bad("the body is too long"));
        }
        while self.read.len() < length {
            if self.more().await? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
        }
        let body = self.read.drain(..length).collect();
        Ok(Some(Message { first, headers, body }))
    }

    async fn more(&mut self) -> Result<usize> {
        let mut some = [0; 8 * 1024];
        let n = self.stream.read(&mut some).await?;
        self.read.extend_from_slice(&some[..n]);
        Ok(n)
    }
}

type Head = (String, Vec<(String, String)>);

fn read_head(head: &str) -> Result<Head> {
    let mut lines = head.split("\r\n");
    let first = lines.next().unwrap_or_default().to_owned();
    let headers = lines.take_while(|line| !line.is_empty()).map(|line| {
        let (name, value) = line.split_once(':').ok_or_else(|| bad("a header without a colon"))?;
        Ok((name.trim().to_ascii_lowercase(), value.trim().to_owned()))
    });
    Ok((first, headers.collect::<Result<Vec<_>>>()?))
}

fn bad(why: &'static str) -> Error {
    Error::new(ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn echo(_: Arc<()>, call: Call) -> Answer {
        let said = serde_json::json!({
            "method": call.method, "path": call.path, "x": call.header("x-word"), "n": call.body.len(),
        });
        Answer::json(if call.path == "/no" { 410 } else { 200 }, &said)
    }

    #[tokio::test]
    async fn a_call_arrives_whole_and_its_answer_comes_back_over_a_kept_connection() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let client = Client::new(listener.local_addr().unwrap().to_string());
        tokio::spawn(serve(listener, Arc::new(()), echo));
        for n in [0, 1, 100_000] {
            let body = vec![b'x'; n];
            let answer = client.call("POST", "/a", &[("X-Word", "w")], &body).await.unwrap();
            assert_eq!(answer.read()["n"], n);
            assert_eq!(answer.read()["x"], "w");
        }
        assert_eq!(client.get("/no").await.unwrap().status, 410);
        assert_eq!(client.kept.lock().unwrap().len(), 1);
    }

    #[test]
    fn a_head_that_is_none_is_refused() {
        assert!(read_head("GET / HTTP/1.1\r\nno header\r\n\r\n").is_err());
    }
}
