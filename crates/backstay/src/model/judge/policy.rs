//! The policy by which a job is judged; it travels with the job, so that any worker can judge it.

use std::time::Duration;

use serde_json::{Value, json};

use super::super::bounds;
use super::super::nearest::nearest;
use super::super::outcome::{Attempted, Outcome};
use super::super::retry::{Backoff, LONGEST_WAIT};
use super::super::unit::{format_duration, parse_duration};
use super::oom::OnOom;

/// By which rules a job is judged.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Failures that are retried, 0 to 100; default 10.
    pub max_retries: i16,
    /// The crash at which the job is buried; default 3.
    pub crash_limit: i16,
    /// The lost worker at which the job is buried; default 3.
    pub lost_limit: i16,
    /// Snoozes that are free; default 1,000.
    pub snooze_max: i16,
    /// The wait before a retry.
    pub backoff: Backoff,
    /// Exceptions by error class, exit code or outcome.
    pub on: OnRules,
    /// What follows when memory ran out.
    pub on_oom: OnOom,
    /// Whether the handler may be started again.
    pub restart: Restart,
}

impl Default for Policy {
    fn default() -> Self {
        Self {
            max_retries: 10,
            crash_limit: 3,
            lost_limit: 3,
            snooze_max: 1000,
            backoff: Backoff::default(),
            on: OnRules::default(),
            on_oom: OnOom::default(),
            restart: Restart::Allowed,
        }
    }
}

impl Policy {
    /// Reads the policy of a job as it is stored.
    ///
    /// What cannot be read is taken as not said: a verdict must never fail because of a bad row, and
    /// each door has already refused what is wrong.
    #[must_use]
    pub fn of(max_retries: i16, crash_limit: i16, lost_limit: i16, json: Option<&str>) -> Self {
        let limits = Self { max_retries, crash_limit, lost_limit, ..Self::default() };
        let Some(json) = json else { return limits };
        let Ok(Value::Object(said)) = serde_json::from_str(json) else { return limits };
        Self {
            snooze_max: small(said.get("snooze_max")).unwrap_or(limits.snooze_max),
            backoff: read(said.get("backoff")).unwrap_or_default(),
            on: said.get("on").map(OnRules::lenient).unwrap_or_default(),
            on_oom: said.get("on_oom").map(OnOom::lenient).unwrap_or_default(),
            restart: match said.get("restart").and_then(Value::as_str) {
                Some("never") => Restart::Never,
                _ => Restart::Allowed,
            },
            ..limits
        }
    }
}

fn read<T: serde::de::DeserializeOwned>(value: Option<&Value>) -> Option<T> {
    value.and_then(|value| serde_json::from_value(value.clone()).ok())
}

fn small(value: Option<&Value>) -> Option<i16> {
    value.and_then(Value::as_i64).and_then(|number| i16::try_from(number).ok())
}

/// Whether work may begin a second time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Restart {
    /// As often as the policy allows.
    #[default]
    Allowed,
    /// Once the handler was started, every end but completed, snoozed and cancelled is a death.
    Never,
}

/// Exceptions from the policy, at most 20.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct OnRules(Vec<OnRule>);

/// One exception.
#[derive(Debug, Clone, PartialEq)]
pub struct OnRule {
    /// The ends that are meant.
    pub what: OnWhat,
    /// What follows.
    pub action: OnAction,
}

/// The ends that an exception speaks of, the most exact first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OnWhat {
    /// This error class.
    Error(String),
    /// Every error class that begins like this.
    ErrorLike(String),
    /// This exit code.
    Exit(i32),
    /// This outcome.
    Outcome(Outcome),
}

/// What follows instead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnAction {
    /// A dead letter at once.
    Bury,
    /// Stopped for good.
    Cancel,
    /// At most so many retries, 0 to 100.
    Retries(i16),
    /// This wait instead of the backoff.
    Delay(Duration),
}

impl OnAction {
    /// The action as an `on` map has it.
    pub(crate) fn to_json(self) -> Value {
        match self {
            Self::Bury => "bury".into(),
            Self::Cancel => "cancel".into(),
            Self::Retries(most) => most.into(),
            Self::Delay(wait) => json!({ "delay": format_duration(wait) }),
        }
    }
}

/// Says what is wrong with an `on` map.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct OnError(String);

impl OnError {
    /// Gives the code of this error at every door.
    #[must_use]
    pub fn code(&self) -> &'static str {
        "BS102"
    }
}

impl OnRules {
    /// Reads an `on` map, such as `{"timed_out": "bury", "exit:3": "cancel"}`.
    ///
    /// # Errors
    /// BS102 for an unknown word, with the nearest, or for more than 20 entries.
    ///
    /// ```
    /// use backstay::model::judge::OnRules;
    /// let rules = serde_json::json!({"timed_out": "bury", "error:RateLimited*": {"delay": "5m"}});
    /// assert!(OnRules::parse(&rules).is_ok());
    /// let wrong = OnRules::parse(&serde_json::json!({"timedout": "bury"})).unwrap_err();
    /// assert!(wrong.to_string().contains("did you mean `timed_out`?"));
    /// ```
    pub fn parse(value: &Value) -> Result<Self, OnError> {
        let Value::Object(map) = value else {
            return Err(OnError("`on` is a map from ends to what follows".into()));
        };
        if map.len() > bounds::ON_RULES {
            return Err(OnError(format!(
                "`on` has at most {} entries, this one has {}",
                bounds::ON_RULES,
                map.len()
            )));
        }
        let rules: Result<Vec<_>, _> = map.iter().map(|(key, value)| rule(key, value)).collect();
        Ok(Self::sorted(rules?))
    }

