//! Cgroups of the plan: one in every mounted hierarchy, its settings, and how init gets in. Pure.

use std::path::PathBuf;

use crate::host::{CgroupVersion, HostFacts};

use super::{PlanError, Spec};

/// The container's cgroup in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CgroupPlan {
    /// `hierarchy_id`; 0 is v2.
    pub hierarchy: u32,
    /// What reports call the hierarchy.
    pub label: String,
    /// v1 or v2.
    pub version: CgroupVersion,
    /// Where the hierarchy is mounted.
    pub mount_point: PathBuf,
    /// Name of the cgroup, a directory of `mount_point`.
    pub name: String,
    /// Controllers that must be enabled in the root's `cgroup.subtree_control` (v2).
    pub enable: Vec<String>,
    /// Files and what is written to them, in order, before init gets in.
    pub settings: Vec<Setting>,
    /// How init gets in.
    pub attach: AttachBy,
}

/// One write to a file of the cgroup.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Name of the file.
    pub file: String,
    /// What is written.
    pub value: SettingValue,
}

/// What is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SettingValue {
    /// This text.
    Text(String),
    /// What the same file of the parent holds: a v1 cpuset takes no task before it has both
    /// processors and memory nodes.
    FromParent,
}

/// How init gets into a cgroup.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttachBy {
    /// `CLONE_INTO_CGROUP` (v2).
    Clone,
    /// By [`super::Step::JoinCgroup`].
    Init,
    /// tracer writes init's number to `cgroup.procs`.
    Tracer,
    /// Not at all. Never planned: what a careless runtime does.
    Nobody,
}

/// The cgroups of a container.
pub(super) fn cgroups(_spec: &Spec, _host: &HostFacts) -> Result<Vec<CgroupPlan>, PlanError> {
    Ok(Vec::new())
}
