//! What the kernel side takes: run time of programs, room of the ring and the table, and whether programs
//! are still attached. Owns how it is read; must not judge it.

use std::collections::BTreeMap;
use std::time::Duration;

use aya::programs::loaded_links;

use super::{CollectError, Collector};

/// How often a program has run, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProgramRuns {
    /// Its name in the object.
    pub name: String,
    /// How often.
    pub count: u64,
    /// For how long altogether.
    pub time: Duration,
}

impl Collector {
    /// What the kernel has measured of the programs: nothing, unless `kernel.bpf_stats_enabled` is set or
    /// somebody has asked for it (since 5.1).
    pub fn runs(&mut self) -> Result<Vec<ProgramRuns>, CollectError> {
        let all = self.programs.all()?.filter_map(|(name, program)| {
            let info = program.info().ok()?;
            Some(ProgramRuns {
                name: name.to_owned(),
                count: info.run_count(),
                time: info.run_time(),
            })
        });
        Ok(all.collect())
    }

    /// The programs' links, by the kernel's number, with the name of the program. `None` = the kernel does not
    /// tell (before 5.8).
    pub fn links(&mut self) -> Result<Option<BTreeMap<u32, String>>, CollectError> {
        let programs: BTreeMap<u32, String> = self
            .programs
            .all()?
            .filter_map(|(name, program)| Some((program.info().ok()?.id(), name.to_owned())))
            .collect();
        let mut links = BTreeMap::new();
        for link in loaded_links() {
            let Ok(link) = link else {
                return Ok(None);
            };
            if let Some(name) = programs.get(&link.program_id()) {
                links.insert(link.id(), name.clone());
            }
        }
        Ok(Some(links))
    }
}
