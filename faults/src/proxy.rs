//! A TCP proxy before PostgreSQL that makes the way to it late, slow, silent, torn or deaf, while it runs.
//!
//! It knows where messages begin and end, and by which `application_name` a session goes, so that one sort of message or
//! one connection of a worker can be hit and the others not. TLS it declines for the server, as one without TLS would.

use std::collections::VecDeque;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::Runtime;
use tokio::sync::{broadcast, watch};

use self::message::{Kind, Message, Reader};
use self::pump::{Broken, Pump, State, until};
use self::rules::Rules;
pub use self::rules::{Fault, Rule, Way, Which};

pub mod message;
mod pump;
mod rules;

/// So many of the newest connections are remembered.
const REMEMBERED: usize = 10_000;
/// Resets that a connection may be behind.
const RESETS: usize = 64;

/// A proxy on a port of the loopback; it ends with this value, and all its connections with it.
pub struct Proxy {
    port: u16,
    shared: Arc<Shared>,
    runtime: Option<Runtime>,
}

struct Shared {
    server: SocketAddr,
    seed: u64,
    rules: watch::Sender<Rules>,
    resets: broadcast::Sender<Which>,
    seen: Mutex<Seen>,
}

/// The connections that were made, by the names that their sessions gave.
#[derive(Default)]
struct Seen {
    count: u64,
    made: VecDeque<(Instant, String)>,
    open: Vec<(u64, String)>,
}

impl Proxy {
    /// Listens before this server. Chance (of jitter) is the same for the same seed and the same traffic.
    ///
    /// # Errors
    ///
    /// There is no free port, or no thread.
    pub fn start(server: SocketAddr, seed: u64) -> io::Result<Proxy> {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build()?;
        let listener = runtime.block_on(TcpListener::bind((Ipv4Addr::LOCALHOST, 0)))?;
        let port = listener.local_addr()?.port();
        let (rules, resets) = (watch::Sender::new(Rules::none()), broadcast::Sender::new(RESETS));
        let shared = Arc::new(Shared { server, seed, rules, resets, seen: Mutex::default() });
        runtime.spawn(accept(listener, shared.clone()));
        Ok(Proxy { port, shared, runtime: Some(runtime) })
    }

