//! `backstay alerts test`: sends a test alert through the channels of the settings, and says what each answered.

use backstay::Channels;
use backstay::config::Settings;
use backstay::model::nearest::nearest;
use serde_json::json;

use super::connect;
use crate::args::AlertsTestArgs;
use crate::failure::{Exit, Failure};
use crate::print::{Printer, Table, visible};
use crate::settings::{self, Environment, Need, Sources};

/// The channels of the settings.
pub(crate) fn channels(settings: &Settings) -> Result<Channels, Failure> {
    backstay_alert::channels(&settings.alerts)
        .map_err(|error| Failure::new(error.code(), error.to_string()))
}

pub(crate) fn test(
    args: &AlertsTestArgs,
    sources: &Sources,
    environment: &Environment,
    printer: &Printer,
) -> Result<Exit, Failure> {
    let settings = settings::load(sources, environment, Need::Everything)?.checked()?.settings;
    let channels = channels(&settings)?;
    let names = wanted(&channels, args.channel.as_deref())?;
    let answers = connect::runtime()?.block_on(async {
        let mut answers = Vec::new();
        for name in names {
            let answer =
                backstay_alert::test(&*channels.by_name[&name], settings.environment.as_deref())
                    .await;
            answers.push((name, answer));
        }
        answers
    });
    let is_done = answers.iter().all(|(_, answer)| answer.is_ok());
    if printer.is_json() {
        let items: Vec<_> = answers
            .iter()
            .map(|(name, answer)| match answer {
                Ok(took) => json!({ "channel": name, "ok": true, "took_ms": took.as_millis() }),
                Err(error) => json!({ "channel": name, "ok": false, "error": error.to_string() }),
            })
            .collect();
        printer.json(&json!({ "items": items }));
    } else {
        let mut table = Table::new(&["CHANNEL", "ANSWER", "IN"]);
        for (name, answer) in &answers {
            match answer {
                Ok(took) => table.row([
                    name.clone(),
                    "accepted".to_owned(),
                    format!("{} ms", took.as_millis()),
                ]),
                Err(error) => table.row([name.clone(), visible(&error.to_string()), String::new()]),
            }
        }
        printer.table(&table);
    }
    Ok(if is_done { Exit::Done } else { Exit::NotDone })
}

/// The channel that was named, or all of them.
fn wanted(channels: &Channels, named: Option<&str>) -> Result<Vec<String>, Failure> {
    let known: Vec<String> = channels.by_name.keys().cloned().collect();
    match named {
        None if known.is_empty() => {
            Err(Failure::new("BS403", "no alert channel is set up; alerts go to the log only")
                .hint("add one below [alerts.channels]")
                .exit(Exit::NotDone))
        }
        None => Ok(known),
        Some(name) if known.iter().any(|known| known == name) => Ok(vec![name.to_owned()]),
        Some(name) => {
            let failure = Failure::new("BS404", format!("there is no alert channel `{name}`"))
                .exit(Exit::Usage);
            Err(match nearest(name, known.iter().map(String::as_str)) {
                Some(word) => failure.hint(format!("did you mean `{word}`?")),
                None => failure,
            })
        }
    }
}
