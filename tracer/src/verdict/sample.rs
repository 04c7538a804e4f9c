//! A run in which everything is as asked, for tests to spoil. Owns no claims.

mod machine;
mod served;

use std::path::PathBuf;
use std::sync::Arc;

use tracer_common::record::{
    AttachRecord, BandwidthChain, Capabilities, Certificate, CgroupRecord, CgroupSet, ClockOffset,
    Descriptor, ForkRecord, IdExtent, IdMap, Ids, LimitChain, MAX_ANCESTORS, NamespaceRecord,
    PathFact, Rlimit, UNLIMITED,
};
use zerocopy::{FromZeros, Immutable, IntoBytes};

use crate::container::spec::{
    CpuQuota, IdMapping, Mount, MountKind, Resources, RlimitRequest, Root, Seccomp, Spec, User,
};
use crate::event::sample::{self, HOST, INIT, NEW, ROOT};
use crate::event::{Event, NamespaceKind, Tgid};
use crate::expect::{Expectation, from_spec};
use crate::host::HostFacts;
use crate::model::{Change, Model};

use super::mountinfo::{self, MountInfo};
use super::{Judgement, Observation, PerKind, judge_final, judge_gate, judge_refused};

pub(crate) use machine::host;

/// Name of the run.
pub(crate) const ID: &str = "tracer-0123456789ab";
/// v1 hierarchies by number, and v2.
pub(crate) const UNIFIED: u32 = 0;
pub(crate) const MEMORY: u32 = 3;
/// Docker's default set.
const DEFAULT_CAPS: u64 = 0xa804_25fb;

pub(crate) fn spec() -> Spec {
    let map = vec![IdMapping {
        inside: 0,
        outside: 100000,
        count: 65536,
    }];
    Spec {
        id: ID.to_owned(),
        args: vec!["sh".to_owned(), "-c".to_owned(), "id".to_owned()],
        env: Vec::new(),
        workdir: "/".to_owned(),
        hostname: Some("box".to_owned()),
        new_namespaces: NamespaceKind::ALL.to_vec(),
        root: Root::HostView,
        read_only: true,
        mounts: vec![
            Mount {
                kind: MountKind::Tmpfs {
                    size: Some(65537),
                    mode: Some(0o700),
                },
                target: "/scratch".to_owned(),
                read_only: false,
            },
            Mount {
                kind: MountKind::Bind {
                    source: PathBuf::from("/srv"),
                    recursive: true,
                },
                target: "/data".to_owned(),
                read_only: true,
            },
        ],
        user: User::default(),
        uid_map: map.clone(),
        gid_map: map,
        resources: Resources {
            cpuset_cpus: Some(vec![1]),
            cpu: Some(CpuQuota {
                quota_us: 50_000,
                period_us: 100_000,
            }),
            memory: Some(64 << 20),
            pids: Some(32),
        },
        capabilities: DEFAULT_CAPS,
        no_new_privileges: true,
        seccomp: Seccomp::Filter {
            origin: "default".to_owned(),
            profile: Box::default(),
        },
        rlimits: vec![RlimitRequest {
            resource: 7,
            soft: 256,
            hard: 512,
        }],
    }
}

/// The id of the run's cgroup in a hierarchy.
fn own(hierarchy: u32) -> u64 {
    u64::from(hierarchy) * 100 + 7
}

fn cgroups(id: impl Fn(u32) -> u64) -> CgroupSet {
    let members: Vec<(u32, u64)> = (0..5).map(|hierarchy| (hierarchy, id(hierarchy))).collect();
    sample::cgroups(&members)
}

