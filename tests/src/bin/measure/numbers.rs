//! Another copy of a run: its records with other numbers of tasks, namespaces and cgroups, other paths
//! and later times. Owns where in a record such numbers stand.

use std::collections::HashMap;

use tracer_common::Kind;
use tracer_common::header::{Header, TaskId};
use tracer_common::record::{
    AttachRecord, Certificate, CertificateRecord, CgroupEntry, CgroupRecord, CgroupSet, ExitRecord,
    ForkRecord, NamespaceRecord, NamespaceSet, SyscallRecord,
};
use zerocopy::{FromBytes, FromZeros as _, Immutable, IntoBytes, KnownLayout};

/// A copy's own numbers of one sort are at most so many.
pub const STRIDE: u64 = 256;
/// From here on tasks are copies'.
const TASKS: u64 = 1 << 20;
/// From here on namespaces are.
const NAMESPACES: u64 = 1 << 29;
/// From here on cgroups, and numbers of namespaces that are never used again, are.
const LONG: u64 = 1 << 40;

/// What a run brought about, each with a number from 0, and what of the host it names, with what that is
/// called where the copies are.
#[derive(Clone, Debug, Default)]
pub struct Names {
    pub root: (u32, u64),
    pub root_there: (u32, u64),
    pub tasks: HashMap<u32, u64>,
    pub namespaces: HashMap<u32, u64>,
    pub unique: HashMap<u64, u64>,
    pub cgroups: HashMap<(u32, u64), u64>,
    /// Paths of its cgroups that are in none of its own.
    pub paths: Vec<(u32, String)>,
    pub host_namespaces: HashMap<u32, u32>,
    pub host_unique: HashMap<u64, u64>,
    pub host_cgroups: HashMap<(u32, u64), u64>,
    /// Device and inode of the host's root directory, and there.
    pub host_root: [(u32, u64); 2],
}

/// One copy.
#[derive(Clone, Copy, Debug)]
pub struct Twin<'a> {
    pub names: &'a Names,
    pub number: u64,
    /// Nanoseconds later.
    pub later: i64,
}

pub fn kind(bytes: &[u8]) -> Kind {
    Header::read_from_prefix(bytes).map_or(Kind(0), |(header, _)| header.kind)
}

pub fn of<T: FromBytes>(bytes: &[u8]) -> T {
    T::read_from_bytes(bytes).unwrap_or_else(|_| panic!("{} bytes of another ABI", bytes.len()))
}

fn edited<T: FromBytes + IntoBytes + Immutable + KnownLayout>(
    bytes: &[u8],
    edit: impl FnOnce(&mut T),
) -> Vec<u8> {
    let mut record: T = of(bytes);
    edit(&mut record);
    record.as_bytes().to_vec()
}

/// A record as a machine with cgroup v2 alone would have made it; `None` = it would have made none.
pub fn with_v2_alone(bytes: &[u8]) -> Option<Vec<u8>> {
    let of_v2 = |cgroup: CgroupEntry| cgroup.hierarchy == 0;
    match kind(bytes) {
        Kind::FORK => Some(edited(bytes, |record: &mut ForkRecord| {
            keep_v2(&mut record.cgroups);
        })),
        Kind::EXEC | Kind::SNAPSHOT => Some(edited(bytes, |record: &mut CertificateRecord| {
            keep_v2(&mut record.certificate.cgroups);
        })),
        Kind::CGROUP_MKDIR | Kind::CGROUP_RMDIR => {
            of_v2(of::<CgroupRecord>(bytes).cgroup).then(|| bytes.to_vec())
        }
        Kind::CGROUP_ATTACH => of_v2(of::<AttachRecord>(bytes).cgroup).then(|| bytes.to_vec()),
        _ => Some(bytes.to_vec()),
    }
}

fn keep_v2(set: &mut CgroupSet) {
    let count = usize::try_from(set.count).unwrap_or(usize::MAX);
    let entries = set.entries.iter().take(count);
    let own = entries.copied().find(|entry| entry.hierarchy == 0);
    *set = CgroupSet::new_zeroed();
    if let Some(own) = own {
        set.entries[0] = own;
        set.count = 1;
    }
}

