//! Container runtimes that are not tracer: what each can be asked for, and the command that asks
//! it. Owns their command lines; must not know what tracer expects of them.

mod bundle;
mod daemon;
mod direct;
mod engine;
mod rootfs;
mod takes;
mod unable;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::mount::{UnmountFlags, unmount};
use tracer::cgroup::remove_everywhere;
use tracer::event::NamespaceKind;
use tracer::host::{CgroupVersion, HostFacts};

use crate::binary::{Runs, Said, await_end, is_of_ended_test};
use crate::spec::facts;
use daemon::Daemon;
pub use daemon::start;
pub use takes::{Property, Takes};
pub use unable::memory_is_of_real_time;

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Runtime {
    /// unshare(1) of util-linux.
    Unshare,
    /// bubblewrap.
    Bwrap,
    /// systemd-nspawn, without systemd.
    Nspawn,
    /// lxc-execute.
    Lxc,
    /// The reference implementation of OCI.
    Runc,
    /// OCI in C.
    Crun,
    /// OCI in Rust.
    Youki,
    /// An engine without a daemon, with runc below it.
    Podman,
    /// An engine with a daemon of our own, with containerd and runc below it.
    Docker,
}

/// What is asked of a runtime. What it cannot be asked for fails the test that does.
#[derive(Clone, Debug)]
pub struct Request {
    /// The program inside and its arguments.
    pub args: Vec<String>,
    /// Kinds of namespace that are to be new; the others are to be the host's.
    pub namespaces: Vec<NamespaceKind>,
    /// Bytes.
    pub memory: Option<u64>,
    /// Tasks.
    pub pids: Option<u64>,
    /// Processors as a list, `0-1`.
    pub cpus: Option<String>,
    /// CPU time and period, in microseconds.
    pub cpu_time: Option<(u64, u64)>,
    /// User and group inside.
    pub user: Option<(u32, u32)>,
    /// UTS node name.
    pub hostname: Option<String>,
    /// All that is kept, as in `net_raw`.
    pub capabilities: Option<Vec<&'static str>>,
    /// Sets `no_new_privs`.
    pub no_new_privileges: bool,
    /// The root cannot be written to.
    pub read_only: bool,
    /// Soft and hard limit of open files.
    pub open_files: Option<(u64, u64)>,
}

impl Request {
    /// A program in namespaces of its own, but for those of users and time.
    pub fn new(args: &[&str]) -> Self {
        let shared = [NamespaceKind::User, NamespaceKind::Time];
        let mut namespaces = NamespaceKind::ALL.to_vec();
        namespaces.retain(|kind| !shared.contains(kind));
        Self {
            args: args.iter().map(|word| (*word).to_owned()).collect(),
            namespaces,
            memory: None,
            pids: None,
            cpus: None,
            cpu_time: None,
            user: None,
            hostname: None,
            capabilities: None,
            no_new_privileges: false,
            read_only: false,
            open_files: None,
        }
    }

    /// Everything that `runtime` can be asked for.
    pub fn everything(runtime: Runtime, args: &[&str]) -> Self {
        let can = |property| runtime.can(property);
        Self {
            memory: can(Property::Memory).then_some(64 << 20),
            pids: can(Property::Pids).then_some(50),
            cpus: can(Property::Cpus).then(|| "0".to_owned()),
            cpu_time: can(Property::CpuTime).then_some((50_000, 100_000)),
            user: can(Property::User).then_some((1000, 1001)),
            hostname: can(Property::Hostname).then(|| "inside".to_owned()),
            capabilities: can(Property::Capabilities).then(|| vec!["chown", "net_raw"]),
            no_new_privileges: can(Property::NoNewPrivileges),
            read_only: can(Property::ReadOnly),
            open_files: can(Property::OpenFiles).then_some((256, 512)),
            ..Self::new(args)
        }
    }

    /// Whether `kind` is asked to be new.
    pub fn is_new(&self, kind: NamespaceKind) -> bool {
        self.namespaces.contains(&kind)
    }

    /// The properties that it asks for beyond namespaces.
    pub fn asks(&self) -> Vec<Property> {
        [
            (Property::Memory, self.memory.is_some()),
            (Property::Pids, self.pids.is_some()),
            (Property::Cpus, self.cpus.is_some()),
            (Property::CpuTime, self.cpu_time.is_some()),
            (Property::User, self.user.is_some()),
            (Property::Hostname, self.hostname.is_some()),
            (Property::Capabilities, self.capabilities.is_some()),
            (Property::NoNewPrivileges, self.no_new_privileges),
            (Property::ReadOnly, self.read_only),
            (Property::OpenFiles, self.open_files.is_some()),
        ]
        .into_iter()
        .filter_map(|(property, asked)| asked.then_some(property))
        .collect()
    }
}

