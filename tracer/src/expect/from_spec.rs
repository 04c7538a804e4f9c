//! From a spec to its expectations. Owns the translation of what was asked into the kernel's
//! terms; must not know how the runtime goes about it.

use crate::container::spec::{IdMapping, Mount, MountKind, Root, Seccomp, Spec};
use crate::event::NamespaceKind;
use crate::host::{CgroupVersion, HostFacts};

use super::capability;
use super::check::{Check, MapKind, MountCheck, SetName, WayAsked};
use super::wording::{
    bytes_text, cpu_text, cpu_time_text, ids_text, list_text, map_text, mount_text,
};
use super::{Expectation, rlimit};

/// Everything that must hold for `spec` on this host, in the order of reports.
pub fn from_spec(spec: &Spec, host: &HostFacts) -> Vec<Expectation> {
    let mut list = Vec::new();
    namespaces(spec, &mut list);
    cgroups(spec, host, &mut list);
    limits(spec, host, &mut list);
    credentials(spec, host, &mut list);
    files(spec, host, &mut list);
    let program = spec.args.first().cloned().unwrap_or_default();
    add(
        &mut list,
        "payload.exec",
        format!("{program}, after gate"),
        "CMD",
        Check::PayloadExec { program },
    );
    add(
        &mut list,
        "complete",
        "every record read",
        "always",
        Check::Complete,
    );
    list
}

fn add(
    list: &mut Vec<Expectation>,
    id: impl Into<String>,
    asked: impl Into<String>,
    origin: impl Into<String>,
    check: Check,
) {
    list.push(Expectation {
        id: id.into(),
        asked: asked.into(),
        origin: origin.into(),
        check,
    });
}

fn namespaces(spec: &Spec, list: &mut Vec<Expectation>) {
    for kind in NamespaceKind::ALL {
        let id = format!("namespace.{}", kind.name());
        if spec.is_new(kind) {
            add(
                list,
                id,
                "new",
                format!("-{}", letter(kind)),
                Check::NamespaceNew(kind),
            );
        } else {
            let origin = format!("--share {}", kind.name());
            add(list, id, "the host's", origin, Check::NamespaceShared(kind));
        }
    }
    if spec.is_new(NamespaceKind::User) {
        let maps = [
            ("uid_map", "--uid-map", MapKind::Users, &spec.uid_map),
            ("gid_map", "--gid-map", MapKind::Groups, &spec.gid_map),
        ];
        for (id, origin, map, lines) in maps {
            add(
                list,
                id,
                map_text(lines),
                origin,
                Check::IdMap {
                    map,
                    lines: lines.clone(),
                },
            );
        }
    }
}

/// Letters of unshare(1).
fn letter(kind: NamespaceKind) -> char {
    match kind {
        NamespaceKind::Mnt => 'm',
        NamespaceKind::Uts => 'u',
        NamespaceKind::Ipc => 'i',
        NamespaceKind::Pid => 'p',
        NamespaceKind::Net => 'n',
        NamespaceKind::User => 'U',
        NamespaceKind::Cgroup => 'C',
        NamespaceKind::Time => 'T',
    }
}

fn cgroups(spec: &Spec, host: &HostFacts, list: &mut Vec<Expectation>) {
    for hierarchy in &host.hierarchies {
        let (way, how) = match hierarchy.version {
            CgroupVersion::V2 => (WayAsked::CloneIntoCgroup, "created there"),
            CgroupVersion::V1 => (WayAsked::MovedAtSetUp, "moved there"),
        };
        let name = spec.id.clone();
        let check = Check::Cgroup {
            hierarchy: hierarchy.id,
            name,
            way,
        };
        let id = format!("cgroup.{}", hierarchy.label());
        add(list, id, format!("its own, {how}"), "always", check);
    }
}

fn limits(spec: &Spec, host: &HostFacts, list: &mut Vec<Expectation>) {
    let asked = &spec.resources;
    if let Some(bytes) = asked.memory {
        // The kernel counts pages: page_counter_memparse() divides (mm/page_counter.c).
        let bytes = bytes - bytes % host.page_size.max(1);
        add(
            list,
            "memory.max",
            bytes_text(bytes),
            "--memory",
            Check::MemoryMax(bytes),
        );
    }
    if let Some(tasks) = asked.pids {
        add(
            list,
            "pids.max",
            format!("{tasks} tasks"),
            "--pids-limit",
            Check::PidsMax(tasks),
        );
    }
    if let Some(cpu) = asked.cpu {
        let text = cpu_time_text(cpu.quota_us, cpu.period_us);
        let check = Check::CpuMax {
            quota_ns: cpu.quota_us * 1000,
            period_ns: cpu.period_us * 1000,
        };
        add(list, "cpu.max", text, "--cpus", check);
    }
    if let Some(cpus) = &asked.cpuset_cpus {
        let (text, origin) = (cpu_text(cpus), "--cpuset-cpus");
        add(
            list,
            "cpuset.cpus",
            text.clone(),
            origin,
            Check::CpusetCpus(cpus.clone()),
        );
        add(
            list,
            "cpus_allowed",
            text,
            origin,
            Check::CpusAllowed(cpus.clone()),
        );
    }
}

