//! Specs that tests start from. Owns what they ask for; must not know what the runtime does.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use tracer::container::seccomp;
use tracer::container::spec::{
    CpuQuota, IdMapping, Mount, MountKind, Resources, RlimitRequest, Root, Seccomp, Spec, User,
};
use tracer::event::NamespaceKind;
use tracer::host::{self, HostFacts};

/// Docker's default set of capabilities.
pub const CAPABILITIES: u64 = 0xa804_25fb;
/// `RLIMIT_NOFILE`.
pub const NOFILE: u32 = 7;
/// The map of [`everything`]: no id of it is one of the host's users.
pub const MAP: IdMapping = IdMapping {
    inside: 0,
    outside: 100_000,
    count: 65_536,
};
/// What the initial user namespace's own map says.
pub const IDENTITY: IdMapping = IdMapping {
    inside: 0,
    outside: 0,
    count: u32::MAX,
};

static NEXT: AtomicU32 = AtomicU32::new(0);

/// Facts of this machine.
pub fn facts() -> HostFacts {
    host::read(Path::new("/")).expect("facts of this host")
}

/// A run's name that no other run has.
pub fn new_id() -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("tracer-{:08x}{number:04x}", std::process::id())
}

/// Asks for everything that can be asked for, so that there is an expectation of every family
/// but that of shared namespaces.
pub fn everything(args: &[&str]) -> Spec {
    let tmpfs = Mount {
        kind: MountKind::Tmpfs {
            size: Some(1 << 20),
            mode: Some(0o700),
        },
        target: "/scratch".to_owned(),
        read_only: false,
    };
    let bind = Mount {
        kind: MountKind::Bind {
            source: PathBuf::from("/usr/share"),
            recursive: true,
        },
        target: "/data".to_owned(),
        read_only: true,
    };
    Spec {
        hostname: Some("inside".to_owned()),
        root: Root::HostView,
        read_only: true,
        mounts: vec![tmpfs, bind],
        user: User {
            uid: 0,
            gid: 0,
            groups: vec![7],
        },
        rlimits: vec![RlimitRequest {
            resource: NOFILE,
            soft: 256,
            hard: 512,
        }],
        resources: Resources {
            cpuset_cpus: Some(vec![0]),
            cpu: Some(CpuQuota {
                quota_us: 50_000,
                period_us: 100_000,
            }),
            memory: Some(256 << 20),
            pids: Some(64),
        },
        ..bare(&NamespaceKind::ALL, args)
    }
}

/// Asks for these namespaces and the defaults of everything else, on the host's own root.
pub fn bare(kinds: &[NamespaceKind], args: &[&str]) -> Spec {
    let map = if kinds.contains(&NamespaceKind::User) {
        vec![MAP]
    } else {
        Vec::new()
    };
    Spec {
        id: new_id(),
        args: args.iter().map(|word| (*word).to_owned()).collect(),
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        workdir: "/".to_owned(),
        hostname: None,
        new_namespaces: kinds.to_vec(),
        root: Root::Shared,
        read_only: false,
        mounts: Vec::new(),
        user: User::default(),
        uid_map: map.clone(),
        gid_map: map,
        resources: Resources::default(),
        capabilities: CAPABILITIES,
        no_new_privileges: true,
        seccomp: Seccomp::Filter {
            origin: "default".to_owned(),
            profile: Box::new(seccomp::default_profile(CAPABILITIES)),
        },
        rlimits: Vec::new(),
    }
}

/// Takes kinds out of a spec, with what needs them.
pub fn share(spec: &mut Spec, kinds: &[NamespaceKind]) {
    spec.new_namespaces.retain(|kind| !kinds.contains(kind));
    if kinds.contains(&NamespaceKind::Uts) {
        spec.hostname = None;
    }
    if kinds.contains(&NamespaceKind::User) {
        spec.uid_map.clear();
        spec.gid_map.clear();
    }
    if kinds.contains(&NamespaceKind::Mnt) {
        spec.root = Root::Shared;
        spec.read_only = false;
        spec.mounts.clear();
    }
}
