//! Server-sent events: one look a second for all who listen, however many they are; and the output of one job as it comes.

mod difference;
mod output;
mod stream;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use axum::response::Response;
use backstay::Database;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, broadcast};
use tokio_util::sync::CancellationToken;

pub(crate) use output::{Followed, follow};

use crate::problem::Problem;
use difference::Picture;
use stream::{Sender, open};

/// Streams of events at once.
const STREAMS: usize = 1_000;
/// Streams of output, and requests that wait for a job, at once: each of them asks the database itself.
const FOLLOWED: usize = 64;
/// How often is looked.
const LOOK: Duration = Duration::from_secs(1);
/// A comment shows that the stream is alive, to proxies as well.
const BEAT: Duration = Duration::from_secs(15);
/// So much of the past is kept for those who come back.
const PAST: Duration = Duration::from_secs(300);
const PAST_EVENTS: usize = 10_000;
/// Events that a slow listener may be behind, before it is told to read everything again.
const BEHIND: usize = 1_024;

/// What topics there are.
pub(crate) const TOPICS: &[&str] = &["dead", "queues", "workers", "alerts"];

/// Something that happened, ready to be sent.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Told {
    pub(crate) id: u64,
    pub(crate) topic: &'static str,
    pub(crate) name: &'static str,
    pub(crate) queue: Option<String>,
    pub(crate) kind: Option<String>,
    /// JSON on one line.
    pub(crate) data: String,
}

impl Told {
    fn text(&self) -> String {
        format!("id: {}\nevent: {}\ndata: {}\n\n", self.id, self.name, self.data)
    }
}

/// Who listens, and what they were told.
pub(crate) struct Live {
    sender: broadcast::Sender<Arc<Told>>,
    past: Mutex<Past>,
    streams: Arc<Semaphore>,
    followed: Arc<Semaphore>,
    /// At its end the streams end, too.
    stop: CancellationToken,
}

#[derive(Default)]
struct Past {
    told: VecDeque<(Instant, Arc<Told>)>,
    last: u64,
    is_looking: bool,
}

impl Live {
    pub(crate) fn new(stop: CancellationToken) -> Live {
        Live {
            sender: broadcast::Sender::new(BEHIND),
            past: Mutex::default(),
            streams: Arc::new(Semaphore::new(STREAMS)),
            followed: Arc::new(Semaphore::new(FOLLOWED)),
            stop,
        }
    }

    /// A place among those that ask the database again and again.
    pub(crate) fn waiting(&self) -> Result<OwnedSemaphorePermit, Problem> {
        place(&self.followed)
    }

    /// Whether the server ends.
    pub(crate) fn is_stopping(&self) -> bool {
        self.stop.is_cancelled()
    }

    /// Begins to listen; with the number of the last event that somebody heard, what came since, or nothing where that is
    /// forgotten. Starts the look where nobody else listens.
    fn listen(
        self: &Arc<Self>,
        database: &Database,
        since: Option<u64>,
    ) -> (broadcast::Receiver<Arc<Told>>, Option<Vec<Arc<Told>>>) {
        let mut past = self.past.lock().expect("nobody panics while holding it");
        let heard = self.sender.subscribe();
        let missed = since.and_then(|since| past.since(since));
        if !past.is_looking {
            past.is_looking = true;
            tokio::spawn(look(Arc::clone(self), database.clone()));
        }
        (heard, missed)
    }

    /// Tells everybody, and keeps it for those who come back.
    fn tell(&self, events: Vec<Told>) {
        let mut past = self.past.lock().expect("nobody panics while holding it");
        for mut told in events {
            past.last += 1;
            told.id = past.last;
            let told = Arc::new(told);
            past.told.push_back((Instant::now(), Arc::clone(&told)));
            // Nobody listens any more: then nobody misses it.
            let _heard = self.sender.send(told);
        }
        while past.told.len() > PAST_EVENTS
            || past.told.front().is_some_and(|(at, _)| at.elapsed() > PAST)
        {
            past.told.pop_front();
        }
    }

    /// Ends the look where nobody listens; what was seen then says nothing of what comes.
    fn is_alone(&self) -> bool {
        let mut past = self.past.lock().expect("nobody panics while holding it");
        if self.sender.receiver_count() > 0 && !self.stop.is_cancelled() {
            return false;
        }
        past.is_looking = false;
        past.told.clear();
        // A gap, so that nobody takes the next for the one that followed.
        past.last += 1;
        true
    }
}

impl Past {
    fn since(&self, since: u64) -> Option<Vec<Arc<Told>>> {
        let is_whole =
            since == self.last || self.told.front().is_some_and(|(_, told)| told.id <= since + 1);
        let later = self.told.iter().filter(|(_, told)| told.id > since);
        (is_whole && since <= self.last && self.is_looking)
            .then(|| later.map(|(_, told)| Arc::clone(told)).collect())
    }
}

