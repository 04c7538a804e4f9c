//! What an event changed, as data: the timeline is made of it. Owns no words for people.

use crate::event::{CgroupKey, KernelPath, NamespaceSlot, NsId, Task, Tid};

use super::cgroup::WayIn;

/// One thing that an event changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A task is there that was not.
    Created {
        /// The new task.
        child: Task,
        /// Its number in its own PID namespace.
        vpid: u32,
        /// It shares its creator's thread group.
        thread: bool,
    },
    /// A task has another namespace than before; a new task, than its creator.
    Namespace {
        /// Who has it.
        tid: Tid,
        /// Where.
        slot: NamespaceSlot,
        /// What it was.
        before: NsId,
        /// What it is.
        after: NsId,
    },
    /// A task is in another cgroup than before; a new task, than its creator.
    Cgroup {
        /// Who is in it.
        task: Task,
        /// Where it was; `None` when that is not known.
        before: Option<CgroupKey>,
        /// Where it is.
        after: CgroupKey,
        /// Path, where a record tells it.
        path: Option<KernelPath>,
        /// How it got there.
        way: WayIn,
    },
    /// A cgroup is there that was not.
    CgroupMade {
        /// Which.
        key: CgroupKey,
        /// Below its hierarchy's root.
        path: KernelPath,
    },
    /// A cgroup is gone.
    CgroupRemoved {
        /// Which.
        key: CgroupKey,
        /// Below its hierarchy's root.
        path: KernelPath,
    },
    /// A task runs another program.
    Executed {
        /// As given to exec.
        filename: Option<KernelPath>,
    },
    /// A task ended.
    Ended {
        /// Exit code, or 128 + signal.
        status: u32,
        /// The signal that ended it.
        signal: Option<u32>,
        /// It was the last of its group.
        group: bool,
    },
}
