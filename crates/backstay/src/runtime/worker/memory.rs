//! How much memory the jobs of this worker share, and whether its settings promise more than that.

use crate::model::admit;
use crate::model::config::{Isolation, Memory, Overcommit, QueueSettings, Settings};
use crate::model::limits::auto_memory;
use crate::model::unit::format_size;

/// The memory of all jobs together, and of one of which nothing is said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Plan {
    pub(crate) budget: u64,
    pub(crate) auto: u64,
    /// The most that a job of any queue or kind may use, where it asks for no more itself.
    pub(crate) largest: u64,
}

/// Finds both; what is promised in vain is an error that says the sum.
pub(crate) fn plan(settings: &Settings) -> Result<Plan, String> {
    // A host that does not say what it has gets the least that makes sense.
    plan_within(settings, backstay_isolate::usable_memory().unwrap_or(0))
}

fn plan_within(settings: &Settings, limit: u64) -> Result<Plan, String> {
    let given = match settings.worker.memory_budget {
        Memory::Auto => admit::budget(limit, settings.worker.memory_reserve),
        Memory::Bytes(bytes) => bytes,
    };
    let slots = sharing(settings).map(|queue| u32::from(queue.slots)).sum();
    let auto = auto_memory(given, slots);
    // `auto` never refuses, so one such job always has room.
    let plan = Plan { budget: given.max(auto), auto, largest: largest(settings, auto) };
    one_fits(settings, plan)?;
    if settings.worker.overcommit == Overcommit::Refuse {
        all_fit(settings, plan)?;
    }
    Ok(plan)
}

/// Queues whose jobs use memory here; what an address does uses none.
fn sharing(settings: &Settings) -> impl Iterator<Item = &QueueSettings> {
    settings.queues.iter().filter(|queue| !settings.only_sends(queue))
}

fn largest(settings: &Settings, auto: u64) -> u64 {
    let queues = settings.queues.iter().map(|queue| queue.limits.memory);
    let kinds = settings.kinds.iter().filter_map(|kind| kind.limits.memory);
    let bytes = queues.chain(kinds).map(|memory| match memory {
        Memory::Auto => auto,
        Memory::Bytes(bytes) => bytes,
    });
    bytes.max().unwrap_or(auto)
}

/// A job that is larger than everything together would never start.
fn one_fits(settings: &Settings, plan: Plan) -> Result<(), String> {
    let queues = settings.queues.iter().map(|queue| ("queue", &queue.name, queue.limits.memory));
    let kinds =
        settings.kinds.iter().filter_map(|kind| Some(("kind", &kind.name, kind.limits.memory?)));
    for (what, name, memory) in queues.chain(kinds) {
        if let Memory::Bytes(bytes) = memory
            && bytes > plan.budget
        {
            return Err(format!(
                "a job of {what} `{name}` may use {}, and all jobs together {}; lower its `memory`, or raise `memory_budget`",
                format_size(bytes),
                format_size(plan.budget)
            ));
        }
    }
    Ok(())
}

/// Written sizes are a promise: with every slot busy they must fit.
fn all_fit(settings: &Settings, plan: Plan) -> Result<(), String> {
    let promised: Vec<(&QueueSettings, u64)> =
        sharing(settings).filter_map(|queue| Some((queue, written(queue)?))).collect();
    let sum: u64 = promised.iter().map(|(queue, bytes)| u64::from(queue.slots) * bytes).sum();
    if sum <= plan.budget {
        return Ok(());
    }
    let terms: Vec<String> = promised
        .iter()
        .map(|(queue, bytes)| format!("`{}` {} x {}", queue.name, queue.slots, format_size(*bytes)))
        .collect();
    Err(format!(
        "the queues promise {} of memory ({}), and all jobs together may use {}; lower `slots` or `memory`, or set `overcommit = \"wait\"`",
        format_size(sum),
        terms.join(", "),
        format_size(plan.budget)
    ))
}

fn written(queue: &QueueSettings) -> Option<u64> {
    match queue.limits.memory {
        Memory::Bytes(bytes) if queue.isolation != Isolation::Inline => Some(bytes),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::config::{Origin, Value};

    const GIB: u64 = 1 << 30;

    fn settings(json: serde_json::Value) -> Settings {
        Settings::from_value(&Value::from_json(&json, &Origin::Contract)).unwrap()
    }

    #[test]
    fn auto_shares_what_there_is_and_never_refuses() {
        let many = settings(json!({ "queues": { "a": { "slots": 500 } } }));
        let plan = plan_within(&many, 64 << 20).unwrap();
        assert_eq!(plan, Plan { budget: 128 << 20, auto: 128 << 20, largest: 128 << 20 });
        let few = settings(json!({ "queues": { "a": { "slots": 4 } } }));
        assert_eq!(plan_within(&few, 64 * GIB).unwrap().auto, 512 << 20);
    }

    #[test]
    fn written_sizes_that_do_not_fit_together_are_refused_with_their_sum() {
        let queues =
            json!({ "a": { "slots": 2, "memory": "1GiB" }, "b": { "slots": 1, "memory": "2GiB" } });
        let refused = plan_within(&settings(json!({ "queues": queues })), 4 * GIB).unwrap_err();
        assert!(
            refused.contains("promise 4GiB of memory (`a` 2 x 1GiB, `b` 1 x 2GiB)"),
            "{refused}"
        );
        let waits = json!({ "queues": queues, "worker": { "overcommit": "wait" } });
        assert!(plan_within(&settings(waits), 4 * GIB).is_ok());
        let given = json!({ "queues": queues, "worker": { "memory_budget": "4GiB" } });
        let plan = plan_within(&settings(given), 1).unwrap();
        assert_eq!((plan.budget, plan.largest), (4 * GIB, 2 * GIB));
    }

    #[test]
    fn slots_that_only_send_requests_share_no_memory() {
        let http = json!({ "http": "https://app.example/" });
        let plan = |kinds: serde_json::Value| {
            let queues = json!({ "a": { "slots": 2 }, "hooks": { "slots": 50, "memory": "1GiB" } });
            plan_within(&settings(json!({ "queues": queues, "kinds": kinds })), 2 * GIB)
        };
        let of = |queue: &str| json!({ "http": http["http"], "queue": queue });
        assert_eq!(plan(json!({ "charge": of("hooks") })).unwrap().auto, 512 << 20);
        let mixed =
            json!({ "charge": of("hooks"), "render": { "command": ["true"], "queue": "hooks" } });
        assert!(plan(mixed).unwrap_err().contains("`hooks` 50 x 1GiB"));
    }

    #[test]
    fn a_job_that_could_never_start_is_refused_also_where_others_wait() {
        let kinds = json!({ "export": { "queue": "a", "command": ["true"], "memory": "8GiB" } });
        let tree =
            json!({ "queues": { "a": {} }, "kinds": kinds, "worker": { "overcommit": "wait" } });
        let refused = plan_within(&settings(tree), 4 * GIB).unwrap_err();
        assert!(refused.starts_with("a job of kind `export` may use 8GiB"), "{refused}");
    }
}
