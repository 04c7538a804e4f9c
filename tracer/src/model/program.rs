//! Which program a thread group executes: its file, and the name that it goes by. Owns what to call
//! a file that has no name of its own.

use smol_str::SmolStr;

use crate::event::Certificate;

/// A program that a thread group executed last, or whoever created it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Program {
    pub name: SmolStr,
    /// Device and inode of its file.
    pub file: Option<(u32, u64)>,
}

/// What was executed. A file that only a descriptor names is its caller's own copy of itself, and
/// is called as that.
pub(super) fn program(certificate: &Certificate, before: &Program) -> Program {
    let file = certificate.exe().map(|exe| (exe.dev, exe.ino));
    let path = path(certificate);
    let name = path.rsplit('/').next().unwrap_or_default();
    Program {
        name: if by_descriptor(&path) || name.is_empty() {
            before.name.clone()
        } else {
            SmolStr::new(name)
        },
        file,
    }
}

/// As given to exec.
pub(super) fn path(certificate: &Certificate) -> SmolStr {
    let path = certificate.filename().map(|path| path.text);
    path.unwrap_or_default()
}

fn by_descriptor(path: &str) -> bool {
    path.starts_with("/proc/") || path.starts_with("/dev/fd/")
}
