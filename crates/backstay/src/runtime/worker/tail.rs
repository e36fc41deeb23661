//! What attempts print, on its way to the database: of those that do not complete the newest, and more while somebody looks.

use std::collections::{BTreeMap, HashMap};
use std::time::{Duration, Instant};

use backstay_isolate::{OutputLine, OutputReader, OutputRing, Stream};
use tokio::sync::{mpsc, watch};
use uuid::Uuid;

use crate::model::claim::Claimed;
use crate::model::config::{KeepOutput, Settings};
use crate::model::outcome::Outcome;
use crate::model::printed;
use crate::model::scrub::Scrub;
use crate::runtime::context::Say;
use crate::runtime::ended::Ended;
use crate::runtime::looper::{Dice, Patience};
use crate::store::StoreError;
use crate::store::attempt::{Part, output};
use crate::store::database::{Database, Purpose};
use crate::store::statement::Link;

/// What is stored of one attempt in a second while somebody looks.
const PART_BYTES: usize = 64 * 1024;
/// The second.
const EVERY: Duration = Duration::from_secs(1);
/// Attempts whose output waits for the connection; what comes while that many wait is dropped, for a verdict must not wait
/// for what was printed. Each holds at most a ring of 256 KiB.
const WAITING: usize = 32;
/// Parts of one statement: at most 1 MiB.
const PARTS_AT_ONCE: usize = 16;
/// A connection that nobody needs is closed after this.
const IDLE: Duration = Duration::from_secs(30);
/// A part that cannot be written so often is given up.
const TRIES: usize = 3;
/// At its end a worker writes what waits, but not for longer than this.
const FAREWELL: Duration = Duration::from_secs(3);

/// Until when somebody looks at which job.
pub(crate) type Wishes = HashMap<i64, Instant>;

/// The attempts' end of the line.
pub(crate) struct Tails {
    wishes: watch::Receiver<Wishes>,
    keeper: mpsc::Sender<Rest>,
    /// By kind: the places in its args that are never shown.
    sensitive: BTreeMap<String, Vec<String>>,
    /// By queue: whose output is kept without being asked for.
    keeps: BTreeMap<String, KeepOutput>,
}

/// Output that is to be stored.
struct Rest {
    job: i64,
    attempt: i32,
    /// How many parts there are already.
    parts: i32,
    what: What,
}

enum What {
    /// What came within a second.
    Lines(String),
    /// All that is left of an attempt that has ended.
    All { reader: OutputReader, scrub: Scrub },
}

/// The worker's end: stores what comes, on a connection of its own.
pub(crate) struct Keeper {
    wishes: Option<watch::Sender<Wishes>>,
    rests: mpsc::Receiver<Rest>,
}

pub(crate) fn channel(settings: &Settings) -> (Tails, Keeper) {
    let (sender, wishes) = watch::channel(Wishes::new());
    let (keeper, rests) = mpsc::channel(WAITING);
    let declared = settings.kinds.iter().filter(|kind| !kind.sensitive.is_empty());
    let sensitive = declared.map(|kind| (kind.name.clone(), kind.sensitive.clone())).collect();
    let keeps = settings.queues.iter().map(|queue| (queue.name.clone(), queue.keep_output));
    let tails = Tails { wishes, keeper, sensitive, keeps: keeps.collect() };
    (tails, Keeper { wishes: Some(sender), rests })
}

/// One attempt's output.
pub(crate) struct Tail<'a> {
    tails: &'a Tails,
    wishes: watch::Receiver<Wishes>,
    job: i64,
    attempt: i32,
    /// None until something is printed, where this process prints itself.
    ring: Option<OutputRing>,
    /// Once somebody has looked.
    live: Option<Live>,
}

struct Live {
    reader: OutputReader,
    scrub: Scrub,
    parts: i32,
    due_at: Instant,
}

