//! What /proc, the cgroup file systems and the procfs crate say of a task, next to its
//! certificate. Shares no code with tracer.

mod attributes;
mod cgroups;
mod files;

use std::fs;
use std::process::Command;

use procfs::process::{LimitValue, Process, Status};
use tracer::event::certificate::{Certificate, UNLIMITED};
use tracer::event::{NamespaceSlot, Namespaces};

pub use files::root_is_covered;

/// Asserts that everything in `certificate` is what the others say of process `pid`.
pub fn agrees(certificate: &Certificate, pid: u32) {
    let process = Process::new(pid.cast_signed()).expect("a process");
    let status = process.status().expect("its status");
    namespaces(&certificate.namespaces().expect("namespaces"), pid);
    numbers(certificate, &status);
    credentials(certificate, &status);
    attributes::attributes(certificate, pid);
    maps(certificate, pid);
    processors(certificate, &status, pid);
    cgroups::cgroups(certificate, pid);
    cgroups::limits(certificate, pid);
    resources(certificate, &process);
    files::paths(certificate, pid);
    files::descriptors(certificate, pid);
}

/// Number of a namespace, by its link below `/proc/PID/ns`.
pub fn namespace(task: &str, name: &str) -> u32 {
    let link = fs::read_link(format!("/proc/{task}/ns/{name}")).expect("a link");
    let text = link.to_string_lossy().into_owned();
    text.trim_matches(|c: char| !c.is_ascii_digit())
        .parse()
        .expect("a number")
}

/// All ten, in the order of [`NamespaceSlot::ALL`].
pub fn all_namespaces(task: &str) -> Vec<(NamespaceSlot, u32)> {
    NamespaceSlot::ALL
        .map(|slot| (slot, namespace(task, slot.name())))
        .to_vec()
}

/// The numbers that are never used again, in the order of [`NamespaceSlot::ALL`], as the kernel
/// answers `NS_GET_ID` (include/uapi/linux/nsfs.h, since 6.18): `_IOR(0xb7, 13, __u64)`. `None`
/// where it does not know the request.
pub fn unique_namespaces(task: &str) -> Vec<Option<u64>> {
    let ask = "for (@ARGV) {
        open(my $link, '<', $_) or die \"$_: $!\";
        my $answer = pack('Q', 0);
        print defined(ioctl($link, 0x8008b70d, $answer)) ? unpack('Q', $answer) : 'none', \"\\n\";
    }";
    // Another process asks, for which `self` is itself.
    let task = task.replacen("self", &std::process::id().to_string(), 1);
    let links = NamespaceSlot::ALL.map(|slot| format!("/proc/{task}/ns/{}", slot.name()));
    let told = Command::new("perl").args(["-e", ask]).args(links).output();
    let told = told.expect("perl");
    assert!(told.status.success(), "{told:?}");
    let text = String::from_utf8(told.stdout).expect("text");
    let numbers: Vec<_> = text.lines().map(|line| line.parse().ok()).collect();
    assert_eq!(numbers.len(), NamespaceSlot::ALL.len(), "{text}");
    numbers
}

/// Asserts that the set is what the links of a task say.
pub fn namespaces_agree(set: &Namespaces, task: &str) {
    let seen = NamespaceSlot::ALL.map(|slot| set.unique(slot).map(|unique| unique.0));
    assert_eq!(seen.as_slice(), unique_namespaces(task), "of {task}");
    for (slot, number) in all_namespaces(task) {
        assert_eq!(
            set.get(slot).map(|id| id.0),
            Some(number),
            "{} of {task}",
            slot.name()
        );
    }
}

fn namespaces(set: &Namespaces, pid: u32) {
    namespaces_agree(set, &pid.to_string());
}

fn numbers(certificate: &Certificate, status: &Status) {
    let numbers = status.nspid.as_ref().expect("NSpid");
    let own = numbers.last().expect("its own").cast_unsigned();
    assert_eq!(certificate.vpid(), Some(own));
    // This process is in the initial PID namespace, or its levels would not be all.
    assert_eq!(
        certificate.pid_level(),
        Some(u32::try_from(numbers.len() - 1).expect("few"))
    );
    assert_eq!(certificate.parent().0, status.ppid.cast_unsigned());
    let told_of_its_end = match status.tracerpid {
        0 => status.ppid,
        debugger => debugger,
    };
    let seen = certificate.ptrace_parent().expect("a parent");
    assert_eq!(seen.0, told_of_its_end.cast_unsigned());
}

