//! The grammar of `tracer run`. Owns names, defaults and help; the values' own grammar is in
//! `cli::value`.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use crate::{
    cli::{files, kernel::KernelArguments, recorder, value},
    container::spec::{CpuQuota, GateMode, IdMapping, Mount, RlimitRequest},
};

/// Create a container and prove from the kernel's own records that it is what was asked for.
///
/// Signals to tracer go to the payload; the second INT, TERM, HUP or QUIT ends the container.
#[derive(Args, Debug)]
#[command(after_help = crate::cli::exit::HELP)]
pub struct RunArguments {
    #[command(flatten)]
    pub namespaces: NamespaceArguments,
    #[command(flatten)]
    pub files: FileArguments,
    #[command(flatten)]
    pub process: ProcessArguments,
    #[command(flatten)]
    pub limits: LimitArguments,
    #[command(flatten)]
    pub security: SecurityArguments,
    #[command(flatten)]
    pub report: ReportArguments,
    #[command(flatten)]
    pub recorder: recorder::RecordArguments,
    #[command(flatten)]
    pub kernel: KernelArguments,

    /// Program and arguments to run in the container
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<String>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Namespaces (all eight are new unless some are picked)")]
pub struct NamespaceArguments {
    /// A new mount namespace
    #[arg(short = 'm', long)]
    pub mnt: bool,
    /// A new UTS namespace: host name
    #[arg(short = 'u', long)]
    pub uts: bool,
    /// A new IPC namespace
    #[arg(short = 'i', long)]
    pub ipc: bool,
    /// A new network namespace
    #[arg(short = 'n', long)]
    pub net: bool,
    /// A new PID namespace
    #[arg(short = 'p', long)]
    pub pid: bool,
    /// A new user namespace
    #[arg(short = 'U', long)]
    pub userns: bool,
    /// A new cgroup namespace
    #[arg(short = 'C', long)]
    pub cgroup: bool,
    /// A new time namespace
    #[arg(short = 'T', long)]
    pub time: bool,
    /// All eight, said aloud
    #[arg(long, conflicts_with_all = ["mnt", "uts", "ipc", "net", "pid", "userns", "cgroup", "time"])]
    pub all: bool,
    /// Kinds to share with the host: mnt, uts, ipc, net, pid, user, cgroup, time
    #[arg(long, value_delimiter = ',', value_name = "KINDS")]
    pub share: Vec<String>,
    /// A line of the user map (default 0:100000:65536); may be given five times
    #[arg(long, value_parser = value::id_mapping, value_name = "IN:OUT:COUNT")]
    pub uid_map: Vec<IdMapping>,
    /// A line of the group map (default: as --uid-map)
    #[arg(long, value_parser = value::id_mapping, value_name = "IN:OUT:COUNT")]
    pub gid_map: Vec<IdMapping>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Files")]
pub struct FileArguments {
    /// Root directory of the container (default: a read-only view of the host's, with private
    /// /proc, /dev, /tmp and an otherwise empty writable layer)
    #[arg(long, value_name = "DIR")]
    pub rootfs: Option<PathBuf>,
    /// Make the root mount read-only
    #[arg(long)]
    pub read_only: bool,
    /// A mount, as type=bind,source=/a,target=/b,readonly
    #[arg(long, value_parser = value::mount, value_name = "SPEC")]
    pub mount: Vec<Mount>,
    /// A tmpfs, as /path:size=64m,mode=1777
    #[arg(long, value_parser = value::tmpfs, value_name = "PATH")]
    pub tmpfs: Vec<Mount>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Process")]
pub struct ProcessArguments {
    /// Host name inside (needs a new UTS namespace)
    #[arg(long, value_name = "NAME")]
    pub hostname: Option<String>,
    /// Working directory inside
    #[arg(short = 'w', long, default_value = "/", value_name = "DIR")]
    pub workdir: String,
    /// Environment variable NAME=VALUE, or NAME to pass the host's on
    #[arg(short = 'e', long, value_name = "NAME[=VALUE]")]
    pub env: Vec<String>,
    /// Who the payload runs as, by number or by a name of the container's /etc/passwd
    #[arg(long, value_name = "UID[:GID]")]
    pub user: Option<String>,
    /// A resource limit, as nofile=1024:4096
    #[arg(long, value_parser = value::resource_limit, value_name = "NAME=SOFT[:HARD]")]
    pub rlimit: Vec<RlimitRequest>,
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Limits")]
pub struct LimitArguments {
    /// Processors it may run on, as 0-2,5
    #[arg(long, value_parser = cpu_list, value_name = "LIST")]
    pub cpuset_cpus: Option<CpuList>,
    /// Processors' worth of time, as 1.5
    #[arg(long, value_parser = value::cpu_quota, value_name = "NUMBER")]
    pub cpus: Option<CpuQuota>,
    /// Most memory, as 512m
    #[arg(short = 'M', long, value_parser = value::size, value_name = "SIZE")]
    pub memory: Option<u64>,
    /// Most processes
    #[arg(long, value_parser = value::pids, value_name = "COUNT")]
    pub pids_limit: Option<u64>,
}

/// A list of processors; a type of its own, because clap takes a `Vec` for repeated values.
#[derive(Clone, Debug)]
pub struct CpuList(pub Vec<u32>);

fn cpu_list(text: &str) -> Result<CpuList, String> {
    value::cpus(text).map(CpuList)
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Security")]
pub struct SecurityArguments {
    /// Capabilities to keep beyond Docker's default set
    #[arg(long, value_name = "CAP")]
    pub cap_add: Vec<String>,
    /// Capabilities to take away; `all` for an empty set
    #[arg(long, value_name = "CAP")]
    pub cap_drop: Vec<String>,
    /// Let execve gain no privileges
    #[arg(
        long, default_value_t = true, num_args = 0..=1, require_equals = true,
        default_missing_value = "true", action = clap::ArgAction::Set, value_name = "BOOL"
    )]
    pub no_new_privileges: bool,
    /// Seccomp filter: `default`, `unconfined`, or a file with an OCI profile
    #[arg(long, default_value = "default", value_name = "PROFILE")]
    pub seccomp: String,
    /// What to do with a container that does not satisfy at the gate, before its payload runs
    #[arg(long, value_enum, default_value_t = Gate::Enforce)]
    pub gate: Gate,
}

/// How the gate treats a container that does not satisfy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Gate {
    /// The payload never runs
    Enforce,
    /// It runs all the same, and the report says so
    Warn,
    /// Nothing is read before it runs; what only that shows stays inconclusive
    Off,
}

impl From<Gate> for GateMode {
    fn from(gate: Gate) -> Self {
        match gate {
            Gate::Enforce => Self::Enforce,
            Gate::Warn => Self::Warn,
            Gate::Off => Self::Off,
        }
    }
}

#[derive(Args, Debug)]
#[command(next_help_heading = "Report")]
pub struct ReportArguments {
    /// For people (on standard error) or for programs (on standard output, where the payload's
    /// own goes to standard error then)
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    pub output: Format,
    #[command(flatten)]
    pub files: files::Arguments,
    /// Size of the ring that records come up through
    #[arg(long, default_value = "4m", value_parser = ring_size, value_name = "SIZE")]
    pub ring_size: u32,
    /// Print what the eBPF programs log (a build with the feature debug-ebpf)
    #[arg(long)]
    pub debug_ebpf: bool,
}

/// A form of the report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// A line for each event, and what did not pass
    Compact,
    /// The timeline, the table of expectations, the verdict
    Table,
    /// One document
    Json,
    /// A line for each event and expectation
    Jsonl,
}

/// Reads the size of a ring.
pub fn ring_size(text: &str) -> Result<u32, String> {
    let bytes = value::size(text)?;
    u32::try_from(bytes)
        .ok()
        .filter(|bytes| bytes.is_power_of_two() && (4096..=1 << 30).contains(bytes))
        .ok_or_else(|| format!("`{text}` is not a ring's size; write a power of two from 4k to 1g"))
}
