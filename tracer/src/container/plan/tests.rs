//! Plans of specs on invented machines: the spec and the machines. What is in a plan, in which
//! order, and what is refused, is claimed room by room.

mod cgroups;
mod identity;
mod mounts;

use std::path::PathBuf;

use super::*;
use crate::container::spec::{
    CpuQuota, IdMapping, Mount, MountKind, Resources, RlimitRequest, Root, User,
};
use crate::host::facts::RootEntry;
use crate::host::{CgroupVersion, Hierarchy};

fn hierarchy(id: u32, version: CgroupVersion, controllers: &[&str]) -> Hierarchy {
    Hierarchy {
        id,
        version,
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
        name: None,
        mount_point: PathBuf::from(format!("/cg/{id}")),
        own_path: "/".to_owned(),
    }
}

fn host(hierarchies: Vec<Hierarchy>) -> HostFacts {
    let entry = |name: &str, link: Option<&str>| RootEntry {
        name: name.to_owned(),
        link: link.map(str::to_owned),
    };
    HostFacts {
        kernel: "6.1.0".to_owned(),
        machine: "x86_64".to_owned(),
        boot_id: "b".to_owned(),
        hierarchies,
        cpus_online: vec![0, 1, 2, 3],
        page_size: 4096,
        last_capability: 40,
        is_root: true,
        root_entries: vec![
            entry("bin", Some("usr/bin")),
            entry("home", None),
            entry("proc", None),
            entry("usr", None),
        ],
    }
}

fn hybrid() -> HostFacts {
    use CgroupVersion::{V1, V2};
    host(vec![
        hierarchy(0, V2, &["hugetlb"]),
        hierarchy(1, V1, &["cpu", "cpuacct"]),
        hierarchy(2, V1, &["cpuset"]),
        hierarchy(3, V1, &["memory"]),
        hierarchy(4, V1, &["pids"]),
    ])
}

fn unified() -> HostFacts {
    host(vec![hierarchy(
        0,
        CgroupVersion::V2,
        &["cpuset", "cpu", "memory", "pids"],
    )])
}

fn spec() -> Spec {
    let map = vec![IdMapping {
        inside: 0,
        outside: 100_000,
        count: 65_536,
    }];
    Spec {
        id: "tracer-0123456789ab".to_owned(),
        args: vec!["prog".to_owned(), "arg".to_owned()],
        env: vec!["PATH=/a:/b/::".to_owned()],
        workdir: "/w".to_owned(),
        hostname: Some("inside".to_owned()),
        new_namespaces: NamespaceKind::ALL.to_vec(),
        root: Root::HostView,
        read_only: false,
        mounts: Vec::new(),
        user: User::default(),
        uid_map: map.clone(),
        gid_map: map,
        resources: Resources {
            cpuset_cpus: Some(vec![3, 0, 1]),
            cpu: Some(CpuQuota {
                quota_us: 50_000,
                period_us: 100_000,
            }),
            memory: Some(1 << 20),
            pids: Some(9),
        },
        capabilities: 0b1011,
        no_new_privileges: true,
        seccomp: Seccomp::Filter {
            origin: "default".to_owned(),
            profile: Box::new(crate::container::seccomp::default_profile(0)),
        },
        rlimits: vec![RlimitRequest {
            resource: 7,
            soft: 1,
            hard: 2,
        }],
    }
}

fn planned(spec: &Spec, host: &HostFacts) -> Plan {
    plan(spec, host).expect("a plan")
}

fn at(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> usize {
    plan.steps.iter().position(wanted).expect("the step")
}

fn has(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> bool {
    plan.steps.iter().any(wanted)
}
