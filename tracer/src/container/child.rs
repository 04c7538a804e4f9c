//! Init between `clone3` and `execve`: it walks prepared steps and stands at the gate. Between
//! those two calls it allocates nothing, logs nothing and takes no lock; whatever fails goes up
//! as one message. Must not decide anything: the plan has.

mod mounts;

use std::ffi::CString;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{self, CWD, Mode, OFlags};
use rustix::io::Errno;
use rustix::process::{self as proc, Signal};
use rustix::thread::{self, CapabilitySet, CapabilitySets, Gid, Uid};

use super::handshake::{GO, Message, OPEN};
use super::launch::Streams;
use super::plan::Step;
use crate::event::NamespaceKind;
use crate::sys;
use crate::sys::process::{Rlimit, Vector};

/// Everything that init needs, made before the clone.
pub(super) struct Kit<'a> {
    /// What to do.
    pub steps: &'a [Step],
    /// Detached mounts, by slot.
    pub slots: Vec<Option<OwnedFd>>,
    /// `tasks` files of the cgroups that init joins by itself, by `hierarchy_id`.
    pub tasks: &'a [(u32, OwnedFd)],
    /// Init's end of the conversation.
    pub socket: BorrowedFd<'a>,
    /// Standard streams.
    pub streams: &'a Streams,
    /// Programs to try.
    pub candidates: &'a [CString],
    /// Their arguments.
    pub arguments: &'a Vector,
    /// Their environment.
    pub environment: &'a Vector,
}

impl Kit<'_> {
    /// The whole life of init up to its `execve`.
    pub(super) fn run(&mut self) {
        self.await_word(GO);
        if let Err((step, errno)) = self.set_up() {
            self.give_up(Message::StepFailed {
                step,
                errno: errno.raw_os_error(),
            });
        }
        self.say(Message::Ready);
        self.await_word(OPEN);
        let errno = self.execute();
        self.give_up(Message::ExecFailed {
            errno: errno.raw_os_error(),
        });
    }

    /// Waits for one byte. Anything else, the end of file of a dead tracer included, ends init.
    fn await_word(&self, word: u8) {
        let mut buffer = [0_u8; 1];
        loop {
            match rustix::io::read(self.socket, &mut buffer) {
                Ok(1) if buffer == [word] => return,
                Err(Errno::INTR) => {}
                _ => sys::process::exit_now(255),
            }
        }
    }

    fn say(&self, message: Message) {
        if rustix::io::write(self.socket, &message.encode()).is_err() {
            sys::process::exit_now(255);
        }
    }

    fn give_up(&self, message: Message) -> ! {
        self.say(message);
        sys::process::exit_now(127)
    }

    fn set_up(&mut self) -> Result<(), (u32, Errno)> {
        let steps = self.steps;
        for (index, step) in (0_u32..).zip(steps) {
            self.walk(step).map_err(|errno| (index, errno))?;
        }
        Ok(())
    }

    /// Tries the candidates as `execvp` does: a missing one is passed over, a forbidden one is
    /// remembered, anything else is the answer.
    fn execute(&self) -> Errno {
        let mut answer = Errno::NOENT;
        for path in self.candidates {
            match sys::process::execve(path, self.arguments, self.environment) {
                Errno::NOENT | Errno::NOTDIR => {}
                Errno::ACCESS => answer = Errno::ACCESS,
                other => return other,
            }
        }
        answer
    }

    fn walk(&mut self, step: &Step) -> Result<(), Errno> {
        match step {
            Step::ParentDeathSignal => proc::set_parent_process_death_signal(Some(Signal::KILL)),
            Step::ResetSignals => sys::process::reset_signals(),
            Step::Streams => self.set_streams(),
            Step::Umask(mask) => {
                proc::umask(Mode::from_raw_mode(*mask));
                Ok(())
            }
            Step::JoinCgroup { hierarchy } => self.join_cgroup(*hierarchy),
            Step::UnshareCgroup => sys::process::unshare(NamespaceKind::Cgroup.clone_flag()),
            Step::SetIds { uid, gid } => set_gid(*gid).and_then(|()| set_uid(*uid)),
            Step::Hostname(name) => rustix::system::sethostname(name.to_bytes()),
            Step::LoopbackUp => sys::network::loopback_up(),
            Step::Chdir(path) => proc::chdir(path.as_c_str()),
            Step::Rlimit {
                resource,
                soft,
                hard,
            } => {
                let limit = Rlimit {
                    soft: *soft,
                    hard: *hard,
                };
                sys::process::rlimit(0, *resource, Some(limit)).map(drop)
            }
            Step::DropBounding(number) => 1_u64
                .checked_shl(u32::from(*number))
                .ok_or(Errno::INVAL)
                .map(CapabilitySet::from_bits_retain)
                .and_then(thread::remove_capability_from_bounding_set),
            Step::SetGroups(groups) => sys::process::set_groups(groups),
            Step::SetGid(gid) => set_gid(*gid),
            Step::SetUid(uid) => set_uid(*uid),
            Step::SetCapabilities {
                permitted,
                effective,
                inheritable,
            } => {
                let sets = CapabilitySets {
                    permitted: CapabilitySet::from_bits_retain(*permitted),
                    effective: CapabilitySet::from_bits_retain(*effective),
                    inheritable: CapabilitySet::from_bits_retain(*inheritable),
                };
                thread::set_capabilities(None, sets)
            }
            Step::ClearAmbient => thread::clear_ambient_capability_set(),
            Step::NoNewPrivileges => thread::set_no_new_privs(true),
            Step::CloseFrom(number) => sys::process::close_from(*number, self.socket),
            Step::Seccomp(filter) => sys::seccomp::install(&filter.program, filter.flags),
            Step::OpenDirectory { path, number } => {
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
                let directory = fs::openat(CWD, path.as_c_str(), flags, Mode::empty())?;
                sys::process::duplicate_to(directory.as_fd(), *number)
            }
            Step::JoinNamespace { kind: _, path } => {
                let flags = OFlags::RDONLY | OFlags::CLOEXEC;
                let link = fs::openat(CWD, path.as_c_str(), flags, Mode::empty())?;
                thread::move_into_link_name_space(link.as_fd(), None)
            }
            _ => self.walk_mount(step),
        }
    }

    fn set_streams(&self) -> Result<(), Errno> {
        if let Some(fd) = &self.streams.stdin {
            rustix::stdio::dup2_stdin(fd)?;
        }
        if let Some(fd) = &self.streams.stdout {
            rustix::stdio::dup2_stdout(fd)?;
        }
        if let Some(fd) = &self.streams.stderr {
            rustix::stdio::dup2_stderr(fd)?;
        }
        Ok(())
    }

    /// `0` means the writer. In `tasks` and for itself, a task takes no lock that makes the
    /// kernel wait for an RCU grace period (kernel/cgroup/cgroup.c, cgroup_procs_write_start).
    fn join_cgroup(&self, hierarchy: u32) -> Result<(), Errno> {
        let (_, tasks) = self
            .tasks
            .iter()
            .find(|(id, _)| *id == hierarchy)
            .ok_or(Errno::BADF)?;
        rustix::io::write(tasks, b"0").map(drop)
    }
}

fn set_uid(uid: u32) -> Result<(), Errno> {
    let uid = Uid::from_raw(uid);
    thread::set_thread_res_uid(uid, uid, uid)
}

fn set_gid(gid: u32) -> Result<(), Errno> {
    let gid = Gid::from_raw(gid);
    thread::set_thread_res_gid(gid, gid, gid)
}
