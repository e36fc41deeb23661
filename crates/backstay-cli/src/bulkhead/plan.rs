//! What is to be measured, and how long runaways may run in it.

use std::time::Duration;

use super::jobs::{GRACE, Pace};
use super::runaway::Runaway;

/// What is to be measured.
#[derive(Debug, Clone)]
pub(crate) struct Plan {
    pub(crate) span: Duration,
    /// Requests a second.
    pub(crate) rate: u32,
    pub(crate) runaways: Vec<Runaway>,
    /// Those that are also let loose inside the API.
    pub(crate) inside: Vec<Runaway>,
    pub(crate) repeat: u32,
}

impl Plan {
    /// Two attempts of a runaway that only a timeout ends fit into a run.
    pub(crate) fn pace(&self, runaway: Runaway) -> Pace {
        let spare = GRACE + Duration::from_millis(400);
        let timeout = match runaway {
            // What it leaves in the database is looked for within the run as well.
            Runaway::Sql => self.span * 3 / 5,
            // Their limit ends them; a busy machine may need its time to let them come to it.
            Runaway::Hog | Runaway::Bomb => self.span + Duration::from_secs(20),
            _ => (self.span / 2).saturating_sub(spare),
        };
        Pace { timeout: timeout.max(Duration::from_secs(1)) }
    }
}
