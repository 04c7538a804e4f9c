//! Cgroups of the plan: one in every mounted hierarchy, its settings, and how init gets in. Pure.

use std::path::PathBuf;

use crate::host::{CgroupVersion, Hierarchy, HostFacts};

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

/// The cgroups of a container: one in every hierarchy, so that in none it is with the host's.
pub(super) fn cgroups(spec: &Spec, host: &HostFacts) -> Result<Vec<CgroupPlan>, PlanError> {
    check_cpuset(spec, host)?;
    let asked = asked(spec);
    for limit in &asked {
        if host.hierarchy_of(limit.controller).is_none() {
            let (what, controller) = (limit.what, limit.controller);
            return Err(PlanError::NoController {
                limit: what,
                controller,
            });
        }
    }
    Ok(host
        .hierarchies
        .iter()
        .map(|hierarchy| in_hierarchy(spec, hierarchy, &asked))
        .collect())
}

/// A limit asked for, as both versions spell it.
struct Limit {
    what: &'static str,
    controller: &'static str,
    v1: Vec<(&'static str, String)>,
    v2: (&'static str, String),
}

fn asked(spec: &Spec) -> Vec<Limit> {
    let resources = &spec.resources;
    let mut asked = Vec::new();
    if let Some(cpus) = &resources.cpuset_cpus {
        let list = cpu_list(cpus);
        asked.push(Limit {
            what: "processor set",
            controller: "cpuset",
            v1: vec![("cpuset.cpus", list.clone())],
            v2: ("cpuset.cpus", list),
        });
    }
    if let Some(cpu) = resources.cpu {
        asked.push(Limit {
            what: "processor time",
            controller: "cpu",
            // The period first: a quota is checked against the period in force.
            v1: vec![
                ("cpu.cfs_period_us", cpu.period_us.to_string()),
                ("cpu.cfs_quota_us", cpu.quota_us.to_string()),
            ],
            v2: ("cpu.max", format!("{} {}", cpu.quota_us, cpu.period_us)),
        });
    }
    if let Some(bytes) = resources.memory {
        asked.push(Limit {
            what: "memory",
            controller: "memory",
            v1: vec![("memory.limit_in_bytes", bytes.to_string())],
            v2: ("memory.max", bytes.to_string()),
        });
    }
    if let Some(tasks) = resources.pids {
        asked.push(Limit {
            what: "process",
            controller: "pids",
            v1: vec![("pids.max", tasks.to_string())],
            v2: ("pids.max", tasks.to_string()),
        });
    }
    asked
}

fn in_hierarchy(spec: &Spec, hierarchy: &Hierarchy, asked: &[Limit]) -> CgroupPlan {
    let has = |controller: &str| hierarchy.controllers.iter().any(|name| name == controller);
    let here = || asked.iter().filter(|limit| has(limit.controller));
    let text = |(file, value): (&str, &String)| Setting {
        file: file.to_owned(),
        value: SettingValue::Text(value.clone()),
    };
    let mut settings: Vec<Setting> = match hierarchy.version {
        CgroupVersion::V1 => here()
            .flat_map(|limit| limit.v1.iter().map(|(file, value)| text((file, value))))
            .collect(),
        CgroupVersion::V2 => here()
            .map(|limit| text((limit.v2.0, &limit.v2.1)))
            .collect(),
    };
    if hierarchy.version == CgroupVersion::V1 && has("cpuset") {
        for file in ["cpuset.cpus", "cpuset.mems"] {
            if !settings.iter().any(|setting| setting.file == file) {
                let value = SettingValue::FromParent;
                settings.push(Setting {
                    file: file.to_owned(),
                    value,
                });
            }
        }
    }
    let (enable, attach) = match hierarchy.version {
        CgroupVersion::V1 => (Vec::new(), AttachBy::Init),
        CgroupVersion::V2 => (
            here().map(|limit| limit.controller.to_owned()).collect(),
            AttachBy::Clone,
        ),
    };
    CgroupPlan {
        hierarchy: hierarchy.id,
        label: hierarchy.label(),
        version: hierarchy.version,
        mount_point: hierarchy.mount_point.clone(),
        name: spec.id.clone(),
        enable,
        settings,
        attach,
    }
}

fn check_cpuset(spec: &Spec, host: &HostFacts) -> Result<(), PlanError> {
    let cpus = spec.resources.cpuset_cpus.iter().flatten();
    match cpus.copied().find(|cpu| !host.cpus_online.contains(cpu)) {
        Some(cpu) => Err(PlanError::CpusetOutside {
            cpu,
            online: cpu_list(&host.cpus_online),
        }),
        None => Ok(()),
    }
}

/// Numbers in the kernel's list format: `0-2,5`.
pub(super) fn cpu_list(cpus: &[u32]) -> String {
    let mut sorted = cpus.to_vec();
    sorted.sort_unstable();
    sorted.dedup();
    let mut ranges: Vec<(u32, u32)> = Vec::new();
    for cpu in sorted {
        match ranges.last_mut() {
            Some((_, last)) if cpu.checked_sub(1) == Some(*last) => *last = cpu,
            _ => ranges.push((cpu, cpu)),
        }
    }
    let words = ranges.iter().map(|(first, last)| {
        if first == last {
            first.to_string()
        } else {
            format!("{first}-{last}")
        }
    });
    words.collect::<Vec<_>>().join(",")
}