fn credentials(spec: &Spec, host: &HostFacts, list: &mut Vec<Expectation>) {
    let mask = u64::MAX >> (63 - u32::from(host.last_capability.min(63)));
    for set in SetName::ALL {
        let asked = match set {
            SetName::Bounding => spec.capabilities & mask,
            // Exec gives them to uid 0 alone (cap_bprm_creds_from_file() in security/commoncap.c).
            SetName::Permitted | SetName::Effective if spec.user.uid == 0 => {
                spec.capabilities & mask
            }
            _ => 0,
        };
        let id = format!("capabilities.{}", set.name());
        let check = Check::Capabilities { set, asked, mask };
        add(
            list,
            id,
            capability::summary(asked),
            "--cap-add, --cap-drop",
            check,
        );
    }
    let user_is_new = spec.is_new(NamespaceKind::User);
    let outside = |id: u32, map: &[IdMapping]| {
        if user_is_new {
            mapped(id, map)
        } else {
            Some(id)
        }
    };
    let uid = outside(spec.user.uid, &spec.uid_map);
    let gid = outside(spec.user.gid, &spec.gid_map);
    add(
        list,
        "ids",
        ids_text(uid, gid),
        "--user",
        Check::Ids { uid, gid },
    );
    let groups: Option<Vec<u32>> = spec
        .user
        .groups
        .iter()
        .map(|group| outside(*group, &spec.gid_map))
        .collect();
    let groups = groups.map(|mut groups| {
        groups.sort_unstable();
        groups.dedup();
        groups
    });
    let text = groups
        .as_ref()
        .map_or_else(|| "outside the map".to_owned(), |list| list_text(list));
    add(list, "groups", text, "--user", Check::Groups(groups));
    add(list, "securebits", "none", "always", Check::Securebits(0));
    if spec.no_new_privileges {
        add(
            list,
            "no_new_privs",
            "set",
            "--no-new-privileges",
            Check::NoNewPrivs,
        );
    }
    let (text, check) = match &spec.seccomp {
        Seccomp::Filter { origin, .. } => (format!("a filter ({origin})"), Check::SeccompFilter),
        Seccomp::Unconfined => ("none of its own".to_owned(), Check::SeccompUnconfined),
    };
    add(list, "seccomp", text, "--seccomp", check);
    for limit in &spec.rlimits {
        let name = rlimit::name(limit.resource);
        let text = format!(
            "{}:{}",
            rlimit::value(limit.soft),
            rlimit::value(limit.hard)
        );
        let check = Check::Rlimit {
            resource: limit.resource,
            soft: limit.soft,
            hard: limit.hard,
        };
        add(list, format!("rlimit.{name}"), text, "--rlimit", check);
    }
}

/// What `map` makes of an id inside.
fn mapped(id: u32, map: &[IdMapping]) -> Option<u32> {
    map.iter().find_map(|line| {
        let offset = id.checked_sub(line.inside)?;
        (offset < line.count).then(|| line.outside.checked_add(offset))?
    })
}

fn files(spec: &Spec, host: &HostFacts, list: &mut Vec<Expectation>) {
    if spec.root != Root::Shared {
        let own = "the root of its own mnt";
        add(list, "root.pivoted", own, "--rootfs", Check::RootPivoted);
        add(
            list,
            "root.not_host",
            "not the host's",
            "--rootfs",
            Check::RootNotHost,
        );
        if spec.read_only {
            add(
                list,
                "root.read_only",
                "read-only",
                "--read-only",
                Check::RootReadOnly,
            );
        }
    }
    add(list, "cwd", "in its own mnt", "--workdir", Check::Cwd);
    add(list, "exe", "in its own mnt", "CMD", Check::Exe);
    add(
        list,
        "descriptors",
        "0, 1 and 2 alone",
        "always",
        Check::Descriptors,
    );
    if let Some(hostname) = &spec.hostname {
        let check = Check::Hostname(hostname.clone());
        add(list, "hostname", hostname.clone(), "--hostname", check);
    }
    for mount in &spec.mounts {
        let check = mount_check(mount, host.page_size.max(1));
        let id = format!("mount.{}", mount.target);
        let origin = if check.fs_type.is_some() {
            "--tmpfs"
        } else {
            "--mount"
        };
        add(list, id, mount_text(&check), origin, Check::Mount(check));
    }
    if spec.root == Root::HostView {
        let asked = spec.mounts.iter().map(|mount| mount.target.clone());
        // Who shares the host's processes sees them through the host's own proc.
        let proc = (!spec.is_new(NamespaceKind::Pid)).then(|| "/proc".to_owned());
        let except = asked.chain(proc).collect();
        let check = Check::HostMountsReadOnly { except };
        add(
            list,
            "mounts.host_read_only",
            "read-only",
            "no --rootfs",
            check,
        );
    }
}

fn mount_check(mount: &Mount, page: u64) -> MountCheck {
    let check = MountCheck {
        target: mount.target.clone(),
        fs_type: None,
        read_only: mount.read_only,
        size_kib: None,
        mode: None,
    };
    match mount.kind {
        MountKind::Bind { .. } => check,
        MountKind::Tmpfs { size, mode } => MountCheck {
            fs_type: Some("tmpfs".into()),
            // Whole pages, rounded up (shmem_parse_one() in mm/shmem.c).
            size_kib: size.map(|bytes| bytes.div_ceil(page) * page / 1024),
            mode,
            ..check
        },
    }
}
