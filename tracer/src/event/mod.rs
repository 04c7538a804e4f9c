//! What the kernel reported, decoded: owns the events, the identities inside them and the one
//! function that makes them of wire bytes. Pure; must not interpret what an event means for a
//! container (that is `model`) nor read the machine.
pub mod body;
pub mod catalog;
pub mod certificate;
pub mod cgroup;
mod decode;
pub mod device;
pub mod errno;
pub mod id;
pub mod limit;
pub mod namespace;
pub mod namespaces;
pub mod syscall;
pub mod text;

#[cfg(test)]
pub(crate) mod arbitrary;
#[cfg(test)]
mod property_tests;
#[cfg(test)]
pub(crate) mod sample;

pub use body::{
    Ancestor, Body, CgroupAttach, CgroupDir, DeviceProgramPart, Event, Exec, Exit, Fork, Hold,
    Lineage, NamespaceCall, SyscallReturn, TaskSeen, Unknown, UnknownReason,
};
pub use certificate::Certificate;
pub use cgroup::{CgroupMember, Cgroups};
pub use decode::decode;
pub use id::{CgroupKey, KeySerial, NsId, NsUnique, Task, Tgid, Tid};
pub use namespace::NamespaceKind;
pub use namespaces::{NamespaceSlot, Namespaces};
pub use syscall::SyscallTable;
pub use text::KernelPath;