/// Looks once a second as long as somebody listens.
async fn look(live: Arc<Live>, database: Database) {
    let mut last: Option<Picture> = None;
    while !live.is_alone() {
        // A look that fails is made again; whoever listens sees that nothing comes, and `/readyz` says why.
        if let Ok(new) = Picture::now(&database).await {
            if let Some(last) = &last {
                live.tell(new.since(last));
            }
            last = Some(new);
        }
        tokio::select! {
            () = tokio::time::sleep(LOOK) => {}
            () = live.stop.cancelled() => {}
        }
    }
}

/// Takes a place among the streams.
fn place(places: &Arc<Semaphore>) -> Result<OwnedSemaphorePermit, Problem> {
    Arc::clone(places)
        .try_acquire_owned()
        .map_err(|_| Problem::new("BS803", "there are too many open streams").retry_after(5))
}

/// A stream of events for one more listener; `since` is the number of the last that it heard before.
pub(crate) fn events(
    live: &Arc<Live>,
    database: &Database,
    since: Option<u64>,
    wanted: Wanted,
) -> Result<Response, Problem> {
    let place = place(&live.streams)?;
    let (heard, missed) = live.listen(database, since);
    let (sender, response) = open(place);
    tokio::spawn(pass_on(Arc::clone(live), heard, since.is_some(), missed, wanted, sender));
    Ok(response)
}

/// What a listener wants to hear of; nothing said is everything.
#[derive(Debug, Default)]
pub(crate) struct Wanted {
    pub(crate) topics: Vec<String>,
    pub(crate) queues: Vec<String>,
    pub(crate) kinds: Vec<String>,
}

impl Wanted {
    fn is(&self, told: &Told) -> bool {
        let fits = |wanted: &[String], has: Option<&str>| {
            wanted.is_empty() || has.is_some_and(|has| wanted.iter().any(|one| one == has))
        };
        fits(&self.topics, Some(told.topic))
            && fits(&self.queues, told.queue.as_deref())
            && fits(&self.kinds, told.kind.as_deref())
    }
}

/// Everything is to be read again: something was missed.
const RESET: &str = "event: reset\ndata: {}\n\n";

/// Passes events on to one listener until it leaves, or all end.
async fn pass_on(
    live: Arc<Live>,
    mut heard: broadcast::Receiver<Arc<Told>>,
    was_here: bool,
    missed: Option<Vec<Arc<Told>>>,
    wanted: Wanted,
    mut sender: Sender,
) {
    let mut first = "retry: 2000\n: open\n\n".to_owned();
    match missed {
        Some(missed) => {
            missed.iter().filter(|told| wanted.is(told)).for_each(|told| first += &told.text())
        }
        None if was_here => first += RESET,
        None => {}
    }
    if !sender.send(first).await {
        return;
    }
    loop {
        let text = tokio::select! {
            () = live.stop.cancelled() => return,
            () = sender.closed() => return,
            () = tokio::time::sleep(BEAT) => ": still here\n\n".to_owned(),
            told = heard.recv() => match told {
                Ok(told) if wanted.is(&told) => told.text(),
                Ok(_) => continue,
                Err(broadcast::error::RecvError::Lagged(_)) => RESET.to_owned(),
                Err(broadcast::error::RecvError::Closed) => return,
            },
        };
        if !sender.send(text).await {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(topic: &'static str, queue: &str) -> Told {
        Told {
            id: 0,
            topic,
            name: "queue.paused",
            queue: Some(queue.into()),
            kind: None,
            data: "{}".into(),
        }
    }

    #[test]
    fn who_comes_back_hears_what_was_missed_or_that_it_is_forgotten() {
        let live = Live::new(CancellationToken::new());
        live.past.lock().unwrap().is_looking = true;
        live.tell((0..3).map(|_| told("queues", "a")).collect());
        let since = |id: u64| {
            live.past.lock().unwrap().since(id).map(|all| all.iter().map(|told| told.id).collect())
        };
        assert_eq!(since(1), Some(vec![2, 3]));
        assert_eq!(since(3), Some(vec![]));
        assert_eq!(since(4), None::<Vec<u64>>, "of another life of the server");
        live.tell((0..PAST_EVENTS + 5).map(|_| told("queues", "a")).collect());
        assert_eq!(since(1), None, "pushed out by what came later");
        assert!(live.is_alone(), "nobody listens");
        assert_eq!(since(3 + PAST_EVENTS as u64 + 5), None, "nobody looked meanwhile");
    }

    #[test]
    fn a_listener_hears_what_it_asked_for() {
        let wanted =
            Wanted { topics: vec!["queues".into()], queues: vec!["a".into()], kinds: Vec::new() };
        assert!(wanted.is(&told("queues", "a")));
        assert!(!wanted.is(&told("queues", "b")) && !wanted.is(&told("dead", "a")));
        let all = Wanted { topics: Vec::new(), queues: Vec::new(), kinds: Vec::new() };
        assert!(all.is(&told("dead", "b")));
    }
}
