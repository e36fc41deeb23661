//! Folds what was raised into as few messages as people can read, and loses no count.
//!
//! The duty hands over new rows of the outbox, with what is known of each incident; it gets back
//! which messages to write, extend or hasten, and how many deaths each group has seen.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::Rule;

/// What a row of the outbox was raised for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cause {
    /// A job died; whether that is news is decided here.
    Death,
    /// A rule that speaks for itself.
    Rule(Rule),
}

impl Cause {
    /// Reads the word of a row; nothing for one that only a newer release knows.
    #[must_use]
    pub fn of(word: &str) -> Option<Self> {
        if word == "death" { Some(Self::Death) } else { word.parse().ok().map(Self::Rule) }
    }

    /// Gives the word of a row.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Death => "death",
            Self::Rule(rule) => rule.as_str(),
        }
    }
}

/// One row of the outbox.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Raised {
    /// Its id.
    pub id: i64,
    /// When it was raised.
    pub raised_at: Timestamp,
    /// What for.
    pub cause: Cause,
    /// What it is about; of a death the fingerprint.
    pub subject: String,
    /// The kind of the job.
    pub kind: Option<String>,
    /// Its queue.
    pub queue: Option<String>,
    /// Why it died.
    pub reason: Option<String>,
    /// The job.
    pub job: Option<i64>,
    /// One line for people.
    pub title: Option<String>,
    /// The state that was raised earlier is over.
    pub resolved: bool,
}

/// What an incident is looked up by.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Subject {
    /// What it was raised for.
    pub cause: Cause,
    /// What it is about.
    pub subject: String,
    /// The kind whose recent deaths are to be counted.
    pub kind: Option<String>,
}

/// What is known of an incident before this round.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Incident {
    /// The group of equal errors, of a death.
    pub group: Option<Group>,
    /// The newest message about it.
    pub told: Option<Told>,
    /// Deaths of the kind within [`Pace::burst_within`], those of this round among them.
    pub kind_deaths: u64,
    /// Different fingerprints among those deaths.
    pub kind_fingerprints: u64,
}

/// A group of equal errors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// What people have done about it.
    pub state: GroupState,
    /// When the last death was counted, before this round.
    pub last_at: Timestamp,
    /// The end of a mute; nothing is for ever.
    pub muted_until: Option<Timestamp>,
    /// Who looks after it.
    pub owner: Option<String>,
}

/// What people have done about a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GroupState {
    /// Nothing yet.
    Open,
    /// Somebody knows about it.
    Acknowledged,
    /// Nobody wants to hear of it.
    Muted,
    /// All its jobs were revived or discarded.
    Empty,
}

impl GroupState {
    /// Reads the word of a row; an unknown one is open, so that it is told.
    #[must_use]
    pub fn of(word: &str) -> Self {
        match word {
            "acknowledged" => Self::Acknowledged,
            "muted" => Self::Muted,
            "empty" => Self::Empty,
            _ => Self::Open,
        }
    }
}

/// The newest message about an incident.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// By which rule.
    pub rule: Rule,
    /// When it was or will be due.
    pub due_at: Timestamp,
    /// Its delivery was tried, so nothing can be added to it.
    pub closed: bool,
    /// It said that the incident is over.
    pub resolved: bool,
    /// Somebody has taken the incident in hand since.
    pub acknowledged: bool,
}

/// How fast people are told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pace {
    /// Between any two messages about one subject.
    pub apart: Duration,
    /// Between two messages of an incident that goes on.
    pub quiet: Duration,
    /// The same for single rules.
    pub quiet_of: BTreeMap<Rule, Duration>,
    /// Rules that nobody is told of.
    pub off: BTreeSet<Rule>,
    /// After so long without a death the next one is news.
    pub again_after: Duration,
    /// So many deaths of a kind ...
    pub burst: u64,
    /// ... within this time are a burst.
    pub burst_within: Duration,
}