impl Runtime {
    /// All.
    pub const ALL: [Self; 9] = [
        Self::Unshare,
        Self::Bwrap,
        Self::Nspawn,
        Self::Lxc,
        Self::Runc,
        Self::Crun,
        Self::Youki,
        Self::Podman,
        Self::Docker,
    ];

    /// What people call it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Unshare => "unshare",
            Self::Bwrap => "bwrap",
            Self::Nspawn => "systemd-nspawn",
            Self::Lxc => "lxc",
            Self::Runc => "runc",
            Self::Crun => "crun",
            Self::Youki => "youki",
            Self::Podman => "podman",
            Self::Docker => "docker",
        }
    }

    /// The programs without which it cannot be tried.
    pub const fn programs(self) -> &'static [&'static str] {
        match self {
            Self::Unshare => &["unshare"],
            Self::Bwrap => &["bwrap"],
            Self::Nspawn => &["systemd-nspawn"],
            Self::Lxc => &["lxc-execute"],
            Self::Runc => &["runc"],
            Self::Crun => &["crun"],
            Self::Youki => &["youki"],
            Self::Podman => &["podman", "conmon", "runc"],
            Self::Docker => &["docker", "dockerd", "containerd", "runc"],
        }
    }

    /// Whether all of these are there, with busybox for the payload.
    pub fn is_installed(self) -> bool {
        let busybox = ["busybox"];
        let mut programs = self.programs().iter().chain(&busybox);
        programs.all(|program| find(program).is_some())
    }
}

/// Where a program is; those for root may be outside `PATH`.
fn find(program: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path);
    let more = ["/usr/local/sbin", "/usr/sbin", "/sbin"].map(PathBuf::from);
    let mut files = folders.chain(more).map(|folder| folder.join(program));
    files.find(|file| file.is_file())
}

/// A program's path as a word of a command line.
fn program(name: &str) -> String {
    find(name).map_or_else(|| name.to_owned(), |path| text(&path))
}

fn text(path: &Path) -> String {
    path.to_str().expect("text").to_owned()
}

/// What the names of the cgroups begin with that containers' are below; the test's number follows.
const CGROUP: &str = "foreign-";

/// A runtime with a root folder, state and cgroups of its own, which all go with it.
pub struct Subject {
    /// Which.
    pub runtime: Runtime,
    /// Its folder, and the mark that its processes bear.
    pub runs: Runs,
    daemon: Option<Daemon>,
    host: HostFacts,
    cgroup: String,
}