impl Twin<'_> {
    /// The copy of a record.
    pub fn record(&self, bytes: &[u8]) -> Vec<u8> {
        match kind(bytes) {
            Kind::FORK => edited(bytes, |record: &mut ForkRecord| {
                self.header(&mut record.header);
                self.task(&mut record.child);
                record.parent_tgid = self.tid(record.parent_tgid);
                self.namespaces(&mut record.namespaces);
                self.cgroups(&mut record.cgroups);
            }),
            Kind::EXEC | Kind::SNAPSHOT => edited(bytes, |record: &mut CertificateRecord| {
                self.header(&mut record.header);
                record.old_tid = self.tid(record.old_tid);
                self.certificate(&mut record.certificate);
            }),
            Kind::EXIT => edited(bytes, |record: &mut ExitRecord| {
                self.header(&mut record.header);
                self.namespaces(&mut record.namespaces);
            }),
            Kind::NAMESPACE => edited(bytes, |record: &mut NamespaceRecord| {
                self.header(&mut record.header);
                self.namespaces(&mut record.namespaces);
            }),
            Kind::CGROUP_MKDIR | Kind::CGROUP_RMDIR => {
                edited(bytes, |record: &mut CgroupRecord| {
                    self.header(&mut record.header);
                    self.path(record.cgroup.hierarchy, &mut record.path);
                    self.cgroup(&mut record.cgroup);
                })
            }
            Kind::CGROUP_ATTACH => edited(bytes, |record: &mut AttachRecord| {
                self.header(&mut record.header);
                self.task(&mut record.target);
                self.path(record.cgroup.hierarchy, &mut record.path);
                self.cgroup(&mut record.cgroup);
            }),
            Kind::SYSCALL => edited(bytes, |record: &mut SyscallRecord| {
                self.header(&mut record.header);
            }),
            // Its fields name nothing of the run's.
            _ => {
                let mut bytes = bytes.to_vec();
                if let Ok((mut header, _)) = Header::read_from_prefix(&bytes) {
                    self.header(&mut header);
                    bytes[..size_of::<Header>()].copy_from_slice(header.as_bytes());
                }
                bytes
            }
        }
    }

    /// A further child of one of the copy's tasks, in its places; `child` is a number of the copies'.
    pub fn fork(&self, payload: &CertificateRecord, child: u64) -> Vec<u8> {
        let mut record = ForkRecord::new_zeroed();
        let (facts, task) = (&payload.certificate, payload.header.task);
        record.header = Header {
            kind: Kind::FORK,
            len: u32::try_from(size_of::<ForkRecord>()).expect("short"),
            ..payload.header
        };
        let number = short(TASKS + self.number * STRIDE + child);
        record.child = TaskId {
            tgid: number,
            tid: number,
            start_ns: payload.header.time_ns + child,
            ..task
        };
        record.parent_tgid = task.tgid;
        record.vpid = 2;
        (record.namespaces, record.cgroups) = (facts.namespaces, facts.cgroups);
        record.as_bytes().to_vec()
    }

    /// The name that its cgroup has in place of this one.
    fn renamed(&self, hierarchy: u32, text: &str) -> Option<String> {
        let mut paths = self.names.paths.iter();
        let (_, top) = paths.find(|(of, path)| {
            let rest = text.strip_prefix(path.as_str());
            *of == hierarchy && rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        })?;
        Some(format!("{top}-{}{}", self.number, &text[top.len()..]))
    }

    fn path(&self, hierarchy: u32, path: &mut [u8]) {
        let end = path
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(path.len());
        let text = String::from_utf8_lossy(&path[..end]).into_owned();
        if let Some(text) = self.renamed(hierarchy, &text) {
            assert!(text.len() < path.len(), "{text} is too long");
            path.fill(0);
            path[..text.len()].copy_from_slice(text.as_bytes());
        }
    }

    fn header(&self, header: &mut Header) {
        header.time_ns = header.time_ns.wrapping_add_signed(self.later);
        self.task(&mut header.task);
    }

    fn task(&self, task: &mut TaskId) {
        if self.names.tasks.contains_key(&task.tgid) {
            task.start_ns = task.start_ns.wrapping_add_signed(self.later);
        } else if task.tgid == self.names.root.0 {
            task.start_ns = self.names.root_there.1;
        }
        (task.tgid, task.tid) = (self.tid(task.tgid), self.tid(task.tid));
    }

    pub fn tid(&self, tid: u32) -> u32 {
        match self.names.tasks.get(&tid) {
            Some(number) => short(TASKS + self.number * STRIDE + number),
            None if tid == self.names.root.0 => self.names.root_there.0,
            None => tid,
        }
    }

    fn namespaces(&self, set: &mut NamespaceSet) {
        for id in [
            &mut set.mnt,
            &mut set.uts,
            &mut set.ipc,
            &mut set.pid,
            &mut set.pid_for_children,
            &mut set.net,
            &mut set.time,
            &mut set.time_for_children,
            &mut set.cgroup,
            &mut set.user,
        ] {
            *id = self.namespace(*id);
        }
        for unique in &mut set.unique {
            if let Some(number) = self.names.unique.get(unique) {
                *unique = LONG + self.number * STRIDE + number;
            } else if let Some(there) = self.names.host_unique.get(unique) {
                *unique = *there;
            }
        }
    }

    fn namespace(&self, id: u32) -> u32 {
        match self.names.namespaces.get(&id) {
            Some(number) => short(NAMESPACES + self.number * STRIDE + number),
            None => self.names.host_namespaces.get(&id).copied().unwrap_or(id),
        }
    }

    fn cgroups(&self, set: &mut CgroupSet) {
        for entry in &mut set.entries {
            self.cgroup(entry);
        }
    }

    fn cgroup(&self, entry: &mut CgroupEntry) {
        let key = (entry.hierarchy, entry.id);
        if let Some(number) = self.names.cgroups.get(&key) {
            entry.id = LONG + self.number * STRIDE + number;
        } else if let Some(there) = self.names.host_cgroups.get(&key) {
            entry.id = *there;
        }
    }

    fn certificate(&self, facts: &mut Certificate) {
        self.namespaces(&mut facts.namespaces);
        self.cgroups(&mut facts.cgroups);
        facts.parent_tgid = self.tid(facts.parent_tgid);
        facts.ptrace_parent_tgid = self.tid(facts.ptrace_parent_tgid);
        let [of_host, there] = self.names.host_root;
        for place in [&mut facts.root, &mut facts.cwd, &mut facts.exe] {
            place.mnt_ns = self.namespace(place.mnt_ns);
            if (place.dev, place.ino) == of_host {
                (place.dev, place.ino) = there;
            }
        }
        for descriptor in &mut facts.descriptors {
            descriptor.mnt_ns = self.namespace(descriptor.mnt_ns);
        }
    }
}

fn short(number: u64) -> u32 {
    u32::try_from(number).expect("fewer copies than there are numbers")
}
