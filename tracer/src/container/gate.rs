//! A container whose init has been cloned: waiting for it at the gate, opening the gate, its end.
//! Must not set anything up: that is done by then.

use std::fmt;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendFlags, recv, send};
use rustix::process::{Signal, WaitId, WaitIdOptions, pidfd_send_signal, waitid};
use thiserror::Error;
use tokio::io::unix::AsyncFd;

use super::cleanup::{CleanupError, Run};
use super::handshake::{Handshake, Heard, MESSAGE_LEN, Message};
use super::launch::{LaunchError, way_out};
use super::plan::Step;
use crate::cgroup::Cgroup;

/// A container's init. Dropping it kills what still runs and removes what is left.
#[derive(Debug)]
pub struct Init {
    pub(super) tgid: u32,
    pub(super) pidfd: AsyncFd<OwnedFd>,
    pub(super) socket: AsyncFd<OwnedFd>,
    pub(super) handshake: Handshake,
    pub(super) steps: Vec<Step>,
    pub(super) program: String,
    pub(super) exit: Option<Exit>,
    pub(super) cgroups: Vec<Cgroup>,
    /// Last, so that init has been reaped before its cgroups are removed.
    pub(super) run: Option<Run>,
}

/// How init ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It exited.
    Code(u8),
    /// A signal killed it.
    Signal(u8),
}

impl fmt::Display for Exit {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Code(code) => write!(out, "exit code {code}"),
            Self::Signal(signal) => write!(out, "signal {signal}"),
        }
    }
}

/// Why the payload could not be executed.
#[derive(Debug, Error)]
pub enum ExecError {
    /// There is no such program in the container.
    #[error(
        "the program '{program}' was not found in the container: check its name and the container's PATH"
    )]
    NotFound {
        /// As it was given.
        program: String,
    },
    /// The kernel refused it.
    #[error(
        "executing '{program}' failed: {source}: check that it is executable and made for this machine"
    )]
    Refused {
        /// As it was given.
        program: String,
        /// The kernel's answer.
        source: io::Error,
    },
    /// A signal killed init inside `execve`, where the program's memory is built up.
    #[error(
        "executing '{program}' failed: signal {signal} killed it before its first instruction: a memory or resource limit that is too low for it does this"
    )]
    Killed {
        /// As it was given.
        program: String,
        /// Number of the signal.
        signal: u8,
    },
    /// As a recording tells of it.
    #[error("{error}")]
    Told {
        /// What was said.
        error: String,
        /// Whether there was such a program.
        found: bool,
    },
    /// The answer could not be had.
    #[error(transparent)]
    Lost(#[from] LaunchError),
}

impl ExecError {
    /// Whether there is a program that could not be executed.
    pub fn found(&self) -> bool {
        match self {
            Self::NotFound { .. } => false,
            Self::Told { found, .. } => *found,
            Self::Refused { .. } | Self::Killed { .. } | Self::Lost(_) => true,
        }
    }
}

impl Init {
    /// Its number in tracer's PID namespace.
    pub fn tgid(&self) -> u32 {
        self.tgid
    }