impl Subject {
    /// A runtime that is installed and works. Says why by name, and gives nothing, when it does not.
    pub fn new(runtime: Runtime) -> Option<Self> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        if !runtime.is_installed() {
            println!("skipped: {} is not installed", runtime.name());
            return None;
        }
        let host = facts();
        if let Some(reason) = unable::reason(runtime, &host) {
            println!("skipped: {}: {reason}", runtime.name());
            return None;
        }
        let runs = Runs::new();
        remove_orphans(&host);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mut subject = Self {
            runtime,
            runs,
            daemon: None,
            host,
            cgroup: format!("{CGROUP}{}-{number}", std::process::id()),
        };
        rootfs::make(&subject.rootfs());
        if runtime == Runtime::Docker {
            subject.daemon = Some(Daemon::start(&subject));
        }
        Some(subject)
    }

    /// The root folder of its containers.
    pub fn rootfs(&self) -> PathBuf {
        self.runs.path("rootfs")
    }

    /// The folder of `config.json`, for those that take one; written with each command.
    pub fn bundle(&self) -> PathBuf {
        self.runs.path("bundle")
    }

    /// Numbers of the daemons that make its containers, where there are any.
    pub fn daemons(&self) -> Vec<u32> {
        let daemon = self.daemon.iter();
        daemon.flat_map(Daemon::pids).collect()
    }

    /// Name of the cgroup that its containers' are below, where it makes any.
    pub fn cgroup(&self) -> &str {
        &self.cgroup
    }

    /// The words of the command that does what is requested. Each container has the name `name`.
    pub fn words(&self, name: &str, request: &Request) -> Vec<String> {
        let takes = self.runtime.takes();
        for property in request.asks() {
            let can = takes.properties.contains(&property);
            assert!(
                can,
                "{} cannot be asked for {property:?}",
                self.runtime.name()
            );
        }
        for kind in NamespaceKind::ALL {
            let can = takes.can_be(kind, request.is_new(kind));
            assert!(
                can,
                "{} has no choice of {}",
                self.runtime.name(),
                kind.name()
            );
        }
        match self.runtime {
            Runtime::Unshare => direct::unshare(self, request),
            Runtime::Bwrap => direct::bwrap(self, request),
            Runtime::Nspawn => direct::nspawn(self, request),
            Runtime::Lxc => direct::lxc(self, name, request),
            Runtime::Runc => bundle::words(self, name, request),
            Runtime::Youki => bundle::in_time(bundle::words(self, name, request)),
            Runtime::Crun => self.on_pure_v1(bundle::words(self, name, request)),
            Runtime::Podman => engine::podman(self, name, request),
            Runtime::Docker => engine::docker(self, name, request),
        }
    }

    /// The same as a command, with nothing on its standard input.
    pub fn command(&self, name: &str, request: &Request) -> Command {
        let words = self.words(name, request);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).stdin(Stdio::null());
        let (mark, value) = self.runs.mark();
        command.env(mark, value);
        command
    }

    /// Runs it to its end.
    pub fn run(&self, name: &str, request: &Request) -> Said {
        self.runs.finish(&mut self.command(name, request))
    }

    /// Ends what runs beside the containers, and tells what is left then.
    pub fn left(&mut self) -> Vec<String> {
        self.daemon = None;
        let mut left = self.runs.left();
        for hierarchy in &self.host.hierarchies {
            let path = hierarchy.mount_point.join(&self.cgroup);
            left.extend(populated(&path));
        }
        left
    }

    /// `NAME=value` of the mark, for what must be told to hand it on.
    fn mark(&self) -> String {
        let (name, value) = self.runs.mark();
        format!("{name}={value}")
    }

    /// crun refuses a machine with both versions of cgroups: it gets to see v1 alone.
    fn on_pure_v1(&self, words: Vec<String>) -> Vec<String> {
        let is_hybrid = self
            .host
            .hierarchies
            .iter()
            .any(|one| one.version == CgroupVersion::V1 && !one.controllers.is_empty());
        let Some(unified) = self.host.unified().filter(|_| is_hybrid) else {
            return words;
        };
        let script = format!("umount {} && exec \"$@\"", text(&unified.mount_point));
        let before = ["unshare", "-m", "--propagation", "private", "sh", "-c"];
        let mut all: Vec<String> = before.map(str::to_owned).to_vec();
        all.extend([script, "sh".to_owned()]);
        all.extend(words);
        all
    }

    /// Whether limits are set through the files of version 2.
    fn limits_on_v2(&self) -> bool {
        let pids = self.host.hierarchy_of("pids");
        pids.is_some_and(|one| one.version == CgroupVersion::V2)
    }
}

/// Removes cgroups of tests that were killed, and could not.
fn remove_orphans(host: &HostFacts) {
    for hierarchy in &host.hierarchies {
        let names = fs::read_dir(&hierarchy.mount_point).into_iter().flatten();
        let names = names.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let of_ended = |name: &String| name.strip_prefix(CGROUP).is_some_and(is_of_ended_test);
        for name in names.filter(of_ended) {
            // One that cannot be removed is in nobody's way: no test has its name.
            let _left = remove_everywhere(&[&hierarchy.mount_point], &name);
        }
    }
}

/// Cgroups at and below `path` that have processes which do not end. Empty ones are no container's: some runtimes
/// leave theirs, others the folder that was asked for; and podman's conmon ends after podman has.
fn populated(path: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let processes = fs::read_to_string(path.join("cgroup.procs")).unwrap_or_default();
    let ends = |line: &str| line.parse().is_ok_and(await_end);
    if !processes.lines().all(ends) {
        found.push(format!("cgroup {}", path.display()));
    }
    for entry in fs::read_dir(path).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            found.extend(populated(&entry.path()));
        }
    }
    found
}

/// Takes away what an engine that was killed has left mounted.
fn unmount_below(folder: &Path) {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    for point in mounts
        .lines()
        .rev()
        .filter_map(|line| line.split(' ').nth(4))
    {
        if Path::new(point).starts_with(folder) {
            // One that cannot be taken away is told by the test that looks for what is left.
            let _left = unmount(point, UnmountFlags::DETACH);
        }
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        self.daemon = None;
        self.runs.end();
        unmount_below(&self.runs.path(""));
        let hierarchies = self.host.hierarchies.iter();
        let mounts: Vec<&PathBuf> = hierarchies.map(|one| &one.mount_point).collect();
        let removed = remove_everywhere(&mounts, &self.cgroup);
        if !std::thread::panicking() {
            removed.expect("its cgroups go");
        }
    }
}