    fn lenient(value: &Value) -> Self {
        let entries = value.as_object().into_iter().flatten();
        let rules = entries.filter_map(|(key, value)| rule(key, value).ok());
        Self::sorted(rules.take(bounds::ON_RULES).collect())
    }

    /// The most exact first: an exact class, then the longest beginning, exit codes, outcomes.
    fn sorted(mut rules: Vec<OnRule>) -> Self {
        rules.sort_by_key(|rule| match &rule.what {
            OnWhat::Error(_) => (0, 0),
            OnWhat::ErrorLike(start) => (1, usize::MAX - start.len()),
            OnWhat::Exit(_) => (2, 0),
            OnWhat::Outcome(_) => (3, 0),
        });
        Self(rules)
    }

    /// Gives what the most exact rule for this end says.
    #[must_use]
    pub fn action(&self, attempted: &Attempted) -> Option<&OnAction> {
        let class = attempted.error_class.as_deref();
        let fits = |what: &OnWhat| match what {
            OnWhat::Error(name) => class == Some(name),
            OnWhat::ErrorLike(start) => class.is_some_and(|class| class.starts_with(start)),
            OnWhat::Exit(code) => attempted.exit_code == Some(*code),
            OnWhat::Outcome(outcome) => attempted.outcome == *outcome,
        };
        self.0.iter().find(|rule| fits(&rule.what)).map(|rule| &rule.action)
    }
}

fn rule(key: &str, value: &Value) -> Result<OnRule, OnError> {
    Ok(OnRule { what: what(key)?, action: action(key, value)? })
}

fn what(key: &str) -> Result<OnWhat, OnError> {
    if let Some(class) = key.strip_prefix("error:") {
        return error_class(key, class);
    }
    if let Some(code) = key.strip_prefix("exit:") {
        let code = code.parse().ok().filter(|code| (0..=255).contains(code));
        return code
            .map(OnWhat::Exit)
            .ok_or_else(|| OnError(format!("`{key}`: an exit code is 0 to 255")));
    }
    match key.parse::<Outcome>() {
        Ok(outcome) if outcome.is_billed() => Ok(OnWhat::Outcome(outcome)),
        Ok(_) => Err(OnError(format!("`{key}` counts against nobody, so no rule can speak of it"))),
        Err(_) => Err(OnError(unknown_end(key))),
    }
}

fn error_class(key: &str, class: &str) -> Result<OnWhat, OnError> {
    let (start, like) = match class.strip_suffix('*') {
        Some(start) => (start, true),
        None => (class, false),
    };
    if start.contains('*') || start.len() > bounds::ERROR_CLASS_BYTES || class.is_empty() {
        return Err(OnError(format!(
            "`{key}`: write the error class after `error:`, with a `*` at its end at most"
        )));
    }
    Ok(if like { OnWhat::ErrorLike(start.into()) } else { OnWhat::Error(start.into()) })
}

fn unknown_end(key: &str) -> String {
    let words = Outcome::ALL.into_iter().filter(|outcome| outcome.is_billed());
    match nearest(key, words.map(Outcome::as_str)) {
        Some(meant) => format!("`{key}` is no end of an attempt; did you mean `{meant}`?"),
        None => format!(
            "`{key}` is no end of an attempt; write an outcome such as `timed_out`, an `exit:3`, or \
             an `error:Class`"
        ),
    }
}

fn action(key: &str, value: &Value) -> Result<OnAction, OnError> {
    let wrong = || {
        OnError(format!(
            "`{key}` may be \"bury\", \"cancel\", a number of retries from 0 to {}, or \
             {{ delay = \"5m\" }}",
            bounds::MAX_RETRIES
        ))
    };
    match value {
        Value::String(word) if word == "bury" => Ok(OnAction::Bury),
        Value::String(word) if word == "cancel" => Ok(OnAction::Cancel),
        Value::Number(_) => small(Some(value))
            .filter(|number| (0..=bounds::MAX_RETRIES).contains(number))
            .map(OnAction::Retries)
            .ok_or_else(wrong),
        Value::Object(map) if map.len() == 1 => {
            let text = map.get("delay").and_then(Value::as_str).ok_or_else(wrong)?;
            let delay =
                parse_duration(text).map_err(|error| OnError(format!("`{key}`: {error}")))?;
            if delay > LONGEST_WAIT {
                return Err(OnError(format!("`{key}`: `{text}` is longer than `7d`")));
            }
            Ok(OnAction::Delay(delay))
        }
        _ => Err(wrong()),
    }
}