impl Default for Pace {
    fn default() -> Self {
        Self {
            apart: Duration::from_secs(60),
            quiet: Duration::from_secs(3600),
            quiet_of: BTreeMap::new(),
            off: BTreeSet::new(),
            again_after: Duration::from_secs(24 * 3600),
            burst: 20,
            burst_within: Duration::from_secs(300),
        }
    }
}

impl Pace {
    /// Gives the time between two messages of an incident of this rule that goes on.
    #[must_use]
    pub fn quiet_of(&self, rule: Rule) -> Duration {
        self.quiet_of.get(&rule).copied().unwrap_or(self.quiet)
    }
}

/// What is to be done.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folding {
    /// Messages to write or change; each for every channel of its routes.
    pub news: Vec<News>,
    /// Deaths to count into their groups.
    pub deaths: Vec<Deaths>,
    /// Rows that nobody is told of: their group is muted, or they say nothing new.
    pub silent: Vec<i64>,
}

/// A message to write or to change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct News {
    /// Why it is told.
    pub rule: Rule,
    /// What it is about.
    pub subject: String,
    /// A new message, or an addition to one that waits.
    pub how: How,
    /// It is over.
    pub resolved: bool,
    /// An incident begins with it: who is told later, if nobody acknowledges it, is told so long after this.
    pub opens: bool,
    /// The rows that are told by it; as many as it counts.
    pub rows: Vec<i64>,
    /// The time of the first row.
    pub first_at: Timestamp,
    /// The newest row, for kind, queue, reason, job and title.
    pub newest: Raised,
    /// Fingerprint of the errors, where all rows have the same.
    pub fingerprint: Option<String>,
}

impl News {
    /// Gives how many deaths, or sightings of a state, it adds.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.rows.len() as u64
    }
}

/// How a message comes into being.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A new one, due after this wait.
    Write {
        /// The wait from now.
        due_in: Duration,
    },
    /// The count of the message that waits under the same subject and this rule grows.
    Extend {
        /// Its rule.
        of: Rule,
    },
    /// The same, and it is due after this wait instead of later, with the rule of the news.
    Hasten {
        /// Its rule until now.
        of: Rule,
        /// The wait from now.
        due_in: Duration,
    },
}

/// Deaths of one group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deaths {
    /// The group.
    pub fingerprint: String,
    /// The kind of its jobs.
    pub kind: String,
    /// Why they died.
    pub reason: String,
    /// The newest title.
    pub title: String,
    /// How many.
    pub count: u64,
    /// The newest job.
    pub sample: i64,
}

/// Lists the incidents that must be looked up before [`fold`].
#[must_use]
pub fn subjects(raised: &[Raised]) -> Vec<Subject> {
    let mut all: Vec<Subject> = raised.iter().map(subject_of).collect();
    let kinds: Vec<String> = raised.iter().filter_map(dead_kind).map(str::to_owned).collect();
    all.extend(kinds.into_iter().map(|kind| burst_of(&kind)));
    all.sort();
    all.dedup();
    all
}

fn subject_of(row: &Raised) -> Subject {
    Subject { cause: row.cause, subject: row.subject.clone(), kind: row.kind.clone() }
}

fn dead_kind(row: &Raised) -> Option<&str> {
    row.kind.as_deref().filter(|_| row.cause == Cause::Death)
}

fn burst_of(kind: &str) -> Subject {
    Subject {
        cause: Cause::Rule(Rule::Burst),
        subject: kind.to_owned(),
        kind: Some(kind.to_owned()),
    }
}

