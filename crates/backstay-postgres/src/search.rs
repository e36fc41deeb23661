//! Offers the programs of each source in turn, from the cheapest on, until some are taken.

use std::path::Path;

use crate::cluster::Cluster;
use crate::error::ObtainError;
use crate::fetch;
use crate::locate::{self, Found, Programs};
use crate::options::Options;

/// Why these programs will not do.
pub(crate) enum Refusal {
    /// Nobody here may run them; others may be luckier.
    Identity(Vec<String>),
    /// Something else is wrong, which other programs would not heal.
    Error(ObtainError),
}

/// Offers one candidate after the other, from the cheapest source on, until one is taken.
pub(crate) fn with_programs(
    options: &Options,
    data: &[u32],
    offer: &mut dyn FnMut(&Programs) -> Result<Cluster, Refusal>,
) -> Result<Cluster, ObtainError> {
    let mut search =
        Search { wanted: options.major, data, looked: Vec::new(), denied: None, offer };
    search.looked.push("no private cluster".to_owned());
    let mut found = match &options.pg_bin {
        Some(bin) => named(bin),
        None => locate::installed(),
    };
    if let Some(cluster) = search.offer_all(&mut found)? {
        return Ok(cluster);
    }
    search.looked.push(match &options.pg_bin {
        Some(bin) => format!("no server in {}", bin.display()),
        None => format!("no server in {} places", found.places),
    });
    if options.pg_bin.is_none() {
        let mut cached = fetch::cached();
        if let Some(cluster) = search.offer_all(&mut cached)? {
            return Ok(cluster);
        }
        search.looked.push("cache empty".to_owned());
        found.programs.append(&mut cached.programs);
        if let Some(cluster) = search.fetch(options, &mut found)? {
            return Ok(cluster);
        }
    }
    Err(search.give_up(found))
}

fn named(bin: &Path) -> Found {
    let mut found = Found { places: 1, ..Found::default() };
    match Programs::read(bin, None, "named by you") {
        Ok(programs) => found.programs.push(programs),
        Err(why) => found.reject(bin, &why),
    }
    found
}

struct Search<'a> {
    wanted: Option<u32>,
    data: &'a [u32],
    looked: Vec<String>,
    /// The first candidate that nobody here may run.
    denied: Option<(String, Vec<String>)>,
    offer: &'a mut dyn FnMut(&Programs) -> Result<Cluster, Refusal>,
}

impl Search<'_> {
    fn suits(&self, major: u32) -> bool {
        self.wanted.is_none_or(|wanted| wanted == major)
            && (self.data.is_empty() || self.data.contains(&major))
    }

    fn offer_all(&mut self, found: &mut Found) -> Result<Option<Cluster>, ObtainError> {
        for programs in &found.programs {
            if !self.suits(programs.major) {
                continue;
            }
            match (self.offer)(programs) {
                Ok(cluster) => return Ok(Some(cluster)),
                Err(Refusal::Error(error)) => return Err(error),
                Err(Refusal::Identity(reasons)) => {
                    self.denied.get_or_insert((programs.version.clone(), reasons));
                }
            }
        }
        Ok(None)
    }

    /// One fetch, if it may be and if it can help: programs that nobody may run are here already.
    fn fetch(
        &mut self,
        options: &Options,
        found: &mut Found,
    ) -> Result<Option<Cluster>, ObtainError> {
        if self.denied.is_some() {
            return Ok(None);
        }
        if !options.fetch {
            self.looked.push("fetching is off".to_owned());
            return Ok(None);
        }
        let major = self.wanted.or_else(|| self.data.first().copied());
        match fetch::fetch(major, options.announce) {
            Ok(programs) => {
                let mut fetched = Found { programs: vec![programs], ..Found::default() };
                let cluster = self.offer_all(&mut fetched)?;
                found.programs.append(&mut fetched.programs);
                Ok(cluster)
            }
            Err(mut reasons) => {
                self.looked.append(&mut reasons);
                Ok(None)
            }
        }
    }

    fn give_up(self, found: Found) -> ObtainError {
        if let Some((version, reasons)) = self.denied {
            return ObtainError::NoIdentity { version, reasons: reasons.join("; ") };
        }
        let mut majors: Vec<u32> = found.programs.iter().map(|programs| programs.major).collect();
        majors.dedup();
        if let Some(&data) = self.data.first()
            && !majors.is_empty()
        {
            let found: Vec<String> = majors.iter().map(u32::to_string).collect();
            return ObtainError::OtherMajor { data, found: found.join(", ") };
        }
        ObtainError::NoPostgres { looked: self.looked, rejected: found.rejected }
    }
}
