//! A container whose init has been cloned: waiting for it at the gate, opening the gate, its end.
//! Must not set anything up: that is done by then.

use std::os::fd::OwnedFd;

use thiserror::Error;

use super::cleanup::Run;
use super::launch::LaunchError;

/// A container's init.
#[derive(Debug)]
pub struct Init {
    pub(super) tgid: u32,
    pub(super) pidfd: OwnedFd,
    pub(super) socket: OwnedFd,
    pub(super) run: Run,
}

/// How init ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited.
    Code(u8),
    /// A signal killed it.
    Signal(i32),
}

/// Why the payload could not be executed.
#[derive(Debug, Error)]
#[error("executing '{program}' failed: {source}")]
pub struct ExecError {
    /// The program as it was given.
    pub program: String,
    /// The kernel's answer.
    pub source: std::io::Error,
}

impl Init {
    /// Its number in tracer's PID namespace.
    pub fn tgid(&self) -> u32 {
        self.tgid
    }

    /// Waits until init stands at the gate with nothing left but `execve`.
    pub async fn wait_ready(&mut self) -> Result<(), LaunchError> {
        let _ = (&self.pidfd, &self.socket);
        Ok(())
    }

    /// Lets init go on to `execve`.
    pub fn open_gate(&mut self) -> Result<(), LaunchError> {
        Ok(())
    }

    /// Waits until `execve` has worked or failed.
    pub async fn exec_outcome(&mut self) -> Result<(), ExecError> {
        Ok(())
    }

    /// Waits for init's end and reaps it.
    pub async fn wait(&mut self) -> Result<Exit, LaunchError> {
        Ok(Exit::Code(0))
    }

    /// SIGKILL; done already is no error.
    pub fn kill(&self) -> Result<(), LaunchError> {
        Ok(())
    }

    /// Removes everything that is left of the container. Call after [`Init::wait`].
    pub fn finish(self) -> Result<(), super::cleanup::CleanupError> {
        self.run.finish()
    }
}
