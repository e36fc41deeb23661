//! Crash points, armed by the environment, and SQL files that take the place of the product's.
//!
//! `FAULTS_POINTS="settle.before_commit=abort@3;beat.before_send=error(57P01)"`: at the third time the process is aborted,
//! at the first the beat fails. Actions: `abort`, `exit`, `hang` (this task, for ever), `freeze` (the whole process, until it is
//! continued), `lost` (the answer is lost: the connection seems to break), `error(SQLSTATE)`. `@*` is every time.
//! `FAULTS_POINTS_ONCE=FILE`: of all processes only the one acts that makes this file.
//! `FAULTS_POINTS_SEEN=FILE` collects the names of points that were reached.
//! `FAULTS_SQL=DIR`: `DIR/attempt/retry.sql` is sent in place of the product's.

use std::collections::{HashMap, HashSet};
use std::io::Write;
use std::sync::{LazyLock, Mutex};

use rustix::process::{Signal, getpid, kill_process};

use crate::store::StoreError;

/// What the release check looks for: no published program may contain it.
const MARKER: &str = "backstay-failpoints-are-built-in";

#[derive(Debug, Clone, PartialEq, Eq)]
enum Action {
    Abort,
    Exit,
    Hang,
    Freeze,
    Lost,
    Error(String),
}

#[derive(Debug)]
struct Armed {
    action: Action,
    /// At which time it acts, from 1; none: each time.
    at: Option<u32>,
    reached: u32,
}

static ARMED: LazyLock<Mutex<HashMap<String, Armed>>> = LazyLock::new(|| {
    let orders = std::env::var("FAULTS_POINTS").unwrap_or_default();
    let orders = orders.split(';').filter(|order| !order.is_empty());
    Mutex::new(
        orders.map(|order| read(order).unwrap_or_else(|why| panic!("{MARKER}: {why}"))).collect(),
    )
});

static SEEN: LazyLock<Mutex<HashSet<&'static str>>> = LazyLock::new(Mutex::default);

fn read(order: &str) -> Result<(String, Armed), String> {
    let (name, action) = order.split_once('=').ok_or(format!("`{order}` is no `name=action`"))?;
    if !super::POINTS.contains(&name) {
        return Err(format!("there is no point `{name}`"));
    }
    let (action, at) = action.split_once('@').unwrap_or((action, "1"));
    let at = match at {
        "*" => None,
        number => Some(number.parse().map_err(|_| format!("`@{number}` is no number"))?),
    };
    let action = match action {
        "abort" => Action::Abort,
        "exit" => Action::Exit,
        "hang" => Action::Hang,
        "freeze" => Action::Freeze,
        "lost" => Action::Lost,
        other => other
            .strip_prefix("error(")
            .and_then(|rest| rest.strip_suffix(')'))
            .map(|sqlstate| Action::Error(sqlstate.to_owned()))
            .ok_or(format!("`{other}` is no action"))?,
    };
    Ok((name.to_owned(), Armed { action, at, reached: 0 }))
}

/// Whether the commit of a turn goes out by itself, since something will happen before it.
pub(crate) fn is_parted() -> bool {
    let armed = ARMED.lock().expect("nobody panics while holding it");
    armed.keys().any(|name| name.ends_with(".before_commit"))
}

/// Reaches a point where the function around it can wait and fail.
pub(crate) async fn reach(name: &'static str) -> Result<(), StoreError> {
    match strike(name) {
        None => Ok(()),
        Some(Action::Hang) => std::future::pending().await,
        Some(Action::Lost) => {
            Err(StoreError::Unreachable(format!("the answer was lost at `{name}`")))
        }
        Some(Action::Error(sqlstate)) => Err(StoreError::Refused {
            sqlstate,
            message: format!("as armed at `{name}`"),
            detail: None,
            hint: None,
        }),
        Some(action) => {
            end(&action);
            Ok(())
        }
    }
}

/// Reaches a point where nothing can fail: the process can only end or stand still.
pub(crate) fn pass(name: &'static str) {
    if let Some(action) = strike(name) {
        end(&action);
    }
}

/// What happens at this point now, if anything does.
fn strike(name: &'static str) -> Option<Action> {
    debug_assert!(super::POINTS.contains(&name), "{name} is not in the list");
    note(name);
    let mut armed = ARMED.lock().expect("nobody panics while holding it");
    let one = armed.get_mut(name)?;
    one.reached += 1;
    let now = one.at.is_none_or(|at| at == one.reached);
    (now && is_first()).then(|| one.action.clone())
}

/// Whether no other process has acted yet, where only one may.
fn is_first() -> bool {
    std::env::var("FAULTS_POINTS_ONCE").map_or(true, |path| std::fs::File::create_new(path).is_ok())
}

fn end(action: &Action) {
    match action {
        Action::Abort => std::process::abort(),
        Action::Exit => std::process::exit(0),
        // It is this process, so it is there.
        Action::Freeze => drop(kill_process(getpid(), Signal::STOP)),
        Action::Hang => loop {
            std::thread::park();
        },
        Action::Lost | Action::Error(_) => panic!("{MARKER}: nothing can fail at this point"),
    }
}

/// Writes a point down where it is reached first.
fn note(name: &'static str) {
    if !SEEN.lock().expect("nobody panics while holding it").insert(name) {
        return;
    }
    if let Ok(path) = std::env::var("FAULTS_POINTS_SEEN")
        && let Ok(mut file) = std::fs::File::options().append(true).create(true).open(path)
    {
        // The test that reads it will miss the point.
        drop(file.write_all(format!("{name}\n").as_bytes()));
    }
}

/// The text of a file of `sql/`, or of the one that replaces it.
pub(crate) fn text(name: &'static str, text: &'static str) -> &'static str {
    static REPLACED: LazyLock<Mutex<HashMap<&'static str, Option<&'static str>>>> =
        LazyLock::new(Mutex::default);
    static FOLDER: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("FAULTS_SQL").ok());
    let Some(folder) = &*FOLDER else { return text };
    let mut replaced = REPLACED.lock().expect("nobody panics while holding it");
    let own = replaced.entry(name).or_insert_with(|| {
        let text = std::fs::read_to_string(format!("{folder}/{name}.sql")).ok()?;
        Some(Box::leak(text.into_boxed_str()))
    });
    own.unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_order_names_a_point_an_action_and_when() {
        let (name, armed) = read("settle.before_commit=error(40001)@3").unwrap();
        assert_eq!((name.as_str(), armed.at), ("settle.before_commit", Some(3)));
        assert_eq!(armed.action, Action::Error("40001".into()));
        assert_eq!(read("claim.after_commit=abort@*").unwrap().1.at, None);
        assert_eq!(read("claim.after_commit=lost").unwrap().1.at, Some(1));
        for wrong in [
            "claim.after_commit",
            "no.point=abort",
            "claim.after_commit=dance",
            "beat.before_send=abort@x",
        ] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}