fn credentials(certificate: &Certificate, status: &Status) {
    let ids = certificate.ids().expect("ids");
    assert_eq!(
        [ids.uid, ids.euid, ids.suid, ids.fsuid],
        [status.ruid, status.euid, status.suid, status.fuid]
    );
    assert_eq!(
        [ids.gid, ids.egid, ids.sgid, ids.fsgid],
        [status.rgid, status.egid, status.sgid, status.fgid]
    );
    let groups = certificate.groups().expect("groups");
    assert_eq!(
        (groups.items, groups.truncated),
        (status.groups.clone(), false)
    );
    let sets = certificate.capabilities().expect("capabilities");
    assert_eq!(
        [sets.inheritable, sets.permitted, sets.effective],
        [status.capinh, status.capprm, status.capeff]
    );
    assert_eq!(Some(sets.bounding), status.capbnd);
    assert_eq!(Some(sets.ambient), status.capamb);
    let no_new_privs = status.nonewprivs.map(|flag| flag == 1);
    assert_eq!(certificate.no_new_privs(), no_new_privs);
    assert_eq!(certificate.seccomp_mode(), status.seccomp);
    let filters = field(status.pid, "Seccomp_filters")
        .parse()
        .expect("a number");
    assert_eq!(certificate.seccomp_filters(), Some(filters));
}

/// A field of /proc/PID/status that the crate does not know.
fn field(pid: i32, name: &str) -> String {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).expect("its status");
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.expect("the field").trim().to_owned()
}

fn maps(certificate: &Certificate, pid: u32) {
    let seen = [certificate.uid_map(), certificate.gid_map()];
    for (name, seen) in ["uid_map", "gid_map"].into_iter().zip(seen) {
        let seen = seen.expect("maps");
        let lines: Vec<[u32; 3]> = seen
            .items
            .iter()
            .map(|line| [line.inside, line.outside, line.count])
            .collect();
        let text = fs::read_to_string(format!("/proc/{pid}/{name}")).expect("its map");
        let told: Vec<[u32; 3]> = text
            .lines()
            .map(|line| {
                let numbers = line
                    .split_whitespace()
                    .map(|word| word.parse().expect("a number"));
                numbers.collect::<Vec<u32>>().try_into().expect("three")
            })
            .collect();
        assert_eq!(lines, told, "{name}");
    }
}

fn list(text: &str) -> Vec<u32> {
    let ranges = text.trim().split(',').filter(|range| !range.is_empty());
    ranges
        .flat_map(|range| {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            first.parse().expect("a number")..=last.parse().expect("a number")
        })
        .collect()
}

fn processors(certificate: &Certificate, status: &Status, pid: u32) {
    let allowed = field(status.pid, "Cpus_allowed_list");
    assert_eq!(certificate.cpus_allowed(), Some(list(&allowed)));
    let files = ["cpuset.effective_cpus", "cpuset.cpus.effective"];
    // On v2 a cgroup without the controller is in the set of its nearest ancestor that has it.
    let text = cgroups::chain(pid, "cpuset", files).into_iter().flatten();
    let nearest = text.map(|text| list(&text)).next();
    assert!(nearest.is_some(), "no effective set");
    assert_eq!(certificate.cpuset_cpus(), nearest);
}

fn resources(certificate: &Certificate, process: &Process) {
    let limits = process.limits().expect("its limits");
    let all = [
        limits.max_cpu_time,
        limits.max_file_size,
        limits.max_data_size,
        limits.max_stack_size,
        limits.max_core_file_size,
        limits.max_resident_set,
        limits.max_processes,
        limits.max_open_files,
        limits.max_locked_memory,
        limits.max_address_space,
        limits.max_file_locks,
        limits.max_pending_signals,
        limits.max_msgqueue_size,
        limits.max_nice_priority,
        limits.max_realtime_priority,
        limits.max_realtime_timeout,
    ];
    let value = |limit: LimitValue| match limit {
        LimitValue::Unlimited => UNLIMITED,
        LimitValue::Value(value) => value,
    };
    for (number, told) in (0..).zip(all) {
        let seen = certificate.rlimit(number).expect("a limit");
        let told = (value(told.soft_limit), value(told.hard_limit));
        assert_eq!((seen.soft, seen.hard), told, "resource {number}");
    }
}
