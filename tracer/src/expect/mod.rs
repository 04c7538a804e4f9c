//! Expectations: what the kernel must show for a spec to be satisfied. Owns the list, its words
//! and the catalogue of what each family observes. Pure; must not look at a plan (a planning
//! bug would then pass) nor at any event.
pub mod attribute;
pub mod capability;
pub mod catalog;
pub mod check;
pub mod condition;
pub mod device;
mod fields;
pub mod file;
pub mod from_bundle;
mod from_spec;
pub mod infer;
pub mod merge;
pub mod mount;
pub mod preset;
mod processors;
pub mod reading;
pub mod rlimit;
pub mod rule;
pub(crate) mod wording;

use serde::{Deserialize, Serialize};

pub use attribute::{IoPriorityAsked, MemoryPolicyAsked, SchedulerAsked, TerminalAsked};
pub use catalog::{CATALOG, Family, verdicts_markdown};
pub use check::{Check, Clock, MapKind, MountCheck, SetName, WayAsked};
pub use condition::{Bound, Comparison, IdRule, PathPattern, Processors};
pub use from_bundle::{BundleError, BundleFacts, from_bundle};
pub use from_spec::from_spec;
pub use infer::{FindDevices, HostDevice, InferError, Inference, Inferred, infer};
pub use mount::{MountRule, Propagation};
pub(crate) use processors::cpu_list;
pub use reading::{DeviceNode, NodeKind, Place, Reading, Readings, SecurityModule};

/// One thing that the kernel must show.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Expectation {
    /// Stable name, e.g. `namespace.mnt` or `memory.max`.
    pub id: String,
    /// What was asked for, in a few words.
    pub asked: String,
    /// The flag or rule that asked for it.
    pub origin: String,
    /// How it is checked.
    pub check: Check,
}

#[cfg(test)]
mod tests;