/// What tracer itself has.
fn baseline() -> Certificate {
    sample::certificate_with(|facts| {
        facts.namespaces = HOST;
        facts.cgroups = cgroups(|_| 1);
        facts.root.ino = 2;
        facts.root.mnt_ns = HOST.mnt;
        facts.seccomp_filters = 0;
        (facts.umask, facts.session_keyring) = (0o22, 5);
        facts.device_list.behavior = 1;
        facts.terminal = served::terminal(24);
        facts.domainname[..6].copy_from_slice(b"(none)");
        facts.cpuset_mems[0] = 0b11;
        facts.rlimits = [Rlimit {
            soft: UNLIMITED,
            hard: UNLIMITED,
        }; 16];
    })
}

/// A limit at each level, from the own cgroup up.
pub(crate) fn chain(levels: &[u64]) -> LimitChain {
    let mut values = [0; MAX_ANCESTORS];
    values[..levels.len()].copy_from_slice(levels);
    LimitChain {
        levels: u32::try_from(levels.len()).expect("a few"),
        truncated: 0,
        values,
    }
}

/// What the container has.
fn contained() -> Certificate {
    let path = |ino, flags| PathFact {
        ino,
        magic: 0,
        dev: 40,
        mnt_ns: NEW.mnt,
        mnt_id: 500,
        flags,
    };
    let map = IdMap {
        count: 1,
        extents: [IdExtent {
            inside: 0,
            outside: 100000,
            count: 65536,
        }; 5],
    };
    sample::certificate_with(|facts| {
        facts.namespaces = NEW;
        facts.vpid = 1;
        facts.pid_level = 1;
        facts.cgroups = cgroups(own);
        facts.ids = Ids {
            uid: 100000,
            gid: 100000,
            suid: 100000,
            sgid: 100000,
            euid: 100000,
            egid: 100000,
            fsuid: 100000,
            fsgid: 100000,
        };
        facts.capabilities = Capabilities {
            inheritable: 0,
            permitted: DEFAULT_CAPS,
            effective: DEFAULT_CAPS,
            bounding: DEFAULT_CAPS,
            ambient: 0,
        };
        (facts.uid_map, facts.gid_map) = (map, map);
        facts.hostname[..3].copy_from_slice(b"box");
        facts.no_new_privs = 1;
        (facts.seccomp_mode, facts.seccomp_filters) = (2, 1);
        (facts.memory, facts.pids) = (chain(&[64 << 20, UNLIMITED]), chain(&[32, UNLIMITED]));
        facts.cpu = BandwidthChain {
            levels: 1,
            truncated: 0,
            quotas: [50_000_000; MAX_ANCESTORS],
            periods: [100_000_000; MAX_ANCESTORS],
        };
        (facts.cpus_allowed[0], facts.cpuset_cpus[0]) = (0b10, 0b10);
        let top = PathFact::MOUNT_ROOT | PathFact::AT_NAMESPACE_ROOT;
        facts.root = path(1, top | PathFact::MOUNT_READ_ONLY);
        (facts.cwd, facts.exe) = (path(1, 0), path(9, 0));
        facts.rlimits[7] = Rlimit {
            soft: 256,
            hard: 512,
        };
        (facts.umask, facts.session_keyring) = (0o27, 6);
        (facts.oom_score_adj, facts.device_list) = (-5, sample::devices());
        facts.time_offsets.boottime = ClockOffset {
            seconds: 3600,
            nanoseconds: 1,
        };
        served::contained(facts);
        facts.descriptor_count = 3;
        for (fd, slot) in (0..).zip(&mut facts.descriptors[..3]) {
            *slot = pipe(fd);
        }
    })
}

pub(crate) fn pipe(fd: u32) -> Descriptor {
    Descriptor {
        ino: 77,
        fd,
        flags: 0,
        mode: 0o010_600,
        mnt_ns: 0,
        dev: 12,
        magic: 0,
    }
}