    /// The port on 127.0.0.1.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.port
    }

    /// From now on these faults happen, and no others, on the connections that are and on those that come.
    pub fn set(&self, rules: &[Rule]) {
        self.shared.rules.send_replace(Rules { since: Instant::now(), list: rules.to_vec() });
    }

    /// One fault, in both directions.
    pub fn hurt(&self, which: Which, fault: Fault) {
        self.set(&[Rule { which, way: Way::Both, fault }]);
    }

    /// From now on everything passes; what a silent line held back arrives.
    pub fn heal(&self) {
        self.set(&[]);
    }

    /// Breaks these connections now.
    pub fn reset(&self, which: Which) {
        // An error says that there is none.
        let _none = self.shared.resets.send(which);
    }

    /// Connections that are open now and go by such a name.
    #[must_use]
    pub fn open(&self, which: Which) -> usize {
        self.shared.seen().open.iter().filter(|(_, name)| which.means(Some(name))).count()
    }

    /// The most connections of such a name that were made within any span as long as `span`, since `from`.
    #[must_use]
    pub fn most_made_within(&self, span: Duration, from: Instant, which: Which) -> usize {
        let seen = self.shared.seen();
        let made: Vec<Instant> = seen
            .made
            .iter()
            .filter(|(at, name)| *at >= from && which.means(Some(name)))
            .map(|(at, _)| *at)
            .collect();
        let within =
            |first: Instant| made.iter().filter(|at| (first..first + span).contains(at)).count();
        made.iter().copied().map(within).max().unwrap_or(0)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Seen {
    fn note(&mut self, name: &str) -> u64 {
        self.count += 1;
        if self.made.len() == REMEMBERED {
            self.made.pop_front();
        }
        self.made.push_back((Instant::now(), name.to_owned()));
        self.open.push((self.count, name.to_owned()));
        self.count
    }
}

/// What may break one connection from outside of it.
struct Breaks {
    rules: watch::Receiver<Rules>,
    resets: broadcast::Receiver<Which>,
}

impl Breaks {
    /// Waits until a connection of this name breaks; it has none before it has said it.
    async fn next(&mut self, name: Option<&str>) -> Broken {
        loop {
            let line = self.rules.borrow_and_update().line(name, Instant::now());
            if line.is_broken {
                return Broken;
            }
            tokio::select! {
                changed = self.rules.changed() => if changed.is_err() {
                    return Broken;
                },
                reset = self.resets.recv() => match reset {
                    Ok(which) if !which.means(name) => {}
                    _ => return Broken,
                },
                () = until(line.until) => {}
            }
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((client, _)) = listener.accept().await {
        tokio::spawn(carry(client, shared.clone()));
    }
}

/// One connection, from its first byte to its last.
async fn carry(mut client: TcpStream, shared: Arc<Shared>) {
    let (rules, resets) = (shared.rules.subscribe(), shared.resets.subscribe());
    let mut breaks = Breaks { rules, resets };
    let mut reader = Reader::of_client();
    let begun = tokio::select! {
        begun = begin(&mut client, &mut reader, &shared) => begun,
        broken = breaks.next(None) => Err(broken),
    };
    let Ok((name, first)) = begun else { return tear(&client) };
    let number = shared.seen().note(&name);
    let ended = tokio::select! {
        ended = pass(&mut client, reader, (&name, first), &shared) => ended,
        broken = breaks.next(Some(&name)) => Err(broken),
    };
    shared.seen().open.retain(|(open, _)| *open != number);
    if ended.is_err() {
        tear(&client);
    }
}

/// Reads what comes before a session: its name, and the packet that begins it.
async fn begin(
    client: &mut TcpStream,
    reader: &mut Reader,
    shared: &Shared,
) -> Result<(String, Message), Broken> {
    let mut buffer = [0; 1024];
    let mut rules = shared.rules.subscribe();
    loop {
        if let Some(message) = reader.next_message().map_err(|_| Broken)? {
            match &message.kind {
                Kind::Encryption => {
                    let speaks = |rules: &Rules| !rules.harm(None, Way::ToClient).is_silent;
                    rules.wait_for(speaks).await.map_err(|_| Broken)?;
                    client.write_all(b"N").await.map_err(|_| Broken)?;
                }
                Kind::Startup(name) => return Ok((name.clone(), message)),
                _ => return Ok((String::new(), message)),
            }
            continue;
        }
        match client.read(&mut buffer).await {
            Ok(0) | Err(_) => return Err(Broken),
            Ok(count) => reader.feed(&buffer[..count]),
        }
    }
}

/// Carries a session, both directions at once.
async fn pass(
    client: &mut TcpStream,
    reader: Reader,
    (name, first): (&str, Message),
    shared: &Shared,
) -> Result<(), Broken> {
    let mut server = TcpStream::connect(shared.server).await.map_err(|_| Broken)?;
    // Small messages must not wait for each other, beyond what the rules say.
    drop((client.set_nodelay(true), server.set_nodelay(true)));
    let ended = {
        let (from_client, to_client) = client.split();
        let (from_server, to_server) = server.split();
        let there = Pump {
            from: from_client,
            to: to_server,
            reader,
            way: Way::ToServer,
            name,
            rules: shared.rules.subscribe(),
            state: State::new(shared.seed, Some(first)),
        };
        let back = Pump {
            from: from_server,
            to: to_client,
            reader: Reader::of_server(),
            way: Way::ToClient,
            name,
            rules: shared.rules.subscribe(),
            state: State::new(shared.seed.rotate_left(32), None),
        };
        tokio::try_join!(there.run(), back.run()).map(|_| ())
    };
    if ended.is_err() {
        tear(&server);
    }
    ended
}

/// The next drop sends a reset, as a line that breaks looks to both ends.
fn tear(stream: &TcpStream) {
    // A stream that is gone already needs none.
    let _gone = stream.set_zero_linger();
}

#[cfg(test)]
mod tests;