impl<'a> Tail<'a> {
    pub(crate) fn new(tails: &'a Tails, claimed: &Claimed, ring: Option<OutputRing>) -> Tail<'a> {
        let (job, attempt) = (claimed.info.id, claimed.info.attempt);
        Tail { tails, wishes: tails.wishes.clone(), job, attempt, ring, live: None }
    }

    /// Waits until somebody looks, and a second has passed since the last part.
    ///
    /// # Cancellation
    /// May be dropped at any time.
    pub(crate) async fn due(&mut self) {
        loop {
            self.wishes.mark_unchanged();
            if self.is_wished() {
                let at = self.live.as_ref().map_or_else(Instant::now, |live| live.due_at);
                return tokio::time::sleep_until(at.into()).await;
            }
            if self.wishes.changed().await.is_err() {
                // The worker ends.
                return std::future::pending().await;
            }
        }
    }

    /// Takes what an inline handler says to its log; what it prints goes where the worker prints.
    pub(crate) fn hear(&mut self, say: &Say) {
        let Say::Log { level, message } = say else { return };
        let ring = self.ring.get_or_insert_default();
        for line in message.lines() {
            ring.push(Stream::Log, format!("{level}: {line}\n").as_bytes());
        }
    }

    fn is_wished(&self) -> bool {
        let until = self.wishes.borrow().get(&self.job).copied();
        until.is_some_and(|until| until > Instant::now())
    }

    /// Sends what is new on its way. The first part goes even if it is empty: whoever looks then knows that he is heard.
    pub(crate) fn send(&mut self, claimed: &Claimed) {
        let Ok(place) = self.tails.keeper.try_reserve() else {
            // The database is slow; what is printed waits in the ring.
            self.live.iter_mut().for_each(|live| live.due_at = Instant::now() + EVERY);
            return;
        };
        let (tails, ring) = (self.tails, &mut self.ring);
        let live = self.live.get_or_insert_with(|| Live {
            reader: OutputReader::new(ring.get_or_insert_default()),
            scrub: tails.scrub(claimed),
            parts: 0,
            due_at: Instant::now(),
        });
        live.due_at = Instant::now() + EVERY;
        let text = text(&live.reader.lines(PART_BYTES), &live.scrub);
        if text.is_empty() && live.parts > 0 {
            return;
        }
        let (job, attempt, parts) = (self.job, self.attempt, live.parts);
        live.parts += 1;
        place.send(Rest { job, attempt, parts, what: What::Lines(text) });
    }

    /// Ends the attempt: blanks its texts, and sends the end of its output on its way where it is kept.
    pub(crate) fn end(self, claimed: &Claimed, ended: &mut Ended) {
        let is_completed = ended.attempted.outcome == Outcome::Completed;
        let keeps = self.tails.keeps.get(&claimed.info.queue).copied();
        let keeps = match keeps.unwrap_or_default() {
            KeepOutput::All => true,
            KeepOutput::Failed => !is_completed,
            KeepOutput::None => false,
        };
        let is_seen = self.live.is_some() || self.is_wished();
        if is_completed && !keeps && !is_seen {
            return;
        }
        let Tail { tails, job, attempt, ring, live, .. } = self;
        let ring = ring.unwrap_or_default();
        let (reader, scrub, parts) = match live {
            Some(live) => (live.reader, live.scrub, live.parts),
            None => (OutputReader::new(&ring), tails.scrub(claimed), 0),
        };
        for text in [&mut ended.message, &mut ended.trace, &mut ended.stderr].into_iter().flatten()
        {
            *text = scrub.clean(text).into_owned();
        }
        if !is_seen && (ring.is_empty() || !keeps) {
            return;
        }
        let rest = Rest { job, attempt, parts, what: What::All { reader, scrub } };
        if tails.keeper.try_send(rest).is_err() {
            tracing::debug!(target: "backstay", job_id = job, attempt, "the output of an attempt was dropped: storing is behind");
        }
    }
}

impl Tails {
    fn scrub(&self, claimed: &Claimed) -> Scrub {
        let pointers = self.sensitive.get(&claimed.info.kind).map_or(&[][..], Vec::as_slice);
        Scrub::of(claimed.info.args.get(), pointers)
    }
}

fn text(lines: &[OutputLine], scrub: &Scrub) -> String {
    let mut text = String::new();
    for line in lines {
        printed::write(&mut text, line.at, line.stream.as_str(), &scrub.clean(&line.text));
    }
    text
}

impl Rest {
    fn into_parts(self) -> Vec<Part> {
        let (mut texts, last) = (Vec::new(), matches!(self.what, What::All { .. }));
        match self.what {
            What::Lines(lines) => texts.push(lines),
            What::All { mut reader, scrub } => loop {
                let lines = reader.rest(PART_BYTES);
                // An empty end is an end, too.
                if lines.is_empty() && !texts.is_empty() {
                    break;
                }
                texts.push(text(&lines, &scrub));
                if lines.is_empty() {
                    break;
                }
            },
        }
        let count = texts.len();
        let part = |(n, text)| Part {
            job: self.job,
            attempt: self.attempt,
            part: self.parts + i32::try_from(n).unwrap_or(i32::MAX) + 1,
            last: last && n + 1 == count,
            text,
        };
        texts.into_iter().enumerate().map(part).collect()
    }
}

impl Keeper {
    /// The control thread's end of the wishes.
    pub(crate) fn wishes(&mut self) -> watch::Sender<Wishes> {
        self.wishes.take().unwrap_or_else(|| watch::channel(Wishes::new()).0)
    }

    /// Stores what comes until the worker stops, then what is left.
    pub(crate) async fn run(
        mut self,
        id: Uuid,
        database: Database,
        mut stop: watch::Receiver<bool>,
    ) {
        let mut link = None;
        loop {
            let rest = tokio::select! {
                rest = self.rests.recv() => rest,
                () = tokio::time::sleep(IDLE), if link.is_some() => {
                    link = None;
                    continue;
                }
                _ = stop.wait_for(|stop| *stop) => break,
            };
            let Some(rest) = rest else { return };
            store(id, &database, &mut link, rest).await;
        }
        self.rests.close();
        let farewell = async {
            while let Some(rest) = self.rests.recv().await {
                store(id, &database, &mut link, rest).await;
            }
        };
        if tokio::time::timeout(FAREWELL, farewell).await.is_err() {
            tracing::debug!(target: "backstay", "some output was not stored: the worker ends, and the database is slow");
        }
    }
}

/// Writes one attempt's output; it is evidence, so after a few tries it is given up.
async fn store(id: Uuid, database: &Database, link: &mut Option<Link>, rest: Rest) {
    let parts = rest.into_parts();
    let (mut dice, mut patience) = (Dice::new(id.as_u128()), Patience::default());
    for parts in parts.chunks(PARTS_AT_ONCE) {
        for turn in 1..=TRIES {
            let Err(error) = write(id, database, link, parts).await else { break };
            *link = None;
            if turn == TRIES {
                tracing::warn!(target: "backstay", job_id = parts[0].job, "what a job printed is not kept: {error}");
                return;
            }
            tokio::time::sleep(patience.after_error(&mut dice)).await;
        }
    }
}

async fn write(
    id: Uuid,
    database: &Database,
    link: &mut Option<Link>,
    parts: &[Part],
) -> Result<(), StoreError> {
    if link.is_none() {
        *link = Some(database.open(Purpose::Duty, Some(&id.to_string())).await?);
    }
    let link = link.as_ref().expect("opened a line above");
    output(link, parts).await
}
