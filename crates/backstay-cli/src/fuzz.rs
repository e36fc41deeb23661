//! What the fuzzer feeds: configuration files, and filters of lists.

use std::path::Path;

use backstay::config::Settings;
use clap::Parser;

use crate::args::filter::Filter;
use crate::settings::document;

/// A configuration file: settings or faults, and every fault says where.
pub fn config_toml(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let (tree, faults) = document::read("backstay.toml", text);
    let resolved = Settings::resolve(&tree, &|_, _| Ok(Some("read".to_owned())), Path::new("/"));
    for fault in faults.iter().chain(&resolved.faults) {
        assert!(!fault.to_string().is_empty() && fault.code.starts_with("BS"));
    }
    let shown = serde_json::to_string(&tree.to_json()).expect("a tree is data");
    serde_json::from_str::<serde_json::Value>(&shown).expect("what is shown is read again");
}

#[derive(Parser)]
struct List {
    #[command(flatten)]
    filter: Filter,
}

/// Flags of a list, one a line. What is accepted is a filter that can be sent.
pub fn list_filter(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    let typed = std::iter::once("list").chain(text.lines());
    let Ok(list) = List::try_parse_from(typed) else { return };
    if let Ok(filter) = list.filter.read() {
        for instant in [filter.since, filter.before].into_iter().flatten() {
            let written = instant.to_string();
            written.parse::<backstay::model::instant::Instant>().expect("what is sent is read");
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::replay::replay;

    #[test]
    fn whatever_was_fed_to_the_readers_of_files_and_flags_is_read_without_harm() {
        replay("config_toml", super::config_toml);
        replay("list_filter", super::list_filter);
    }
}
