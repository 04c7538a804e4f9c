//! The command's own process: its start, the signals that are passed on to it, its end.

use std::{
    io,
    os::fd::OwnedFd,
    os::unix::process::ExitStatusExt as _,
    process::{Child, Command, ExitStatus, Stdio},
};

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use tokio::io::unix::AsyncFd;

use super::{Request, VerifyError, Watch};
use crate::{
    container::gate::Exit,
    run::{self, Signals},
    sys::async_fd,
};

/// The command's own process.
pub(super) struct Followed {
    program: String,
    child: Child,
    pidfd: AsyncFd<OwnedFd>,
}

impl Followed {
    pub(super) fn start(request: &Request) -> Result<Self, VerifyError> {
        let program = request.command.first().cloned().unwrap_or_default();
        let failed = |source| VerifyError::Start {
            program: program.clone(),
            source,
        };
        let mut command = Command::new(&program);
        command.args(request.command.iter().skip(1));
        if request.stdout_to_stderr {
            command.stdout(Stdio::from(io::stderr()));
        }
        let mut child = command.spawn().map_err(failed)?;
        let pidfd = i32::try_from(child.id())
            .ok()
            .and_then(Pid::from_raw)
            .ok_or_else(|| io::Error::from(io::ErrorKind::InvalidData))
            .and_then(|pid| Ok(pidfd_open(pid, PidfdFlags::NONBLOCK)?))
            .and_then(async_fd::readable);
        match pidfd {
            Ok(pidfd) => Ok(Self {
                program,
                child,
                pidfd,
            }),
            Err(error) => {
                // It must not go on unobserved.
                let _killed = child.kill().and_then(|()| child.wait());
                Err(failed(error))
            }
        }
    }

    /// Takes records until the command has ended. Signals to tracer are the command's; the second
    /// that asks for the end kills it.
    pub(super) async fn until_end(
        &mut self,
        watch: &mut Watch<'_>,
        signals: &mut Signals,
    ) -> Result<Exit, VerifyError> {
        let mut asked_to_end = false;
        loop {
            tokio::select! {
                // A signal that comes after the command's end is not the command's.
                biased;
                ready = self.pidfd.readable() => {
                    drop(ready);
                    let status = self.child.wait().map_err(|source| VerifyError::Wait {
                        program: self.program.clone(),
                        source,
                    })?;
                    return Ok(exit(status));
                }
                number = signals.next() => {
                    let ends = run::ends(number);
                    let number = if asked_to_end && ends { Signal::KILL.as_raw() } else { number };
                    asked_to_end |= ends;
                    if let Some(signal) = Signal::from_named_raw(number) {
                        let _ended = pidfd_send_signal(self.pidfd.get_ref(), signal);
                    }
                }
                ready = watch.session.collector.ring.readable() => {
                    if ready.is_ok() {
                        watch.follow()?;
                    }
                }
            }
        }
    }
}

fn exit(status: ExitStatus) -> Exit {
    let low = |number: i32| u8::try_from(number & 0xff).unwrap_or(u8::MAX);
    match status.code() {
        Some(code) => Exit::Code(low(code)),
        None => Exit::Signal(low(status.signal().unwrap_or_default())),
    }
}
