//! What to do about a step of the set-up that failed, by step and answer. Pure.

use std::io::{Error, ErrorKind};

use rustix::io::Errno;

use crate::container::plan::Step;

/// Goes on after the kernel's answer; empty where nothing helpful can be said.
pub(in crate::container) fn way_out(step: &Step, error: &Error) -> &'static str {
    match (step, error.kind()) {
        (Step::Chdir(_), ErrorKind::NotFound) => ": create it in the container or name another",
        (Step::Chdir(_), ErrorKind::NotADirectory) => ": name a directory",
        (Step::NewFileSystem { kind, .. }, ErrorKind::PermissionDenied)
            if kind.as_c_str() == c"proc" || kind.as_c_str() == c"sysfs" =>
        {
            ": in a user namespace the kernel wants to see the host's own wholly uncovered; \
             do without the user namespace or share pid and net"
        }
        (
            Step::MakeMountPoint { .. } | Step::MakeDirectory { .. },
            ErrorKind::ReadOnlyFilesystem,
        ) => ": the place is on a read-only mount; choose a target below a writable one",
        (Step::MakeMountPoint { .. } | Step::MakeDirectory { .. }, ErrorKind::PermissionDenied) => {
            ": the container's root does not own the directory; make the target there beforehand"
        }
        (Step::Attach { .. }, ErrorKind::InvalidInput | ErrorKind::NotADirectory) => {
            ": a directory is mounted on a directory and a file on a file"
        }
        (Step::MaskPath { .. }, kind)
            if kind == ErrorKind::NotFound
                || error.raw_os_error() == Some(Errno::NODEV.raw_os_error()) =>
        {
            ": a file is hidden by the container's /dev/null, which is not the null device; \
             mount a /dev that has it"
        }
        (Step::PivotRoot { .. }, ErrorKind::InvalidInput) => {
            ": the host's root must be a mount of its own, not the initial ramfs"
        }
        (Step::Hostname(_), ErrorKind::InvalidInput) => ": it takes 64 bytes at most",
        (Step::SetCapabilities { .. }, ErrorKind::PermissionDenied) => {
            ": tracer itself lacks one of the capabilities that were asked for"
        }
        (Step::SetGroups(_), ErrorKind::InvalidInput) => ": one of them is not mapped",
        (Step::Rlimit { .. }, ErrorKind::InvalidInput) => ": the soft limit is above the hard one",
        (Step::Seccomp(_), ErrorKind::InvalidInput) => {
            ": this kernel lacks seccomp filters or a flag"
        }
        _ => "",
    }
}