/// mountinfo of the container at the gate.
const MOUNTS: &str = "\
500 499 0:40 / / ro,nosuid - tmpfs tmpfs rw
501 500 8:1 /usr /usr ro,relatime - ext4 /dev/vda rw
502 500 8:1 /etc /etc ro,relatime - ext4 /dev/vda rw
503 500 0:41 / /proc rw,nosuid,nodev,noexec - proc proc rw
504 500 0:42 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
505 504 0:43 / /dev/shm rw,nosuid,nodev - tmpfs shm rw
506 500 0:44 / /scratch rw,nosuid,nodev - tmpfs tmpfs rw,size=68k,mode=700
507 500 8:1 /srv /data ro,relatime - ext4 /dev/vda rw
508 504 0:5 /null /dev/null rw,nosuid - devtmpfs devtmpfs rw
";

/// Of tracer itself.
pub(crate) const HOST_MOUNTS: &str = "\
20 1 8:1 / / rw,relatime - ext4 /dev/vda rw
21 20 0:5 / /dev rw,nosuid - devtmpfs devtmpfs rw
22 20 0:21 / /proc rw,relatime - proc proc rw
23 20 0:22 / /tmp rw,nosuid - tmpfs tmpfs rw
";

/// A run; every part can be spoilt before it is played.
#[derive(Clone)]
pub(crate) struct Scenario {
    pub spec: Spec,
    pub host: HostFacts,
    pub baseline: Certificate,
    pub gate: Certificate,
    pub exec: Certificate,
    /// Program of init's exec.
    pub program: &'static str,
    pub fork: ForkRecord,
    pub mkdirs: Vec<CgroupRecord>,
    pub attaches: Vec<AttachRecord>,
    pub calls: Vec<NamespaceRecord>,
    /// Raw records between the gate and the exec.
    pub between: Vec<Vec<u8>>,
    /// Raw records after the exec.
    pub after: Vec<Vec<u8>>,
    pub mounts: Option<Vec<MountInfo>>,
}

/// A scenario, played.
pub(crate) struct Outcome {
    pub expectations: Vec<Expectation>,
    pub model: Model,
    pub observation: Observation,
    pub events: Vec<(Event, Vec<Change>)>,
}

impl Scenario {
    pub(crate) fn good() -> Self {
        let path = format!("/{ID}");
        // By clone only v2 is entered; the rest is inherited from tracer, then init is moved.
        let at_clone = cgroups(|hierarchy| {
            if hierarchy == UNIFIED {
                own(UNIFIED)
            } else {
                1
            }
        });
        Self {
            spec: spec(),
            host: host(),
            baseline: baseline(),
            gate: contained(),
            exec: contained(),
            program: "/bin/sh",
            fork: sample::fork(
                ROOT,
                INIT,
                sample::ALL_NEW | sample::INTO_CGROUP,
                NEW,
                &at_clone,
            ),
            mkdirs: (0..5)
                .map(|number| sample::mkdir(ROOT, number, own(number), &path))
                .collect(),
            attaches: (1..5)
                .map(|number| sample::attach(ROOT, INIT, number, own(number), &path))
                .collect(),
            calls: Vec::new(),
            between: Vec::new(),
            after: Vec::new(),
            mounts: mountinfo::parse(MOUNTS),
        }
    }

    /// The good run, with one thing spoilt.
    pub(crate) fn with(spoil: impl FnOnce(&mut Self)) -> Self {
        let mut scenario = Self::good();
        spoil(&mut scenario);
        scenario
    }

    /// The good run, with the same thing spoilt at the gate and at exec.
    pub(crate) fn with_facts(spoil: impl Fn(&mut Certificate)) -> Self {
        Self::with(|scenario| {
            spoil(&mut scenario.gate);
            spoil(&mut scenario.exec);
        })
    }

