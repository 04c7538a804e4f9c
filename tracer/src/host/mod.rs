//! What the machine is: facts read once, deciding is done elsewhere. Readers take a root path,
//! so that tests can show them another machine.
pub mod bundle;
pub mod cgroup_mounts;
pub mod cgroup_tree;
pub mod device_files;
pub mod engine;
pub mod facts;
pub mod mount_stat;
pub mod mount_table;
pub mod namespace_files;
pub mod reader;
pub mod reading;

pub use facts::{CgroupVersion, Hierarchy, HostFacts, RootEntry};
pub use reader::{FactsError, read};
