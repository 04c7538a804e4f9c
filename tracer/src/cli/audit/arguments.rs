//! The grammar of `tracer audit`. Owns names, defaults and help.

use std::path::PathBuf;

use clap::{Args, ValueEnum, builder::RangedU64ValueParser};

use crate::{
    audit::filter,
    cli::{kernel::KernelArguments, verify},
    verdict::Select,
};

/// Audit the whole host: a record for each container that is born, what becomes of it, and its end,
/// until a signal asks for the end.
///
/// The kernel side tells of whoever is in other namespaces than the machine began with or was
/// moved to another cgroup, and of nobody else. All filters are applied by the program, to the records: the kernel
/// side leaves nothing out for them, as each story rests on records of others.
#[derive(Args, Debug)]
#[command(after_help = crate::cli::exit::HELP)]
pub struct AuditArguments {
    /// Take what is not given as a flag or by the environment from this file, in place of
    /// /etc/tracer/config.toml (`tracer config print` shows what is in effect)
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Form of the records on standard output [default: compact, or none with --output or --journald]
    #[arg(short = 'o', long = "format", value_enum, value_name = "FORM")]
    pub format: Option<Form>,
    /// Write the records to a file, as JSON lines; what is there already stays
    #[arg(long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Begin a new file when it has so many MiB
    #[arg(long, default_value_t = 64, value_parser = RangedU64ValueParser::<u64>::new().range(1..=1 << 20), value_name = "MIB")]
    pub rotate_size: u64,
    /// Keep so many files beside the one that is written: FILE.1 is the latest of them
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u32).range(0..=1000), value_name = "N")]
    pub rotate_keep: u32,
    /// Write the records to the journal of systemd, or to one that listens elsewhere
    #[arg(long, num_args = 0..=1, require_equals = true, default_missing_value = super::journal::SOCKET, value_name = "SOCKET")]
    pub journald: Option<PathBuf>,
    #[command(flatten)]
    pub expected: ExpectedArguments,
    /// Hold the payload of each container that --select takes before its first instruction, until it is judged, and
    /// kill it unless it passes. Whoever is there already is left alone. Sees setns and unshare as --exact does
    #[arg(long, conflicts_with = "economy", help_heading = "Expectations")]
    pub enforce: bool,
    #[command(flatten)]
    pub filter: FilterArguments,
    /// Serve /metrics, /healthz, /readyz and /version over HTTP: ADDR:PORT, or a port of the loopback interface
    #[arg(long, value_parser = super::serve::address, value_name = "ADDR:PORT")]
    pub listen: Option<std::net::SocketAddr>,
    #[command(flatten)]
    pub observed: ObservedArguments,
}

/// How the host is observed.
#[derive(Args, Debug)]
pub struct ObservedArguments {
    /// See setns and unshare as they return, by any way: where the kernel refuses fexit, this costs every
    /// system call of the machine
    #[arg(long, conflicts_with = "economy")]
    pub exact: bool,
    /// Do without setns and unshare, and see their outcome at the next fork, exec or exit; the default
    /// where the kernel refuses fexit
    #[arg(long)]
    pub economy: bool,
    /// MiB of room for records that the program has not read yet: a power of two
    #[arg(long, default_value = "4", value_parser = ring, value_name = "MIB")]
    pub ring: u32,
    /// Room for so many processes whose ends are told of: those of containers, and those that were moved. Where
    /// it is full, a newcomer gets none, and those with namespaces of their own, which tell of them anyway, make some
    #[arg(long, default_value_t = 65_536, value_parser = clap::value_parser!(u32).range(16..=1 << 22), value_name = "N")]
    pub processes: u32,
    #[command(flatten)]
    pub kernel: KernelArguments,
}

/// What is expected of every container.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Expectations")]
pub struct ExpectedArguments {
    /// A file of expectations (see `tracer expect schema`); what its exec shows of a container is held
    /// against those that can be decided then
    #[arg(long, value_name = "FILE")]
    pub expect: Vec<PathBuf>,
    /// Expectations that come with tracer
    #[arg(long, value_name = "NAME", value_parser = crate::cli::expect::presets())]
    pub preset: Vec<String>,
    /// A condition over the birth certificate, in CEL, such as
    /// `linux.ns.net.is_host == false && linux.no_new_privs`
    #[arg(long, value_name = "CEL")]
    pub rule: Vec<String>,
    /// Expect it of these containers and of no others: all, id=PREFIX, program=NAME or cgroup=PATH. Names are up to who makes
    /// a container; only `all` leaves nobody out
    #[arg(long, value_parser = select, value_name = "WHICH")]
    pub select: Option<Select>,
}

/// Which records are written.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Filters of what is written; the kernel side applies none")]
pub struct FilterArguments {
    /// Records of this type, or of those that begin so, as container_born or cgroup
    #[arg(short = 'e', long = "event", value_parser = filter::kinds, value_name = "TYPE")]
    pub event: Vec<Vec<String>>,
    /// Records of containers whose id or name begins so
    #[arg(long, value_name = "PREFIX")]
    pub container: Vec<String>,
    /// Records of processes of this name
    #[arg(long, value_name = "NAME")]
    pub comm: Vec<String>,
    /// Records of processes of this user, where it is known
    #[arg(long, value_name = "UID")]
    pub uid: Vec<u32>,
    /// Records of which this holds, in CEL over the record as it is written (`tracer schema`), such as
    /// `type != 'container_born' || runtime == 'runc'`
    #[arg(long, value_name = "CEL")]
    pub expr: Vec<String>,
}

/// Form of the records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Form {
    /// A line for people
    Compact,
    /// The same
    Table,
    /// A JSON line; `tracer schema` prints what it holds
    Jsonl,
}

/// Of what `tracer verify` takes, all that a birth shows by itself.
fn select(text: &str) -> Result<Select, String> {
    match verify::select(text)? {
        Select::Number(_) | Select::Label(..) | Select::Runtime(_) => Err(format!(
            "`{text}` selects nothing here: an audit has no first container, asks no engine and is not told which programs \
             processes of the host execute; write all, id=PREFIX, program=NAME or cgroup=PATH"
        )),
        other @ (Select::Payloads
        | Select::All
        | Select::Id(_)
        | Select::Program(_)
        | Select::Cgroup(_)) => Ok(other),
    }
}

fn ring(text: &str) -> Result<u32, String> {
    let mib: u32 = text
        .parse()
        .map_err(|_| format!("`{text}` is no number of MiB"))?;
    if !mib.is_power_of_two() || mib > 1024 {
        return Err(format!(
            "`{text}` is no power of two up to 1024; write 4, 8, 16 ..."
        ));
    }
    Ok(mib << 20)
}
