//! The cgroups that a task is in, one in each hierarchy. Owns the set; must not know paths,
//! which only the cgroup's own records carry.

use tracer_common::record::{CgroupEntry, CgroupSet};

use super::CgroupKey;

/// A cgroup as a task's css_set names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CgroupMember {
    /// Which.
    pub key: CgroupKey,
    /// Depth below the hierarchy's root, which is 0.
    pub level: u32,
    /// Controllers of the hierarchy, a bit for each `cgroup_subsys_id`.
    pub controllers: u32,
}

/// The cgroup of a task in every hierarchy.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Cgroups {
    /// In the kernel's order.
    pub members: Vec<CgroupMember>,
    /// The task is in further hierarchies that the record had no room for.
    pub truncated: bool,
}

impl Cgroups {
    /// The cgroup in `hierarchy`; `None` when the set does not name it.
    pub fn in_hierarchy(&self, hierarchy: u32) -> Option<&CgroupMember> {
        self.members
            .iter()
            .find(|member| member.key.hierarchy == hierarchy)
    }
}

impl From<&CgroupEntry> for CgroupMember {
    fn from(wire: &CgroupEntry) -> Self {
        Self {
            key: CgroupKey {
                hierarchy: wire.hierarchy,
                id: wire.id,
            },
            level: wire.level,
            controllers: wire.controllers,
        }
    }
}

impl From<&CgroupSet> for Cgroups {
    fn from(wire: &CgroupSet) -> Self {
        let count = wire.count as usize;
        Self {
            members: wire
                .entries
                .iter()
                .take(count)
                .map(CgroupMember::from)
                .collect(),
            // A count beyond the room is a damaged record: then nothing is known to be complete.
            truncated: wire.truncated != 0 || count > wire.entries.len(),
        }
    }
}
