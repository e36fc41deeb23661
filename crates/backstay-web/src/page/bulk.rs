//! Before one verb is done to many: how many they are, and why it is done.

use axum::response::Response;
use serde_json::{Map, Value};

use super::act::ours;
use super::frame::{Frame, respond};
use super::text;
use crate::api::bulk;
use crate::ask::Call;
use crate::problem::Problem;

#[derive(askama::Template)]
#[template(path = "bulk.html")]
struct Bulk {
    frame: Frame,
    verb: &'static str,
    count: usize,
    filter: Map<String, Value>,
    /// The page to go back to.
    back: String,
}

pub(super) async fn show(call: Call) -> Result<Response, Problem> {
    let verb = call.part("verb");
    let known = bulk::VERBS.iter().find(|known| **known == verb);
    let verb = known.ok_or_else(|| {
        Problem::new("BS301", "this is no verb for many").hint(bulk::VERBS.join(", "))
    })?;
    let filter = filter(&call);
    let back = call.query.text("back");
    if filter.is_empty() && back.is_some() {
        return Err(Problem::new("BS102", "nothing is ticked")
            .hint("go back with your browser, and tick the rows that are meant"));
    }
    let place = if matches!(*verb, "revive" | "discard" | "restore") { "dead" } else { "jobs" };
    let frame = Frame::of(&call, place, format!("{verb} many"));
    // Who may act may also wait for a long count.
    let database = if frame.may_operate { &call.service.database } else { call.pages() };
    let count = bulk::count(database, verb, &filter).await?;
    let back = back.map_or_else(|| place.into(), |back| ours(&back).to_owned());
    respond(&Bulk { frame, verb, count, filter, back })
}

/// The filter of the address, as the API takes it.
fn filter(call: &Call) -> Map<String, Value> {
    let mut filter: Map<String, Value> = Map::new();
    for (name, value) in call.query.pairs().iter().filter(|(name, _)| *name != "back") {
        let value = Value::from(value.as_str());
        match filter.get_mut(*name) {
            Some(Value::Array(values)) => values.push(value),
            _ if matches!(*name, "id" | "kind" | "queue" | "tag" | "outcome") => {
                filter.insert((*name).to_owned(), Value::Array(vec![value]));
            }
            _ => _ = filter.insert((*name).to_owned(), value),
        }
    }
    filter
}

impl Bulk {
    fn json(&self) -> String {
        Value::Object(self.filter.clone()).to_string()
    }

    /// What the filter says, for people.
    fn words(&self) -> Vec<(&str, String)> {
        let text = |value: &Value| match value {
            Value::String(text) => text.clone(),
            Value::Array(all) => {
                all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
            }
            other => other.to_string(),
        };
        let rest = self.filter.iter().filter(|(name, _)| *name != "id");
        rest.map(|(name, value)| (name.as_str(), text(value))).collect()
    }

    /// The jobs that were ticked one by one.
    fn ticked(&self) -> Vec<&str> {
        let ids = self.filter.get("id").and_then(Value::as_array).into_iter().flatten();
        ids.filter_map(Value::as_str).collect()
    }

    /// Of what the count is.
    fn what(&self) -> &'static str {
        match self.verb {
            "cancel" => "job that waits or runs",
            "promote" => "job that is scheduled",
            "bury" => "job that waits",
            "restore" => "discarded letter",
            _ => "dead letter",
        }
    }

    fn plural(&self) -> String {
        let (word, rest) = self.what().split_once(' ').unwrap_or((self.what(), ""));
        match (self.count, word) {
            (1, _) => format!("1 {}", self.what()),
            (n, "job") => {
                let rest = rest
                    .replace("waits or runs", "wait or run")
                    .replace("is ", "are ")
                    .replace("waits", "wait");
                format!("{} jobs {rest}", text::grouped(n as u64))
            }
            (n, _) => format!("{} {}s", text::grouped(n as u64), self.what()),
        }
    }
}
