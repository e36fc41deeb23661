//! Tells the beat what keeps this worker from claiming, so that other processes can say why a job waits.

use serde_json::json;

use super::Claims;
use crate::model::status::Admission;
use crate::runtime::worker::room::Room;

impl Claims {
    /// Says it anew; nobody is bothered where nothing has changed.
    pub(super) fn publish_admission(&self) {
        self.count_standing();
        let braked = self.state.brakes.iter().filter(|(_, brake)| brake.is_on());
        let mut kind_braked: Vec<String> = braked.map(|(kind, _)| kind.clone()).collect();
        kind_braked.sort();
        let container = self.runner.container;
        let admission = Admission {
            brakes: self.state.pace.status().into_iter().chain(self.state.short.status()).collect(),
            pool_broken: self.runner.broken(),
            kind_braked,
            level_lost: self.state.level_lost.clone(),
            memory_budget: Some(self.state.ledger.budget()),
            memory_free: self.state.ledger.free(),
            in_hand: self.in_hand(),
            memory_of_one: self.runner.memory_of_one(),
            by_address: self.runner.by_address(),
            slots: self.rooms.iter().map(Room::slots).collect(),
            processes_most: self.processes_most(),
            container_memory: container.memory_bytes,
            container_processes: container.processes,
        };
        let said = json!(admission).to_string();
        self.admission.send_if_modified(|before| {
            let is_new = *before != said;
            *before = said;
            is_new
        });
    }
    /// Processes and threads of all jobs at once, where every one of them starts as many as it may.
    fn processes_most(&self) -> Option<u64> {
        let starters = self.runner.memory_of_one();
        let starts = |room: &&Room| starters.contains_key(&room.queue.name);
        let most =
            |room: &Room| u64::from(room.queue.slots) * u64::from(room.queue.limits.processes);
        let all: u64 = self.rooms.iter().filter(starts).map(most).sum();
        (all > 0).then_some(all)
    }
}
