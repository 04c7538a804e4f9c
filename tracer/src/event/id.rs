//! Identities as newtypes, so that one number is never taken for another. Owns no facts.

use std::fmt;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use tracer_common::TaskId;

use super::text;

macro_rules! number {
    ($($(#[$doc:meta])* $name:ident($ty:ty);)+) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(pub $ty);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.fmt(f)
            }
        })+
    };
}

number! {
    /// Thread group id in the initial PID namespace: what user space calls the pid.
    Tgid(u32);
    /// Thread id in the initial PID namespace.
    Tid(u32);
    /// Serial number of a key or keyring; 0 = none.
    KeySerial(u32);
    /// Inode number of a namespace. The kernel reuses it: only with a birth does it name one.
    NsId(u32);
    /// The kernel's own number of a namespace, which no other has before the next boot.
    NsUnique(u64);
}

/// A cgroup. Ids collide across hierarchies, so it takes both numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct CgroupKey {
    /// The kernel's number of the hierarchy; 0 is cgroup v2.
    pub hierarchy: u32,
    /// Inode number of its directory.
    pub id: u64,
}

/// A task at the time of an event.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Task {
    /// Its thread group.
    pub tgid: Tgid,
    /// Itself.
    pub tid: Tid,
    /// When its thread group's leader started, nanoseconds of boot time: tells a task from a
    /// later one with the same numbers.
    pub start_ns: u64,
    /// Its name, not to be trusted: any task can set its own.
    pub comm: SmolStr,
}

impl From<&TaskId> for Task {
    fn from(wire: &TaskId) -> Self {
        Self {
            tgid: Tgid(wire.tgid),
            tid: Tid(wire.tid),
            start_ns: wire.start_ns,
            comm: text::name(&wire.comm),
        }
    }
}
