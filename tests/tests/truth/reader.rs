//! What /proc, the cgroup file systems and the procfs crate say of a task, next to its
//! certificate. Shares no code with tracer.

use std::fs::{self, File};
use std::io::Read as _;
use std::os::fd::AsRawFd as _;
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use procfs::process::{LimitValue, MountInfo, Process, Status};
use rustix::fs::{OFlags, major, minor, statfs};
use tracer::event::certificate::{Certificate, Descriptor, PathFact, UNLIMITED};
use tracer::event::{NamespaceSlot, Namespaces};

/// Asserts that everything in `certificate` is what the others say of process `pid`.
pub fn agrees(certificate: &Certificate, pid: u32) {
    let process = Process::new(pid.cast_signed()).expect("a process");
    let status = process.status().expect("its status");
    namespaces(&certificate.namespaces().expect("namespaces"), pid);
    numbers(certificate, &status);
    credentials(certificate, &status);
    maps(certificate, pid);
    processors(certificate, &status, pid);
    cgroups(certificate, pid);
    limits(certificate, pid);
    resources(certificate, &process);
    paths(certificate, pid);
    descriptors(certificate, pid);
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

/// Asserts that the set is what the links of a task say.
pub fn namespaces_agree(set: &Namespaces, task: &str) {
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
    let directory = directory(pid, "cpuset");
    let files = ["cpuset.effective_cpus", "cpuset.cpus.effective"];
    let text = files
        .into_iter()
        .find_map(|file| fs::read_to_string(directory.join(file)).ok());
    assert_eq!(
        certificate.cpuset_cpus(),
        Some(list(&text.expect("an effective set")))
    );
}

/// A line of /proc/PID/cgroup with where its hierarchy is mounted.
struct Place {
    hierarchy: u32,
    controllers: String,
    mount_point: PathBuf,
    path: String,
}

fn places(pid: u32) -> Vec<Place> {
    let text = fs::read_to_string(format!("/proc/{pid}/cgroup")).expect("its cgroups");
    let mounts = fs::read_to_string("/proc/mounts").expect("mounts");
    let mounted = |controllers: &str| {
        mounts.lines().find_map(|line| {
            let fields: Vec<&str> = line.split(' ').collect();
            let here = match fields[2] {
                "cgroup2" => controllers.is_empty(),
                "cgroup" => controllers
                    .split(',')
                    .all(|one| fields[3].split(',').any(|o| o == one)),
                _ => false,
            };
            here.then(|| PathBuf::from(fields[1]))
        })
    };
    text.lines()
        .map(|line| {
            let mut parts = line.splitn(3, ':');
            let mut part = || parts.next().expect("three parts").to_owned();
            let (hierarchy, controllers, path) =
                (part().parse().expect("a number"), part(), part());
            let mount_point = mounted(&controllers).expect("a mounted hierarchy");
            Place {
                hierarchy,
                controllers,
                mount_point,
                path,
            }
        })
        .collect()
}

impl Place {
    fn directory(&self) -> PathBuf {
        self.mount_point.join(self.path.trim_start_matches('/'))
    }
}

fn cgroups(certificate: &Certificate, pid: u32) {
    let set = certificate.cgroups().expect("cgroups");
    let mut seen: Vec<(u32, u64)> = set
        .members
        .iter()
        .map(|one| (one.key.hierarchy, one.key.id))
        .collect();
    let mut told: Vec<(u32, u64)> = places(pid)
        .iter()
        .map(|place| {
            let inode = fs::metadata(place.directory())
                .expect("its directory")
                .ino();
            (place.hierarchy, inode)
        })
        .collect();
    seen.sort_unstable();
    told.sort_unstable();
    assert_eq!((seen, set.truncated), (told, false));
    for place in places(pid) {
        let depth = place
            .path
            .split('/')
            .filter(|part| !part.is_empty())
            .count();
        let member = set
            .in_hierarchy(place.hierarchy)
            .expect("in every hierarchy");
        assert_eq!(member.level as usize, depth, "{}", place.path);
    }
}

/// The cgroup of a controller, v1 or v2.
fn place_of(pid: u32, controller: &str) -> Place {
    let places = places(pid);
    let own = |place: &Place| place.controllers.split(',').any(|name| name == controller);
    let index = places
        .iter()
        .position(own)
        .or_else(|| places.iter().position(|p| p.hierarchy == 0));
    places
        .into_iter()
        .nth(index.expect("a hierarchy"))
        .expect("it")
}

fn directory(pid: u32, controller: &str) -> PathBuf {
    place_of(pid, controller).directory()
}

/// What files of the task's cgroup and its ancestors say, from its own up. Where a controller is
/// not enabled (v2) or the root has no such file, there is no limit.
fn chain(pid: u32, controller: &str, files: [&str; 2]) -> Vec<Option<String>> {
    let place = place_of(pid, controller);
    let directory = place.directory();
    let up = directory
        .ancestors()
        .take_while(|path| path.starts_with(&place.mount_point));
    up.map(|path| {
        files
            .iter()
            .find_map(|file| fs::read_to_string(path.join(file)).ok())
    })
    .collect()
}

/// The own limit, the least, and how far up that is.
fn least(limits: &[u64]) -> (u64, u64, usize) {
    let effective = *limits.iter().min().expect("an own");
    let depth = limits
        .iter()
        .position(|limit| *limit == effective)
        .expect("there");
    (limits[0], effective, depth)
}

fn limits(certificate: &Certificate, pid: u32) {
    let number = |text: Option<String>| {
        text.and_then(|text| text.trim().parse::<u64>().ok())
            .unwrap_or(UNLIMITED)
    };
    // Without a limit v1 says the highest count of whole pages.
    let bytes = |text: Option<String>| match number(text) {
        9_223_372_036_854_771_712.. => UNLIMITED,
        bytes => bytes,
    };
    let files = ["memory.limit_in_bytes", "memory.max"];
    let told: Vec<u64> = chain(pid, "memory", files).into_iter().map(bytes).collect();
    let seen = certificate.memory().expect("memory");
    assert_eq!(
        (seen.own, seen.effective, seen.depth),
        least(&told),
        "memory {told:?}"
    );
    let files = ["pids.max", "pids.max"];
    let told: Vec<u64> = chain(pid, "pids", files).into_iter().map(number).collect();
    let seen = certificate.pids().expect("pids");
    assert_eq!(
        (seen.own, seen.effective, seen.depth),
        least(&told),
        "pids {told:?}"
    );
    bandwidth(certificate, pid);
}

/// Quota and period in microseconds; v1 has a file for each, v2 one for both.
fn bandwidth(certificate: &Certificate, pid: u32) {
    let quotas = chain(pid, "cpu", ["cpu.cfs_quota_us", "cpu.max"]);
    let periods = chain(pid, "cpu", ["cpu.cfs_period_us", "cpu.max"]);
    let told: Vec<Option<(u64, u64)>> = quotas
        .into_iter()
        .zip(periods)
        .map(|(quota, period)| {
            let quota = quota?.split_whitespace().next()?.parse::<u64>().ok()?;
            Some((
                quota,
                period?.split_whitespace().last()?.parse::<u64>().ok()?,
            ))
        })
        .collect();
    let seen = certificate.cpu().expect("CPU time");
    let own = told[0].map_or(UNLIMITED, |(quota, _)| quota * 1000);
    assert_eq!(seen.own_quota, own, "{told:?}");
    let strictest = told
        .iter()
        .enumerate()
        .filter_map(|(depth, limit)| limit.map(|limit| (depth, limit)))
        .min_by(|(_, one), (_, other)| (one.0 * other.1).cmp(&(other.0 * one.1)));
    match strictest {
        None => assert_eq!(seen.quota, UNLIMITED),
        Some((depth, (quota, period))) => {
            let told = (quota * 1000, period * 1000, depth);
            assert_eq!((seen.quota, seen.period, seen.depth), told);
        }
    }
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

/// `mnt_id` of what a magic link leads to: opened as a path it stays on its mount.
fn mount_id(link: &Path) -> u32 {
    let flags = OFlags::PATH.bits().cast_signed();
    let file = File::options()
        .read(true)
        .custom_flags(flags)
        .open(link)
        .expect("a path");
    fdinfo(&format!("/proc/self/fdinfo/{}", file.as_raw_fd()), "mnt_id")
}

fn fdinfo(path: &str, name: &str) -> u32 {
    let mut text = String::new();
    File::open(path)
        .and_then(|mut file| file.read_to_string(&mut text))
        .expect("fdinfo");
    let value = text
        .lines()
        .find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    let radix = if name == "flags" { 8 } else { 10 };
    u32::from_str_radix(value.expect("a field").trim(), radix).expect("a number")
}

/// `super_block->s_dev` of what the kernel tells user space in another form.
fn device(number: u64) -> u32 {
    major(number) << 20 | minor(number)
}

fn mounts(pid: u32) -> Vec<MountInfo> {
    let process = Process::new(pid.cast_signed()).expect("a process");
    process.mountinfo().expect("its mounts").0
}

fn paths(certificate: &Certificate, pid: u32) {
    let facts = [
        ("root", certificate.root()),
        ("cwd", certificate.cwd()),
        ("exe", certificate.exe()),
    ];
    for (name, fact) in facts {
        let link = PathBuf::from(format!("/proc/{pid}/{name}"));
        path(&fact.expect("a path"), &link, pid);
    }
}

fn path(fact: &PathFact, link: &Path, pid: u32) {
    let told = fs::metadata(link).expect("what it leads to");
    assert_eq!(
        (fact.ino, fact.dev),
        (told.ino(), device(told.dev())),
        "{}",
        link.display()
    );
    let id = mount_id(link);
    assert_eq!(fact.mnt_id, id, "{}", link.display());
    let mounts = mounts(pid);
    let mount = mounts
        .iter()
        .find(|mount| mount.mnt_id.cast_unsigned() == id);
    let Some(mount) = mount else {
        // Of another namespace: its mounts are this process', or nobody's.
        let host = self::mounts(std::process::id());
        let there = host.iter().any(|mount| mount.mnt_id.cast_unsigned() == id);
        let own = namespace("self", "mnt");
        assert_eq!(
            fact.mnt_ns,
            if there { own } else { 0 },
            "{}",
            link.display()
        );
        return;
    };
    assert_eq!(
        fact.mnt_ns,
        namespace(&pid.to_string(), "mnt"),
        "{}",
        link.display()
    );
    let read_only = mount.mount_options.contains_key("ro");
    assert_eq!(
        fact.flags & PathFact::MOUNT_READ_ONLY != 0,
        read_only,
        "{}",
        link.display()
    );
    let read_only = mount.super_options.contains_key("ro");
    assert_eq!(
        fact.flags & PathFact::FS_READ_ONLY != 0,
        read_only,
        "{}",
        link.display()
    );
}

fn descriptors(certificate: &Certificate, pid: u32) {
    let seen = certificate.descriptors().expect("descriptors");
    let entries = fs::read_dir(format!("/proc/{pid}/fd")).expect("its descriptors");
    let mut told: Vec<u32> = entries
        .map(|entry| {
            let name = entry.expect("an entry").file_name();
            name.to_string_lossy().parse().expect("a number")
        })
        .collect();
    told.sort_unstable();
    let numbers: Vec<u32> = seen.items.iter().map(|descriptor| descriptor.fd).collect();
    let room = told
        .iter()
        .copied()
        .filter(|number| *number < 64)
        .take(32)
        .collect::<Vec<_>>();
    assert_eq!(numbers, room);
    for fact in &seen.items {
        descriptor(fact, pid);
    }
}

fn descriptor(fact: &Descriptor, pid: u32) {
    let link = PathBuf::from(format!("/proc/{pid}/fd/{}", fact.fd));
    let told = fs::metadata(&link).expect("what is open");
    assert_eq!(
        (fact.ino, fact.mode),
        (told.ino(), told.mode()),
        "{}",
        link.display()
    );
    assert_eq!(fact.dev, device(told.dev()), "{}", link.display());
    let info = format!("/proc/{pid}/fdinfo/{}", fact.fd);
    let flags = fdinfo(&info, "flags");
    let closing = flags & OFlags::CLOEXEC.bits() != 0;
    assert_eq!(
        fact.flags & Descriptor::CLOSE_ON_EXEC != 0,
        closing,
        "{}",
        link.display()
    );
    let path_only = flags & OFlags::PATH.bits() != 0;
    assert_eq!(
        fact.flags & Descriptor::PATH_ONLY != 0,
        path_only,
        "{}",
        link.display()
    );
    let magic = statfs(&link).expect("its file system").f_type;
    assert_eq!(
        i64::from(fact.magic),
        magic & 0xffff_ffff,
        "{}",
        link.display()
    );
    let id = fdinfo(&info, "mnt_id");
    let of = |pid: u32| {
        mounts(pid)
            .iter()
            .any(|mount| mount.mnt_id.cast_unsigned() == id)
    };
    let namespace = if of(pid) {
        namespace(&pid.to_string(), "mnt")
    } else if of(std::process::id()) {
        namespace("self", "mnt")
    } else {
        0
    };
    assert_eq!(fact.mnt_ns, namespace, "{}", link.display());
}
