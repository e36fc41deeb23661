//! What other settings change while a worker runs, and what of them waits for its next start. Pure.

use std::fmt::Debug;

use backstay::config::{KindSettings, QueueSettings, Settings};

/// The difference between what a worker started with or took over, and what the file says now.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Difference {
    /// Holds from now on.
    pub(super) taken: Vec<String>,
    /// Holds from the next start.
    pub(super) waits: Vec<String>,
}

impl Difference {
    /// One line for the log.
    pub(super) fn line(&self) -> String {
        match (&self.taken[..], &self.waits[..]) {
            ([], []) => "nothing has changed".to_owned(),
            (taken, []) => taken.join(", "),
            ([], waits) => format!("nothing yet; needs a restart: {}", waits.join(", ")),
            (taken, waits) => {
                format!("{}; needs a restart: {}", taken.join(", "), waits.join(", "))
            }
        }
    }
}

/// Compares what a worker started with (`first`), what it goes by (`old`) and what is said now (`new`).
pub(super) fn difference(first: &Settings, old: &Settings, new: &Settings) -> Difference {
    let mut found = Difference::default();
    for queue in &new.queues {
        let named = |known: &&QueueSettings| known.name == queue.name;
        match (first.queues.iter().find(named), old.queues.iter().find(named)) {
            (Some(first), Some(old)) => found.queue(first, old, queue),
            _ => found.waits.push(format!("queue {} is new", queue.name)),
        }
    }
    for kind in &new.kinds {
        match old.kinds.iter().find(|known| known.name == kind.name) {
            Some(old) => found.kind(old, kind, new.worker.apply),
            None => found.waits.push(format!("kind {} is new", kind.name)),
        }
    }
    let gone = |names: Vec<&str>, what: &str| -> Vec<String> {
        names.into_iter().map(|name| format!("{what} {name} is gone")).collect()
    };
    let queues = old.queues.iter().map(|queue| queue.name.as_str());
    let queues = queues.filter(|name| !new.queues.iter().any(|queue| queue.name == *name));
    let kinds = old.kinds.iter().map(|kind| kind.name.as_str());
    let kinds = kinds.filter(|name| !new.kinds.iter().any(|kind| kind.name == *name));
    let (queues, kinds) = (gone(queues.collect(), "queue"), gone(kinds.collect(), "kind"));
    found.waits.extend(queues.into_iter().chain(kinds));
    if old.log.level != new.log.level {
        found.taken.push(format!("log.level {}", new.log.level));
    }
    found.of_the_fleet("bounds", (&old.bounds, &new.bounds), new.worker.apply);
    found.of_the_fleet("strict_kinds", (old.strict_kinds, new.strict_kinds), new.worker.apply);
    found.later("environment", (&old.environment, &new.environment));
    found.later("database", (&old.database, &new.database));
    found.later("worker", (&old.worker, &new.worker));
    found.later("alerts", (&old.alerts, &new.alerts));
    found.later("web", (&old.web, &new.web));
    found.later("retention", (&old.retention, &new.retention));
    let (shape, jobs) = ((&old.log.format, old.log.jobs), (&new.log.format, new.log.jobs));
    found.later("log.format or log.jobs", (shape, jobs));
    found
}

impl Difference {
    fn queue(&mut self, first: &QueueSettings, old: &QueueSettings, new: &QueueSettings) {
        let name = &new.name;
        if old.slots != new.slots {
            self.taken.push(format!("queues.{name}.slots {}", new.slots.min(first.slots)));
        }
        if new.slots > first.slots {
            self.waits.push(format!("queues.{name}.slots above {}", first.slots));
        }
        if old.ageing != new.ageing {
            self.taken.push(format!("queues.{name}.ageing"));
        }
        if old.reserve != new.reserve && new.slots <= first.slots {
            self.taken.push(format!("queues.{name}.reserve"));
        }
        // What is left when the three above are taken out of the comparison.
        let rest = QueueSettings {
            slots: old.slots,
            ageing: old.ageing,
            reserve: old.reserve.clone(),
            ..new.clone()
        };
        self.later(&format!("the rest of queue {name}"), (old, &rest));
    }

    fn kind(&mut self, old: &KindSettings, new: &KindSettings, apply: bool) {
        let name = &new.name;
        let told = (&old.contract, &old.sensitive);
        self.of_the_fleet(
            &format!("contract of kind {name}"),
            (told, (&new.contract, &new.sensitive)),
            apply,
        );
        let rest = KindSettings {
            contract: old.contract.clone(),
            sensitive: old.sensitive.clone(),
            ..new.clone()
        };
        self.later(&format!("the rest of kind {name}"), (old, &rest));
    }

    /// What a worker writes to the database for all, where its settings let it.
    fn of_the_fleet<T: Debug>(&mut self, what: &str, pair: (T, T), apply: bool) {
        if apply && differ(&pair) {
            self.taken.push(what.to_owned());
        } else {
            self.later(what, pair);
        }
    }

    fn later<T: Debug>(&mut self, what: &str, pair: (T, T)) {
        if differ(&pair) {
            self.waits.push(what.to_owned());
        }
    }
}

/// As they are shown: a secret that changed looks the same, and holds from the next start like all around it.
fn differ<T: Debug>((old, new): &(T, T)) -> bool {
    format!("{old:?}") != format!("{new:?}")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use backstay::config::Value;

    use super::*;

    fn settings() -> Settings {
        Settings::from_value(&Value::empty()).unwrap()
    }

    #[test]
    fn what_can_change_is_taken_and_the_rest_is_named() {
        let (first, mut new) = (settings(), settings());
        assert_eq!(difference(&first, &first, &new).line(), "nothing has changed");
        new.queues[0].slots = 2;
        new.log.level = "debug";
        new.queues[0].grace = Duration::from_secs(3);
        new.queues.push(QueueSettings { name: "reports".into(), ..new.queues[0].clone() });
        assert_eq!(
            difference(&first, &first, &new).line(),
            "queues.default.slots 2, log.level debug; \
             needs a restart: the rest of queue default, queue reports is new"
        );
        assert_eq!(
            difference(&first, &new, &first).line(),
            "queues.default.slots 4, log.level info; \
             needs a restart: the rest of queue default, queue reports is gone"
        );
    }

    #[test]
    fn more_slots_than_at_the_start_wait() {
        let (first, mut new) = (settings(), settings());
        new.queues[0].slots = 9;
        let found = difference(&first, &first, &new);
        assert_eq!(found.taken, ["queues.default.slots 4"]);
        assert_eq!(found.waits, ["queues.default.slots above 4"]);
    }
}