    /// Its pidfd.
    pub fn pidfd(&self) -> BorrowedFd<'_> {
        self.pidfd.get_ref().as_fd()
    }

    /// The container's cgroups, with the kernel's ids of them.
    pub fn cgroups(&self) -> &[Cgroup] {
        &self.cgroups
    }

    /// Waits until init stands at the gate with nothing left but `execve`.
    pub async fn wait_ready(&mut self) -> Result<(), LaunchError> {
        match self.hear().await? {
            Heard::Said(Message::Ready) => Ok(()),
            Heard::Said(Message::StepFailed { step, errno }) => Err(self.failed_step(step, errno)),
            Heard::Said(Message::ExecFailed { .. }) | Heard::Executed | Heard::Gone => {
                let exit = self.wait().await?;
                Err(LaunchError::InitDied { exit })
            }
        }
    }

    /// Lets init go on to `execve`.
    pub fn open_gate(&mut self) -> Result<(), LaunchError> {
        let word = self.handshake.open()?;
        self.send(word, "opening the gate of")
    }

    /// Waits until `execve` has worked or failed. A signal that kills init in that very instant
    /// looks like success here; [`Init::wait`] and the missing exec record tell.
    pub async fn exec_outcome(&mut self) -> Result<(), ExecError> {
        match self.hear().await? {
            Heard::Executed => Ok(()),
            Heard::Said(Message::ExecFailed { errno }) => {
                let program = self.program.clone();
                let source = io::Error::from_raw_os_error(errno);
                Err(if source.kind() == io::ErrorKind::NotFound {
                    ExecError::NotFound { program }
                } else {
                    ExecError::Refused { program, source }
                })
            }
            Heard::Said(_) | Heard::Gone => {
                let exit = self.wait().await?;
                Err(ExecError::Lost(LaunchError::InitDied { exit }))
            }
        }
    }

    /// Waits for init's end and reaps it; the same answer again when called again.
    pub async fn wait(&mut self) -> Result<Exit, LaunchError> {
        if let Some(exit) = self.exit {
            return Ok(exit);
        }
        let ready = self.pidfd.readable().await;
        drop(ready.map_err(|source| self.system("waiting for", source))?);
        self.reap()
    }

    /// SIGKILL; done already is no error.
    pub fn kill(&self) -> Result<(), LaunchError> {
        if self.exit.is_some() {
            return Ok(());
        }
        match pidfd_send_signal(self.pidfd(), Signal::KILL) {
            Ok(()) | Err(Errno::SRCH) => Ok(()),
            Err(errno) => Err(self.system("killing", errno.into())),
        }
    }

    /// Removes everything that is left of the container, killing what still runs.
    pub fn finish(mut self) -> Result<(), CleanupError> {
        self.end();
        self.run.take().map_or(Ok(()), Run::finish)
    }

    pub(super) fn send(&mut self, word: u8, operation: &'static str) -> Result<(), LaunchError> {
        match send(self.socket.get_ref(), &[word], SendFlags::NOSIGNAL) {
            Ok(_) => Ok(()),
            // Init is gone: whoever listens next is told, and how it ended.
            Err(Errno::PIPE) => {
                self.handshake.reset();
                Ok(())
            }
            Err(errno) => Err(self.system(operation, errno.into())),
        }
    }

    async fn hear(&mut self) -> Result<Heard, LaunchError> {
        // One byte more than a message: a longer one is not taken for one.
        let mut buffer = [0_u8; MESSAGE_LEN + 1];
        let read = loop {
            let ready = self.socket.readable().await;
            let mut ready = ready.map_err(|source| self.system("listening to", source))?;
            let attempt = ready.try_io(|socket| {
                let read = recv(socket.get_ref(), &mut buffer, RecvFlags::DONTWAIT);
                read.map(|(length, _)| length).map_err(io::Error::from)
            });
            match attempt {
                Ok(Ok(length)) => break length,
                // A peer that ended with something of ours unread.
                Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionReset => {
                    return Ok(self.handshake.reset());
                }
                Ok(Err(source)) => return Err(self.system("listening to", source)),
                Err(_would_block) => {}
            }
        };
        Ok(self
            .handshake
            .heard(buffer.get(..read).unwrap_or_default())?)
    }

    fn failed_step(&self, index: u32, errno: i32) -> LaunchError {
        let source = io::Error::from_raw_os_error(errno);
        let step = usize::try_from(index)
            .ok()
            .and_then(|index| self.steps.get(index));
        LaunchError::Step {
            step: step.map_or_else(|| format!("walk step {index}"), ToString::to_string),
            way_out: step.map_or("", |step| way_out(step, &source)),
            source,
        }
    }

    fn system(&self, operation: &'static str, source: io::Error) -> LaunchError {
        LaunchError::System {
            operation,
            object: format!("init {}", self.tgid),
            source,
        }
    }

    /// Takes the exit status of a process that has ended, or waits for it.
    fn reap(&mut self) -> Result<Exit, LaunchError> {
        let status = loop {
            match waitid(WaitId::PidFd(self.pidfd()), WaitIdOptions::EXITED) {
                Err(Errno::INTR) => {}
                answer => break answer,
            }
        };
        let status = status.map_err(|errno| self.system("reaping", errno.into()))?;
        let code = |status: &rustix::process::WaitIdStatus| status.exit_status();
        let low = |number: i32| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
        let exit = match status {
            Some(status) => match (code(&status), status.terminating_signal()) {
                (Some(code), _) => Exit::Code(low(code)),
                (None, signal) => Exit::Signal(low(signal.unwrap_or(0))),
            },
            None => return Err(self.system("reaping", io::ErrorKind::WouldBlock.into())),
        };
        self.exit = Some(exit);
        Ok(exit)
    }

    /// Kills and reaps what has not ended yet.
    fn end(&mut self) {
        if self.exit.is_none() && self.kill().is_ok() {
            // A killed init that can't be reaped was reaped by another: it is gone either way.
            let _ = self.reap();
        }
    }
}

impl Drop for Init {
    fn drop(&mut self) {
        self.end();
    }
}
