//! A spec to start from and one way to run it. Must not assert anything about a container.

use std::fs::File;
use std::io::Read as _;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};

use tracer::container::plan::RUN_DIRECTORY;
use tracer::container::spec::{CpuQuota, IdMapping, Resources, Root, Seccomp, Spec, User};
use tracer::container::{Exit, Init, Plan, Run, Streams, launch, plan, seccomp};
use tracer::event::NamespaceKind;
use tracer::host::{self, HostFacts};

/// Docker's default set of capabilities.
pub const DEFAULT_CAPABILITIES: u64 = 0xa804_25fb;

static NEXT: AtomicU32 = AtomicU32::new(0);

pub fn new_id() -> String {
    let number = NEXT.fetch_add(1, Ordering::Relaxed);
    format!("tracer-{:08x}{number:04x}", std::process::id())
}

pub fn facts() -> HostFacts {
    host::read(Path::new("/")).expect("facts of this host")
}

/// A shell command in a container with all eight namespaces, a map, limits, Docker's
/// capabilities and the default filter.
pub fn shell(script: &str) -> Spec {
    everything(&["/bin/sh", "-c", script])
}

/// The same for any program.
pub fn everything(args: &[&str]) -> Spec {
    let map = vec![IdMapping {
        inside: 0,
        outside: 100_000,
        count: 65_536,
    }];
    Spec {
        id: new_id(),
        args: args.iter().map(|word| (*word).to_owned()).collect(),
        env: vec!["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".to_owned()],
        workdir: "/".to_owned(),
        hostname: Some("inside".to_owned()),
        new_namespaces: NamespaceKind::ALL.to_vec(),
        root: Root::HostView,
        read_only: false,
        mounts: Vec::new(),
        user: User::default(),
        uid_map: map.clone(),
        gid_map: map,
        resources: Resources {
            cpuset_cpus: Some(vec![0]),
            cpu: Some(CpuQuota {
                quota_us: 50_000,
                period_us: 100_000,
            }),
            memory: Some(256 << 20),
            pids: Some(64),
        },
        capabilities: DEFAULT_CAPABILITIES,
        no_new_privileges: true,
        seccomp: Seccomp::Filter {
            origin: "default".to_owned(),
            profile: Box::new(seccomp::default_profile(DEFAULT_CAPABILITIES)),
        },
        rlimits: Vec::new(),
    }
}

/// A shell command that shares everything with the host but these kinds.
pub fn only(kinds: &[NamespaceKind], script: &str) -> Spec {
    let mut spec = shell(script);
    spec.new_namespaces = kinds.to_vec();
    spec.hostname = None;
    if !kinds.contains(&NamespaceKind::Mnt) {
        spec.root = Root::Shared;
    }
    if !kinds.contains(&NamespaceKind::User) {
        spec.uid_map.clear();
        spec.gid_map.clear();
    }
    spec
}

/// All kinds but the user namespace: the container's root is the host's.
pub fn without_user(script: &str) -> Spec {
    let kinds = NamespaceKind::ALL
        .into_iter()
        .filter(|kind| *kind != NamespaceKind::User);
    let mut spec = only(&kinds.collect::<Vec<_>>(), script);
    spec.hostname = Some("inside".to_owned());
    spec
}

/// What became of a run.
#[derive(Debug)]
pub struct Outcome {
    pub exit: Result<Exit, String>,
    pub output: String,
}

impl Outcome {
    /// The output of a payload that succeeded.
    pub fn success(self) -> String {
        assert_eq!(self.exit, Ok(Exit::Code(0)), "{}", self.output);
        self.output
    }

    /// Why there was no payload.
    pub fn refusal(self) -> String {
        self.exit.expect_err("a refusal")
    }
}

/// Plans and runs `spec` to its end, with standard output and error caught.
pub fn run(spec: &Spec) -> Outcome {
    match plan(spec, &facts()) {
        Ok(plan) => run_plan(&plan),
        Err(error) => Outcome {
            exit: Err(error.to_string()),
            output: String::new(),
        },
    }
}

/// Runs a plan to its end.
pub fn run_plan(plan: &Plan) -> Outcome {
    let (mut reader, writer) = pipe();
    let exit = block_on(to_the_end(plan, writer));
    let mut output = String::new();
    reader
        .read_to_string(&mut output)
        .expect("text from the payload");
    Outcome { exit, output }
}

pub fn block_on<T>(future: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    runtime.expect("a runtime").block_on(future)
}

fn pipe() -> (File, OwnedFd) {
    let (reader, writer) =
        rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).expect("a pipe");
    (File::from(reader), writer)
}

/// Launches a plan with standard streams that go nowhere.
pub fn start(plan: &Plan) -> Result<Init, String> {
    let null = || {
        Some(
            File::options()
                .read(true)
                .write(true)
                .open("/dev/null")
                .ok()?
                .into(),
        )
    };
    start_with(
        plan,
        Streams {
            stdin: null(),
            stdout: null(),
            stderr: null(),
        },
    )
}

fn start_with(plan: &Plan, streams: Streams) -> Result<Init, String> {
    let run = Run::begin(Path::new(RUN_DIRECTORY), &plan.id, &facts().hierarchies)
        .map_err(|error| error.to_string())?;
    launch(plan, run, streams).map_err(|error| error.to_string())
}

async fn to_the_end(plan: &Plan, output: OwnedFd) -> Result<Exit, String> {
    let streams = Streams {
        stdin: Some(File::open("/dev/null").expect("/dev/null").into()),
        stdout: Some(output.try_clone().expect("a descriptor")),
        stderr: Some(output),
    };
    let mut init = start_with(plan, streams)?;
    let exit = drive(&mut init).await;
    init.finish().map_err(|error| error.to_string())?;
    exit
}

async fn drive(init: &mut Init) -> Result<Exit, String> {
    init.wait_ready().await.map_err(|error| error.to_string())?;
    init.open_gate().map_err(|error| error.to_string())?;
    init.exec_outcome()
        .await
        .map_err(|error| error.to_string())?;
    init.wait().await.map_err(|error| error.to_string())
}

/// Whether anything of the run is left: its state file or a cgroup.
pub fn left_of(id: &str) -> Vec<String> {
    let state = Path::new(RUN_DIRECTORY).join(id);
    let cgroups = facts()
        .hierarchies
        .into_iter()
        .map(|hierarchy| hierarchy.mount_point.join(id));
    cgroups
        .chain([state])
        .filter(|path| path.exists())
        .map(|path| path.display().to_string())
        .collect()
}
