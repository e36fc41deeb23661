//! The program that serves a queue: the kinds that it announces, and how each of them runs.

use std::collections::BTreeMap;

use super::way::Way;

/// The program of a queue, which says itself what it runs; a new release may say something else.
pub(crate) struct Served {
    pub(crate) usual: Way,
    /// Kinds for which the settings want other limits, isolation or environment: the same program apart.
    pub(crate) own: BTreeMap<String, Way>,
}

impl Served {
    /// The way of a kind, if the program has announced it.
    pub(crate) fn way(&self, kind: &str) -> Option<&Way> {
        let announces = self.announced().contains_key(kind);
        announces.then(|| self.own.get(kind).unwrap_or(&self.usual))
    }

    /// What the program runs, with the newest version of args that it understands.
    pub(crate) fn announced(&self) -> BTreeMap<String, u32> {
        let Some(ready) = self.usual.pool().and_then(|pool| pool.known()) else {
            return BTreeMap::new();
        };
        let version = |kind: &String| ready.versions.get(kind).copied().unwrap_or(1);
        ready.kinds.iter().map(|kind| (kind.clone(), version(kind))).collect()
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = (Option<&str>, &Way)> {
        let own = self.own.iter().map(|(kind, way)| (Some(kind.as_str()), way));
        own.chain([(None, &self.usual)])
    }
}