    /// Its records up to the gate.
    fn before_gate(&self) -> Vec<Vec<u8>> {
        let mut records = vec![bytes(&sample::snapshot(ROOT, &self.baseline))];
        records.extend(self.mkdirs.iter().map(bytes));
        records.push(bytes(&self.fork));
        records.extend(self.attaches.iter().map(bytes));
        records.extend(self.calls.iter().map(bytes));
        for place in [
            "/usr", "/etc", "/proc", "/dev", "/dev/shm", "/scratch", "/data",
        ] {
            records.push(bytes(&sample::syscall(INIT, 165, [0; 6], place)));
        }
        records.push(bytes(&sample::syscall(INIT, 155, [0; 6], "/")));
        for capability in [2, 3] {
            let arguments = [24, capability, 0, 0, 0, 0];
            records.push(bytes(&sample::syscall(INIT, 157, arguments, "")));
        }
        records.push(bytes(&sample::snapshot(INIT, &self.gate)));
        records
    }

    /// All its records.
    pub(crate) fn records(&self) -> Vec<Vec<u8>> {
        let mut records = self.before_gate();
        records.extend(self.between.iter().cloned());
        records.push(bytes(&sample::exec(INIT, &self.exec, self.program)));
        records.extend(self.after.iter().cloned());
        records.push(bytes(&sample::exit(INIT, 0)));
        for made in &self.mkdirs {
            let mut gone = *made;
            gone.header.kind = tracer_common::Kind::CGROUP_RMDIR;
            records.push(bytes(&gone));
        }
        records
    }

    /// Plays records, of which those with a number in `lost` are not delivered, and the counters
    /// say so.
    pub(crate) fn play_of(&self, records: &[Vec<u8>], lost: &[usize]) -> Outcome {
        let root = Tgid(ROOT.tgid);
        let baseline = self.baseline.into();
        let mut outcome = Outcome {
            expectations: from_spec(&self.spec, &self.host),
            model: Model::new(root, &baseline),
            observation: Observation::new(root),
            events: Vec::new(),
        };
        let observation = &mut outcome.observation;
        observation.init = Some(Tgid(INIT.tgid));
        observation.mounts = self.mounts.clone().map(Arc::from);
        observation.host_mounts = mountinfo::parse(HOST_MOUNTS).map(Arc::from);
        let mut made = PerKind::default();
        for (number, record) in (0..).zip(records) {
            let mut event = crate::event::decode(&sample::syscalls(), number, record);
            event.time_ns += number * 10_000;
            made.add(event.body.kind(), 1);
            if lost.contains(&usize::try_from(number).expect("small")) {
                observation.counters.lost.add(event.body.kind(), 1);
                continue;
            }
            observation.note(&event);
            let changes = outcome.model.apply(&event);
            outcome.events.push((event, changes));
        }
        observation.counters.submitted = made;
        outcome
    }

    pub(crate) fn play(&self) -> Outcome {
        self.play_of(&self.records(), &[])
    }

    pub(crate) fn judge_final(&self) -> Judgement {
        self.play().judge_final()
    }

    pub(crate) fn judge_gate(&self) -> Judgement {
        let outcome = self.play_of(&self.before_gate(), &[]);
        judge_gate(&outcome.expectations, &outcome.model, &outcome.observation)
    }

    /// The gate stays shut: init is killed there, unless it runs the payload all the same.
    pub(crate) fn judge_refused(&self, runs: bool) -> Judgement {
        let mut records = self.before_gate();
        if runs {
            records.push(bytes(&sample::exec(INIT, &self.exec, self.program)));
        }
        records.push(bytes(&sample::exit(INIT, 9)));
        let outcome = self.play_of(&records, &[]);
        judge_refused(&outcome.expectations, &outcome.model, &outcome.observation)
    }
}

impl Outcome {
    pub(crate) fn judge_final(&self) -> Judgement {
        judge_final(&self.expectations, &self.model, &self.observation)
    }
}

pub(crate) fn bytes(record: &(impl IntoBytes + Immutable)) -> Vec<u8> {
    record.as_bytes().to_vec()
}

/// A certificate of nothing, in which no fact is valid.
pub(crate) fn nothing() -> Certificate {
    Certificate::new_zeroed()
}
