//! One line of `doctor`, wherever its check was made.

use backstay::doctor::{Finding, Health};
use serde::Serialize;
use serde_json::Value as Json;

/// One check, wherever it was made.
#[derive(Debug, Clone, Serialize)]
pub(super) struct Row {
    pub(super) id: &'static str,
    pub(super) health: Health,
    pub(super) finding: String,
    pub(super) remedy: Option<String>,
    /// The figures behind the sentence, where something was measured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) measured: Option<Json>,
}

impl From<Finding> for Row {
    fn from(it: Finding) -> Row {
        let Finding { id, health, finding, remedy, .. } = it;
        Row { id, health, finding, remedy, measured: None }
    }
}
