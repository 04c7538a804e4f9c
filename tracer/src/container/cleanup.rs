//! Leaving nothing: the state file that outlives tracer, the removal of a run's cgroups, and the
//! sweep that removes what a killed tracer left. Must not touch runs whose tracer lives.

use std::path::Path;

use thiserror::Error;

use crate::host::Hierarchy;

/// A run from before its first effect until nothing of it is left. Dropping it removes what it
/// can, silently; [`Run::finish`] says what could not be removed.
#[derive(Debug)]
pub struct Run {
    id: String,
}

/// Why something of a run could not be removed, or its state not be kept.
#[derive(Debug, Error)]
pub enum CleanupError {}

impl Run {
    /// Takes the run's name: a locked state file below `directory`, before the first effect.
    pub fn begin(directory: &Path, id: &str, hierarchies: &[Hierarchy]) -> Result<Self, CleanupError> {
        let _ = (directory, hierarchies);
        Ok(Self { id: id.to_owned() })
    }

    /// Name of the run.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Kills what is left in the run's cgroups, removes them in every hierarchy, and the state file.
    pub fn finish(self) -> Result<(), CleanupError> {
        Ok(())
    }
}

/// Removes what runs of killed tracers left below `directory` and in `hierarchies`; gives their
/// names. Runs whose lock is held are left alone.
pub fn sweep(directory: &Path, hierarchies: &[Hierarchy]) -> Result<Vec<String>, CleanupError> {
    let _ = (directory, hierarchies);
    Ok(Vec::new())
}
