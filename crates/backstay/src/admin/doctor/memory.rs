//! Whether the memory that kinds may use fits what their attempts had.

use super::{Finding, blind, count};
use crate::model::account::size;
use crate::model::peak::PeakStatus;
use crate::model::status::KindStatus;
use crate::model::unit::format_size;
use crate::store::database::Database;
use crate::store::inspect;

/// More lines of one sort say nothing new.
const LINES: usize = 5;

pub(super) async fn check(database: &Database) -> Vec<Finding> {
    match inspect::list_kinds(database).await {
        Ok(kinds) => judge(&kinds),
        Err(error) => vec![blind("memory", &error)],
    }
}

/// Nothing is said before there are attempts enough.
fn judge(kinds: &[KindStatus]) -> Vec<Finding> {
    let known = kinds.iter().filter_map(|kind| Some((kind.name.as_str(), kind.memory.as_ref()?)));
    let known: Vec<(&str, &PeakStatus)> =
        known.filter(|(_, memory)| memory.suggested_bytes.is_some()).collect();
    if known.is_empty() {
        return Vec::new();
    }
    let tight = known.iter().filter(|(_, memory)| memory.is_tight()).take(LINES);
    let mut found: Vec<Finding> = tight.map(|(name, memory)| too_little(name, memory)).collect();
    if found.is_empty() {
        found.push(Finding::ok("memory", fits(&known)));
    }
    found
}

fn too_little(name: &str, memory: &PeakStatus) -> Finding {
    let (attempts, limit) = (count(memory.attempts, "attempt"), memory.limit_bytes.unwrap_or(0));
    let finding =
        format!("1 in 100 of {attempts} of kind `{name}` came close to its {}", size(limit));
    let fits = format_size(memory.suggested_bytes.unwrap_or(0));
    Finding::warn("memory", finding, format!("write memory = \"{fits}\" under [kinds.{name}]"))
}

fn fits(known: &[(&str, &PeakStatus)]) -> String {
    let kinds = count(known.len() as u64, "kind");
    let mut text = format!("the memory limits of {kinds} fit what was used");
    let ample = known.iter().filter(|(_, memory)| memory.is_ample());
    let most = ample.max_by_key(|(_, memory)| memory.limit_bytes);
    if let Some((name, memory)) = most {
        let (fits, limit) = (memory.suggested_bytes.unwrap_or(0), memory.limit_bytes.unwrap_or(0));
        text += &format!(
            "; for `{name}` {} would do in place of {} (backstay kinds list)",
            size(fits),
            size(limit)
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::super::Health;
    use super::*;

    fn kind(name: &str, p99: u64, limit: u64, fits: Option<u64>) -> KindStatus {
        let mib = |n: u64| n << 20;
        let bounded = serde_json::json!({ "count": 0, "more": false });
        serde_json::from_value(serde_json::json!({
            "name": name, "declared": true, "declared_at": null, "contract": {}, "workers": 1,
            "parked": bounded, "running": bounded, "dead": bounded, "paused": null,
            "memory": { "attempts": 1204, "p99_bytes": mib(p99), "limit_bytes": mib(limit), "suggested_bytes": fits.map(mib) },
        }))
        .unwrap()
    }

    #[test]
    fn a_kind_that_comes_close_to_its_limit_is_told_with_one_that_fits() {
        let found = judge(&[kind("render", 576, 512, Some(864)), kind("mail", 20, 512, Some(32))]);
        let [finding] = &found[..] else { panic!("{found:?}") };
        assert_eq!(finding.health, Health::Warn);
        assert_eq!(
            finding.finding,
            "1 in 100 of 1204 attempts of kind `render` came close to its 512 MiB"
        );
        let remedy = "write memory = \"864MiB\" under [kinds.render]";
        assert_eq!(finding.remedy.as_deref(), Some(remedy));
    }

    #[test]
    fn what_is_far_too_much_is_said_where_all_is_well_and_nothing_before_much_has_run() {
        assert_eq!(judge(&[kind("mail", 20, 512, None)]), []);
        let found = judge(&[kind("mail", 20, 512, Some(32)), kind("render", 300, 512, Some(450))]);
        assert_eq!(
            found,
            [Finding::ok(
                "memory",
                "the memory limits of 2 kinds fit what was used; for `mail` 32 MiB would do in place of 512 MiB \
                 (backstay kinds list)"
            )]
        );
    }
}
