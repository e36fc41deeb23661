//! How fast this worker claims: slower while the database is in trouble. What was claimed runs on, and verdicts are written as ever.

use std::time::{Duration, Instant, SystemTime};

use serde_json::json;
use tokio::sync::watch;

use super::super::control::host_name;
use super::Claims;
use super::news::Raise;
use crate::model::alert::Rule;
use crate::model::brake::{Brake, BrakeMarks, Change, Trouble};
use crate::model::event::{self, Event};
use crate::model::status::BrakeStatus;
use crate::store::StoreError;

const DATABASE: &str = "database";

/// The brake of the database, and what follows from it.
pub(super) struct Pace {
    brake: Brake,
    /// While it is on, no claim comes before this.
    claim_at: Option<Instant>,
    on_since: SystemTime,
    /// It is on: what can wait does.
    braked: watch::Sender<bool>,
}

impl Pace {
    pub(super) fn new(marks: BrakeMarks) -> Pace {
        let (braked, _) = watch::channel(false);
        Pace { brake: Brake::new(marks), claim_at: None, on_since: SystemTime::UNIX_EPOCH, braked }
    }

    /// For people.
    pub(super) fn status(&self) -> Option<BrakeStatus> {
        let trouble = self.brake.trouble_seen()?;
        Some(BrakeStatus {
            what: DATABASE.to_owned(),
            reason: trouble.to_string(),
            since: self.on_since.try_into().ok()?,
        })
    }
}

impl Claims {
    /// Whether the brake is on, for those beside this loop who can wait.
    pub(crate) fn braked(&self) -> watch::Receiver<bool> {
        self.state.pace.braked.subscribe()
    }

    /// Notes how long a claim took; the next one comes no sooner than the brake allows.
    pub(super) fn note_claim(&mut self, took: Duration) {
        let now = self.state.began.elapsed();
        self.state.pace.brake.claimed(now, took);
        self.step_pace();
        let pace = self.pace();
        self.state.pace.claim_at = self.state.pace.brake.is_on().then(|| Instant::now() + pace);
    }

    /// Notes an error; many that ran out of time say that the database is in trouble.
    pub(super) fn note_error(&mut self, error: &StoreError) {
        if error.is_timeout() {
            self.state.pace.brake.timed_out(self.state.began.elapsed());
        }
    }

    /// From one look to the next.
    pub(super) fn pace(&self) -> Duration {
        self.state.pace.brake.pace(self.settings.poll)
    }

    /// When a claim that is held back may come.
    pub(super) fn held_until(&self) -> Option<Instant> {
        self.state.pace.claim_at.filter(|at| *at > Instant::now())
    }

    /// Hears what the beat saw, and draws the consequences.
    pub(super) fn step_pace(&mut self) {
        if self.is_stepped() {
            return;
        }
        if self.heard.has_changed().unwrap_or(false) {
            let heard = self.heard.borrow_and_update();
            self.state.pace.brake.beaten(heard.took, heard.sessions);
        }
        let now = self.state.began.elapsed();
        match self.state.pace.brake.step(now, self.settings.poll) {
            None => {}
            Some(Change::On(trouble)) => {
                self.state.pace.on_since = SystemTime::now();
                self.state.pace.braked.send_replace(true);
                let reason = trouble.to_string();
                event::emit(&Event::BrakeOn { what: DATABASE, reason });
                self.publish_admission();
            }
            Some(Change::Told(trouble)) => self.tell_of_brake(Some(trouble)),
            Some(Change::Off { lasted, told }) => {
                self.state.pace.claim_at = None;
                self.state.pace.braked.send_replace(false);
                event::emit(&Event::BrakeOff { what: DATABASE, lasted });
                if told {
                    self.tell_of_brake(None);
                }
                self.publish_admission();
            }
        }
    }

    /// Tells people that it lasts, or that it is over.
    fn tell_of_brake(&mut self, trouble: Option<Trouble>) {
        let detail = match trouble {
            Some(trouble) => {
                let waited = self.state.pace.on_since.elapsed().unwrap_or_default();
                json!({
                    "reason": trouble.to_string(),
                    "host": host_name(),
                    "waited_ms": u64::try_from(waited.as_millis()).unwrap_or(u64::MAX),
                })
            }
            None => json!({ "resolved": true }),
        };
        let (rule, subject) = (Rule::Brake, DATABASE.to_owned());
        self.raise(Raise { rule, subject, kind: None, queue: None, detail });
    }
}
