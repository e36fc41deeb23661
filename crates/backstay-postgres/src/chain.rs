//! The order in which a cluster is looked for: running, installed, cached, fetched.

use std::path::{Path, PathBuf};

use crate::cluster::{Cluster, join};
use crate::error::ObtainError;
use crate::fit;
use crate::options::Options;
use crate::own;
use crate::place::{self, Where};
use crate::search::{Refusal, with_programs};
use crate::start;

impl Cluster {
    /// Walks the chain: the running cluster, installed programs, the cache, one announced fetch.
    ///
    /// Blocks: some 50 ms to join, half a second to start, longer for a fetch (300 s at most).
    ///
    /// # Errors
    /// `BS901` with the reason; [`ObtainError::help`] says what to do.
    pub fn obtain(options: Options) -> Result<Cluster, ObtainError> {
        match options.data {
            Where::Own => own::obtain(&options),
            _ => lasting(&options),
        }
    }

    /// Joins a lasting cluster if it runs at this moment. Starts nothing, makes nothing.
    #[must_use]
    pub fn running(place: &Where) -> Option<Cluster> {
        let root = place.root().ok()?;
        join_any(place, &root)
    }
}

/// A lasting cluster, or that of the tests.
fn lasting(options: &Options) -> Result<Cluster, ObtainError> {
    let root = options.data.root()?;
    if options.data != Where::Tests
        && options.major.is_none()
        && let Some(cluster) = join_any(&options.data, &root)
    {
        return Ok(cluster);
    }
    let majors = majors_of_data(options, &root);
    with_programs(options, &majors, &mut |programs| {
        let home = |root: &Path| place::home_of(&options.data, root, programs.major);
        let (here, elsewhere) = (home(&root), home(&place::elsewhere(&root)));
        for existing in [&here, &elsewhere] {
            // What cannot be joined is looked at again, and explained, under the lock of the start.
            if let Ok(Some(cluster)) = join(existing) {
                return Ok(cluster);
            }
        }
        let fit = fit::fit(&here, &elsewhere, options.run_as.as_deref(), programs)
            .map_err(Refusal::Identity)?;
        start::start(&fit, programs, options).map_err(Refusal::Error)
    })
}

/// Joins whatever cluster of this place runs, newest major first.
fn join_any(data: &Where, root: &Path) -> Option<Cluster> {
    let homes = [root.to_path_buf(), place::elsewhere(root)].into_iter().flat_map(|root| {
        let majors = place::majors_in(&root).into_iter();
        majors.map(move |major| place::home_of(data, &root, major)).collect::<Vec<PathBuf>>()
    });
    // A home that is not ours, or not readable, is no cluster of ours.
    homes.into_iter().find_map(|home| join(&home).ok().flatten())
}

/// Data that lasts decides the major; that of tests is made anew for each.
fn majors_of_data(options: &Options, root: &Path) -> Vec<u32> {
    if options.data == Where::Tests || options.major.is_some() {
        return Vec::new();
    }
    let mut majors = place::majors_in(root);
    majors.extend(place::majors_in(&place::elsewhere(root)));
    majors
}