/// Decides who is told what of the rows `raised`, of which none was folded before.
///
/// Every row ends in exactly one message or in [`Folding::silent`], and every death is counted once
/// into its group. Incidents that are missing in `known` are new.
#[must_use]
pub fn fold(
    now: Timestamp,
    raised: &[Raised],
    known: &HashMap<Subject, Incident>,
    pace: &Pace,
) -> Folding {
    let mut lots: BTreeMap<Subject, Vec<&Raised>> = BTreeMap::new();
    for row in raised {
        lots.entry(subject_of(row)).or_default().push(row);
    }
    let unknown = Incident::default();
    let mut folding = Folding::default();
    let mut storms: BTreeMap<Subject, Vec<&Raised>> = BTreeMap::new();
    for (subject, mut rows) in lots {
        rows.sort_by_key(|row| (row.raised_at, row.id));
        let incident = known.get(&subject).unwrap_or(&unknown);
        let told = match subject.cause {
            Cause::Death => {
                folding.deaths.push(deaths(&subject.subject, &rows));
                of_deaths(now, incident, pace)
            }
            Cause::Rule(rule) => of_state(now, rule, incident, is_resolved(&rows), pace),
        };
        match told {
            Tell::Nothing => folding.silent.extend(rows.iter().map(|row| row.id)),
            Tell::Storm => {
                let kind = subject.kind.as_deref().unwrap_or_default();
                storms.entry(burst_of(kind)).or_default().extend(rows);
            }
            Tell::News(rule, _, _) if pace.off.contains(&rule) => {
                folding.silent.extend(rows.iter().map(|row| row.id));
            }
            Tell::News(rule, how, opens) => {
                folding.news.push(News { opens, ..news(rule, &subject.subject, how, &rows) });
            }
        }
    }
    for (subject, mut rows) in storms {
        rows.sort_by_key(|row| (row.raised_at, row.id));
        let incident = known.get(&subject).unwrap_or(&unknown);
        let told = incident.told.as_ref();
        let opens = told
            .is_none_or(|told| told.acknowledged || since(now, told.due_at) >= pace.again_after);
        let how = going_on(now, told, Rule::Burst, pace);
        folding.news.push(News { opens, ..news(Rule::Burst, &subject.subject, how, &rows) });
    }
    folding
}

/// What is told of a lot of rows.
enum Tell {
    Nothing,
    /// One of many different errors of its kind: told together with the others.
    Storm,
    /// By which rule, how, and whether an incident begins with it.
    News(Rule, How, bool),
}

fn of_deaths(now: Timestamp, incident: &Incident, pace: &Pace) -> Tell {
    let rule = match &incident.group {
        None => Some(Rule::First),
        Some(group) if is_muted(group, now) => return Tell::Nothing,
        Some(group) if group.state != GroupState::Open => Some(Rule::Again),
        Some(group) if since(now, group.last_at) >= pace.again_after => Some(Rule::Again),
        Some(_) => None,
    };
    match (rule, &incident.told) {
        (Some(rule), told) => fresh(now, rule, incident, told.as_ref(), pace),
        // Seen before, yet only in a storm or under a mute: nobody was told of it by its name.
        (None, None) => fresh(now, Rule::First, incident, None, pace),
        (None, Some(told)) => repeated(now, incident, told, pace),
    }
}

/// News, unless there is so much different news of this kind that nobody could read it.
fn fresh(
    now: Timestamp,
    rule: Rule,
    incident: &Incident,
    told: Option<&Told>,
    pace: &Pace,
) -> Tell {
    if incident.kind_fingerprints >= pace.burst && !pace.off.contains(&Rule::Burst) {
        return Tell::Storm;
    }
    Tell::News(rule, joined(now, told, pace), true)
}

/// More of what was told: after the quiet time, or at once where it has become a burst meanwhile.
fn repeated(now: Timestamp, incident: &Incident, told: &Told, pace: &Pace) -> Tell {
    let is_burst = incident.kind_deaths >= pace.burst
        && told.rule != Rule::Burst
        && !pace.off.contains(&Rule::Burst)
        && since(now, last_sent(now, told, pace)) >= pace.burst_within;
    let quiet = pace.quiet_of(told.rule);
    let waits = if told.closed { later(told.due_at, quiet) > now } else { told.due_at > now };
    if is_burst && waits {
        return Tell::News(Rule::Burst, joined(now, Some(told), pace), false);
    }
    Tell::News(told.rule, going_on(now, Some(told), told.rule, pace), false)
}

