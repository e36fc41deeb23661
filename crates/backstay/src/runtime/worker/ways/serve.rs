//! The ways of kinds that warm programs of any language run: one program of a queue, or one of a kind.

use std::collections::BTreeMap;
use std::sync::Arc;

use backstay_isolate::{Mode, Pool, PoolLimits};
use serde_json::json;

use super::Setting;
use crate::model::config::{EnvSettings, Isolation, KindSettings, QueueSettings, Runner};
use crate::model::limits::InForce;
use crate::runtime::worker::bulkhead;
use crate::runtime::worker::program;
use crate::runtime::worker::served::Served;
use crate::runtime::worker::start::StartError;
use crate::runtime::worker::way::Way;

impl<S: Clone + Send + Sync + 'static> Setting<'_, S> {
    /// The program that serves a whole queue; booted, since it says itself what it runs.
    pub(super) async fn served(
        &mut self,
        queue: &QueueSettings,
        ways: &BTreeMap<String, Way>,
    ) -> Result<Option<Served>, StartError> {
        let Some(Runner::Serve(argv)) = &queue.runner else { return Ok(None) };
        let (usual, terms) = self.serve_pool(queue, None, argv)?;
        self.boot(&usual, queue).await?;
        let mut own = BTreeMap::new();
        let settings = self.settings;
        for kind in &settings.kinds {
            if self.differs(kind, queue) {
                // Not booted ahead: only what the program announces is ever claimed for it.
                let (pool, terms) = self.serve_pool(queue, Some(kind), argv)?;
                own.insert(kind.name.clone(), Way::Child(pool, terms));
            }
        }
        let served = Served { usual: Way::Child(usual, terms), own };
        let twice = served.announced().into_keys().find(|kind| ways.contains_key(kind));
        match twice {
            Some(kind) => Err(StartError::Duplicate { kind, queue: queue.name.clone() }),
            None => Ok(Some(served)),
        }
    }

    /// A program of one kind, booted.
    pub(super) async fn serve_way(
        &mut self,
        queue: &QueueSettings,
        kind: &KindSettings,
        argv: &[String],
    ) -> Result<Way, StartError> {
        let (pool, terms) = self.serve_pool(queue, Some(kind), argv)?;
        self.boot(&pool, queue).await?;
        if let Some(ready) = pool.known().filter(|ready| !ready.kinds.contains(&kind.name)) {
            let message = format!(
                "it announces {}, not the kind `{}` that it stands under",
                if ready.kinds.is_empty() { "no kind".to_owned() } else { ready.kinds.join(", ") },
                kind.name
            );
            return Err(StartError::Boot { queue: queue.name.clone(), message, code: "BS604" });
        }
        Ok(Way::Child(pool, terms))
    }

    fn serve_pool(
        &mut self,
        queue: &QueueSettings,
        kind: Option<&KindSettings>,
        argv: &[String],
    ) -> Result<(Pool, Arc<InForce>), StartError> {
        let isolation = kind.and_then(|kind| kind.isolation).unwrap_or(queue.isolation);
        let jobs = if isolation == Isolation::Fresh { 1 } else { queue.recycle.jobs };
        let limits = bulkhead::limits(queue, kind, self.plan.auto);
        let bounds = PoolLimits { recycle_jobs: jobs, ..bulkhead::of_pool(queue, &limits) };
        let dir = kind.and_then(|kind| kind.dir.clone()).or_else(|| queue.dir.clone());
        let plain = EnvSettings::default();
        let env = [&queue.env, kind.map_or(&plain, |kind| &kind.env)];
        let mut program = program::command(argv.to_vec(), dir, &env, &self.access);
        program.mode = Mode::Warm;
        let used = json!({ "memory_bytes": limits.memory_bytes, "processes": limits.processes });
        let hello = json!({ "worker": self.worker, "queue": queue.name, "limits": used });
        program.hello = serde_json::value::to_raw_value(&hello).ok();
        let launcher = self.launcher()?;
        let terms = bulkhead::in_force(limits, launcher.level());
        Ok((Pool::in_set(launcher, program, bounds, &self.set(queue)), terms))
    }

    /// Says whether the settings want something else for this kind than for its queue's others.
    fn differs(&self, kind: &KindSettings, queue: &QueueSettings) -> bool {
        let limits = |kind| bulkhead::limits(queue, kind, self.plan.auto);
        kind.runner.is_none()
            && (kind.isolation.is_some_and(|isolation| isolation != queue.isolation)
                || kind.env != EnvSettings::default()
                || kind.dir.is_some()
                || limits(Some(kind)) != limits(None))
    }
}
