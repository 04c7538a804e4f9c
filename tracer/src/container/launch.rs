//! The parent's side of a launch: cgroups, mounts of the host, `clone3`, maps, `go`. Must not
//! decide anything: the plan has.

use std::os::fd::OwnedFd;

use thiserror::Error;

use super::cleanup::Run;
use super::gate::Init;
use super::plan::Plan;

/// Standard streams of the payload; `None` = tracer's own.
#[derive(Debug, Default)]
pub struct Streams {
    /// Descriptor 0.
    pub stdin: Option<OwnedFd>,
    /// Descriptor 1.
    pub stdout: Option<OwnedFd>,
    /// Descriptor 2.
    pub stderr: Option<OwnedFd>,
}

/// Why a container could not be made.
#[derive(Debug, Error)]
pub enum LaunchError {
    /// A system call of tracer itself.
    #[error("{operation} {object} failed: {source}")]
    System {
        /// What was done.
        operation: &'static str,
        /// To what.
        object: String,
        /// The kernel's answer.
        source: std::io::Error,
    },
}

/// Carries out `plan` up to the moment when init may start its set-up. Whatever fails, what was
/// made so far is removed again.
pub fn launch(plan: Plan, run: Run, streams: Streams) -> Result<Init, LaunchError> {
    let _ = (plan, run, streams);
    Err(LaunchError::System {
        operation: "launching",
        object: "a container".to_owned(),
        source: std::io::Error::from(std::io::ErrorKind::Unsupported),
    })
}