fn of_state(now: Timestamp, rule: Rule, incident: &Incident, resolved: bool, pace: &Pace) -> Tell {
    let told = incident.told.as_ref();
    let is_open = told.is_some_and(|told| !told.resolved);
    match (resolved, is_open) {
        (true, false) => Tell::Nothing,
        (true, true) => Tell::News(rule, at_once(now, told, pace), false),
        (false, false) => Tell::News(rule, at_once(now, told, pace), true),
        // What was taken in hand is past; this is another one.
        (false, true) if told.is_some_and(|told| told.acknowledged) => {
            Tell::News(rule, at_once(now, told, pace), true)
        }
        (false, true) => Tell::News(rule, going_on(now, told, rule, pace), false),
    }
}

/// As soon as the minute since the last message allows; a message that waits for the end of the
/// quiet time is brought forward rather than followed by a second one.
fn at_once(now: Timestamp, told: Option<&Told>, pace: &Pace) -> How {
    let Some(told) = told else { return How::Write { due_in: Duration::ZERO } };
    let due_in = since(later(last_sent(now, told, pace), pace.apart), now);
    if !told.closed && since(told.due_at, now) > pace.apart {
        How::Hasten { of: told.rule, due_in }
    } else {
        How::Write { due_in }
    }
}

/// The same for deaths: what is about to be sent takes them along.
fn joined(now: Timestamp, told: Option<&Told>, pace: &Pace) -> How {
    match told {
        Some(told) if !told.closed && since(told.due_at, now) <= pace.apart => {
            How::Extend { of: told.rule }
        }
        _ => at_once(now, told, pace),
    }
}

/// Into the message that waits, or into one that is due when the quiet time is over.
fn going_on(now: Timestamp, told: Option<&Told>, rule: Rule, pace: &Pace) -> How {
    match told {
        None => How::Write { due_in: Duration::ZERO },
        Some(told) if !told.closed => How::Extend { of: told.rule },
        Some(told) => {
            let due_at = later(told.due_at, pace.quiet_of(rule)).max(now);
            How::Write { due_in: since(due_at, now) }
        }
    }
}

/// When people heard of it last. A message that waits for more than the minute waits for the end of
/// the quiet time, so the one before was due that much earlier.
fn last_sent(now: Timestamp, told: &Told, pace: &Pace) -> Timestamp {
    if !told.closed && since(told.due_at, now) > pace.apart {
        told.due_at.checked_sub(pace.quiet_of(told.rule)).unwrap_or(Timestamp::MIN)
    } else {
        told.due_at
    }
}

fn is_muted(group: &Group, now: Timestamp) -> bool {
    group.state == GroupState::Muted && group.muted_until.is_none_or(|until| until > now)
}

fn is_resolved(rows: &[&Raised]) -> bool {
    rows.last().is_some_and(|row| row.resolved)
}

fn deaths(fingerprint: &str, rows: &[&Raised]) -> Deaths {
    let newest = rows[rows.len() - 1];
    let reason = newest.reason.clone().unwrap_or_default();
    Deaths {
        fingerprint: fingerprint.to_owned(),
        kind: newest.kind.clone().unwrap_or_default(),
        title: newest.title.clone().unwrap_or_else(|| reason.clone()),
        reason,
        count: rows.len() as u64,
        sample: newest.job.unwrap_or_default(),
    }
}

fn news(rule: Rule, subject: &str, how: How, rows: &[&Raised]) -> News {
    let (first, newest) = (rows[0], rows[rows.len() - 1]);
    let same = newest.cause == Cause::Death && rows.iter().all(|row| row.subject == newest.subject);
    News {
        rule,
        subject: subject.to_owned(),
        how,
        resolved: newest.resolved,
        opens: false,
        rows: rows.iter().map(|row| row.id).collect(),
        first_at: first.raised_at,
        fingerprint: same.then(|| newest.subject.clone()),
        newest: newest.clone(),
    }
}

/// The time from `before` to `after`, zero where they stand the other way round.
fn since(after: Timestamp, before: Timestamp) -> Duration {
    Duration::try_from(after.duration_since(before)).unwrap_or(Duration::ZERO)
}

fn later(at: Timestamp, by: Duration) -> Timestamp {
    let by = SignedDuration::try_from(by).unwrap_or(SignedDuration::MAX);
    at.checked_add(by).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests;
