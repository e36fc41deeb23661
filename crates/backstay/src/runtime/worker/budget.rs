//! How many connections a worker and its handlers may open, against what their logins and the server allow.

use crate::model::config::{Isolation, Settings};
use crate::model::event::{self, Event};
use crate::store::StoreError;
use crate::store::backends::{self, Ceilings};
use crate::store::statement::Link;

/// Work, presence and duty: whatever the number of slots.
const OF_WORKER: i64 = 3;
/// What each child is thought to open; the pool of a handler that opens more is the user's to count.
const OF_CHILD: i64 = 1;

/// Says the sum at the start, and warns where it is not covered.
pub(crate) async fn tell(link: &Link, settings: &Settings) -> Result<(), StoreError> {
    let url = settings.worker.handler_database_url.as_ref();
    let login = url.and_then(|url| backends::login_of(url.expose()));
    let ceilings = backends::ceilings(link, login.as_deref()).await?;
    let budget = Budget { children: children(settings), login, ceilings };
    event::emit(&Event::ConnectionBudget { sum: budget.sum(), problem: budget.problem() });
    Ok(())
}

/// Children that can run at once; inline handlers share what the application opens by itself, and addresses open nothing here.
fn children(settings: &Settings) -> i64 {
    let outside = settings
        .queues
        .iter()
        .filter(|queue| queue.isolation != Isolation::Inline && !settings.only_sends(queue));
    outside.map(|queue| i64::from(queue.slots)).sum()
}

struct Budget {
    children: i64,
    /// The login of the handlers, where the settings say it.
    login: Option<String>,
    ceilings: Ceilings,
}

impl Budget {
    fn sum(&self) -> String {
        let limit = |limit: Option<i64>| limit.map_or("no limit".into(), |n| format!("limit {n}"));
        let Ceilings { server, login, own, handlers } = &self.ceilings;
        let ours = format!("{OF_WORKER} of this worker (login `{login}`, {})", limit(*own));
        let theirs = match (&self.login, self.children) {
            (_, 0) => return format!("{ours}, of {server}"),
            (Some(login), _) => format!("login `{login}`, {}", limit(*handlers)),
            (None, _) => "their login is not known".into(),
        };
        format!("{ours} + {} of its handlers, one each ({theirs}), of {server}", self.handlers())
    }

    /// What is not covered first, and what to do.
    fn problem(&self) -> Option<String> {
        let Ceilings { server, login, own, handlers } = &self.ceilings;
        let short = |limit: &Option<i64>, needed| limit.filter(|limit| *limit < needed);
        if let Some(limit) = short(own, OF_WORKER) {
            return Some(format!(
                "`{login}` may open {limit}: alter role {login} connection limit 8"
            ));
        }
        let needed = self.handlers();
        if let (Some(login), Some(limit)) = (&self.login, short(handlers, needed)) {
            return Some(format!(
                "`{login}` may open {limit}: alter role {login} connection limit {needed}, or lower slots"
            ));
        }
        (OF_WORKER + needed > *server).then(|| {
            "the server takes fewer: lower slots, raise max_connections, or put a pooler between".into()
        })
    }

    fn handlers(&self) -> i64 {
        self.children * OF_CHILD
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::config::{Origin, Value};

    #[test]
    fn only_slots_that_start_processes_open_connections_of_their_own() {
        let tree = serde_json::json!({
            "queues": { "a": { "slots": 3 }, "b": { "slots": 5, "isolation": "inline" }, "hooks": { "slots": 50 } },
            "kinds": { "charge": { "queue": "hooks", "http": "https://app.example/" } },
        });
        let tree = Value::from_json(&tree, &Origin::Contract);
        assert_eq!(children(&Settings::from_value(&tree).unwrap()), 3);
    }

    fn budget(children: i64, own: Option<i64>, handlers: Option<i64>) -> Budget {
        let ceilings = Ceilings { server: 97, login: "app_worker".into(), own, handlers };
        Budget { children, login: Some("app_jobs".into()), ceilings }
    }

    #[test]
    fn a_budget_that_is_covered_is_told_with_its_sum() {
        let good = budget(12, Some(8), Some(16));
        assert_eq!(
            good.sum(),
            "3 of this worker (login `app_worker`, limit 8) + 12 of its handlers, one each (login `app_jobs`, limit 16), of 97"
        );
        assert_eq!(good.problem(), None);
        let inline = budget(0, None, None);
        assert_eq!(inline.sum(), "3 of this worker (login `app_worker`, no limit), of 97");
    }

    #[test]
    fn the_first_ceiling_that_is_too_low_is_named_with_its_remedy() {
        let problem = |budget: Budget| budget.problem().unwrap();
        assert!(problem(budget(1, Some(2), None)).contains("alter role app_worker"));
        let handlers = problem(budget(17, Some(8), Some(16)));
        assert!(handlers.contains("alter role app_jobs connection limit 17"), "{handlers}");
        assert!(problem(budget(95, None, None)).contains("max_connections"));
        assert_eq!(budget(94, None, None).problem(), None);
    }
}
