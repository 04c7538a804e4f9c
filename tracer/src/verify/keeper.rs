//! Who cleans up behind a tracer that is killed while it holds payloads: a process of its own that
//! waits for tracer's end, and kills who is held then. Owns that wait; who is held, the kernel side's
//! table tells.

use std::{
    io::{self, Write as _},
    os::fd::{AsFd as _, OwnedFd},
    os::unix::process::CommandExt as _,
    process::{Child, Command, Stdio},
};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{PidfdFlags, getppid, pidfd_open};

use super::enforce;
use crate::{collect::scope::Scope, event::Tgid};

/// The hidden word by which the program becomes a keeper.
pub const WORD: &str = "keep-held-payloads";
/// What tracer says at its end, when nobody is held any more.
const NOBODY: [u8; 1] = [0];
/// What it says when somebody may be, and nobody more will.
const NO_MORE: [u8; 1] = [1];
/// How long a tracer that was killed may take to be gone.
const PATIENCE: Timespec = Timespec {
    tv_sec: 10,
    tv_nsec: 0,
};

/// A keeper at work. It ends with this, and kills who is held then unless told that nobody is: to be
/// dropped after the programs that hold.
pub(crate) struct Keeper {
    child: Child,
    tracer: Option<io::PipeWriter>,
}

impl Keeper {
    /// Starts one. Its standard input is the table of tasks and its standard output what it hears
    /// of tracer: so it inherits nothing else.
    pub(crate) fn start(scope: &Scope) -> io::Result<Self> {
        let (hears, tracer) = io::pipe()?;
        let child = Command::new("/proc/self/exe")
            .arg(WORD)
            .stdin(Stdio::from(scope.descriptor().try_clone_to_owned()?))
            .stdout(Stdio::from(hears))
            // What a terminal sends is meant for the command.
            .process_group(0)
            .spawn()?;
        Ok(Self {
            child,
            tracer: Some(tracer),
        })
    }

    /// Nobody is held any more.
    pub(crate) fn nobody_is_held(&mut self) {
        if let Some(mut tracer) = self.tracer.take() {
            // One that has been killed hears nothing, and ends all the same.
            let _unheard = tracer.write_all(&NOBODY);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        if let Some(mut tracer) = self.tracer.take() {
            let _unheard = tracer.write_all(&NO_MORE);
        }
        let _gone = self.child.wait();
    }
}

/// Waits for tracer's end, and kills who is held if that came unannounced.
///
/// # Errors
/// This process was not started by tracer.
pub fn keep() -> Result<(), String> {
    let failed = |error: io::Error| format!("not started by tracer itself: {error}");
    let table = io::stdin().as_fd().try_clone_to_owned().map_err(failed)?;
    let scope = Scope::open(table).map_err(|error| format!("not started by tracer: {error}"))?;
    let tracer = getppid().and_then(|pid| pidfd_open(pid, PidfdFlags::empty()).ok());
    let mut word = NOBODY;
    let heard = rustix::io::read(io::stdout().as_fd(), &mut word);
    if heard.map_err(|errno| failed(errno.into()))? == 0 {
        await_end(tracer.as_ref());
    } else if word == NOBODY {
        return Ok(());
    }
    for (tgid, start_ns) in scope.held() {
        enforce::end(Tgid(tgid), start_ns);
    }
    Ok(())
}

/// Waits until tracer is gone, and its programs with it: its descriptors are closed one after the other, the
/// pipe before them perhaps, and until the last of them somebody more may be held. The kernel tells of the
/// end when all are closed (do_exit() in kernel/exit.c: exit_task_work() before exit_notify()).
fn await_end(tracer: Option<&OwnedFd>) {
    if let Some(tracer) = tracer {
        // One whose end is not told in time leaves the same to be done.
        let _told = poll(&mut [PollFd::new(tracer, PollFlags::IN)], Some(&PATIENCE));
    }
}
