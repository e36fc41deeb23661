//! What the claim loop hears of its programs and passes on: to the log, to the line, and to people.

use std::time::Instant;

use serde_json::{Value, json};

use super::super::control::host_name;
use super::super::pools::{Change, PoolNews};
use super::Claims;
use crate::model::alert::Rule;
use crate::model::event::{self, Event};
use crate::store::{StoreError, alert};

/// An alert that waits for the database.
#[derive(Debug)]
pub(super) struct Raise {
    pub(super) rule: Rule,
    pub(super) subject: String,
    pub(super) kind: Option<String>,
    pub(super) queue: Option<String>,
    pub(super) detail: Value,
}

/// Alerts that wait at most: each stands for a pool or a kind, and the newest matter.
const RAISES: usize = 256;

impl Claims {
    /// A program broke, was mended, or runs other kinds now.
    pub(super) fn hear_of_pool(&mut self, news: PoolNews) {
        let PoolNews { queue, kind, change } = news;
        let subject = match &kind {
            Some(kind) => format!("{queue}/{kind}"),
            None => queue.clone(),
        };
        let detail = match change {
            Change::Announced => None,
            Change::Broken(error) => {
                event::emit(&Event::PoolBroken { queue: subject.clone(), error: error.clone() });
                Some(json!({ "error": error }))
            }
            Change::Mended => {
                event::emit(&Event::PoolMended { queue: subject.clone() });
                Some(json!({ "resolved": true }))
            }
        };
        self.set_kinds();
        self.runner.announce();
        if let Some(detail) = detail {
            let queue = Some(queue);
            self.raise(Raise { rule: Rule::PoolBroken, subject, kind, queue, detail });
        }
    }

    /// What holds the limits of jobs here fails, or works again: meanwhile nothing is claimed.
    pub(super) fn hear_of_level(&mut self, why: Option<String>) {
        let detail = match &why {
            Some(error) => {
                let level = self.runner.level();
                event::emit(&Event::LevelLost { level, error: error.clone() });
                json!({ "error": error, "host": host_name() })
            }
            None => {
                event::emit(&self.runner.level_reached());
                self.look_from_start(Instant::now());
                json!({ "resolved": true })
            }
        };
        self.state.level_lost = why;
        self.publish_admission();
        let (rule, subject) = (Rule::Isolation, "level".to_owned());
        self.raise(Raise { rule, subject, kind: None, queue: None, detail });
    }

    pub(super) fn raise(&mut self, raise: Raise) {
        if self.state.raises.len() < RAISES {
            self.state.raises.push(raise);
        }
    }

    /// Writes the alerts that wait.
    pub(super) async fn write_alerts(&mut self) -> Result<(), StoreError> {
        while let (Some(raise), Some(link)) = (self.state.raises.first(), &self.state.link) {
            let Raise { rule, subject, kind, queue, detail } = raise;
            alert::raise(link, *rule, subject, kind.as_deref(), queue.as_deref(), detail).await?;
            self.state.raises.remove(0);
        }
        Ok(())
    }
}
