//! Seccomp: reading OCI profiles, the default one, and the compiler from a profile to a filter
//! program. Pure; installing a filter is the business of `sys`.

mod compile;
mod default;
mod evaluate;

use oci_spec::runtime::LinuxSeccomp;
use syscalls::Sysno;
use thiserror::Error;

pub use self::compile::compile;
pub use self::default::default_profile;
pub use crate::sys::seccomp::Instruction;

/// `SECCOMP_RET_ALLOW` (include/uapi/linux/seccomp.h).
const RET_ALLOW: u32 = 0x7fff_0000;
/// `SECCOMP_RET_LOG`: allowed, and logged.
const RET_LOG: u32 = 0x7ffc_0000;

/// A compiled filter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Filter {
    /// The program.
    pub program: Vec<Instruction>,
    /// `SECCOMP_FILTER_FLAG_*`.
    pub flags: u32,
    /// Names of the profile that this machine's architecture has no system call for.
    pub skipped: Vec<String>,
}

/// Why a profile cannot become a filter.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum SeccompError {
    /// It is no profile.
    #[error(
        "the seccomp profile {origin} can't be read: {why}: give a JSON object as linux.seccomp of an OCI bundle"
    )]
    Malformed {
        /// Which profile.
        origin: String,
        /// The parser's answer.
        why: String,
    },
    /// It is a profile of another tool.
    #[error(
        "the seccomp profile {origin} is in Docker's own format ('{field}'), whose conditions are not OCI's: give the linux.seccomp that Docker makes of it"
    )]
    DockerFormat {
        /// Which profile.
        origin: String,
        /// Field that gives it away.
        field: &'static str,
    },
    /// Something that a filter of this runtime cannot express.
    #[error("the seccomp profile {origin} asks for {what}, which tracer can't do: {way_out}")]
    Unsupported {
        /// Which profile.
        origin: String,
        /// What.
        what: String,
        /// What to do about it.
        way_out: &'static str,
    },
    /// The kernel takes no program of this length.
    #[error(
        "the seccomp profile {origin} makes {length} instructions, where the kernel takes 4096: use fewer conditions"
    )]
    TooLong {
        /// Which profile.
        origin: String,
        /// Its length.
        length: usize,
    },
    /// Init could not go on behind it.
    #[error(
        "the seccomp profile {origin} does not allow {syscall}, which the container's init still needs behind the filter: allow it"
    )]
    BlocksInit {
        /// Which profile.
        origin: String,
        /// Name of the system call.
        syscall: String,
    },
}

/// Reads an OCI profile.
pub fn parse(origin: &str, text: &str) -> Result<LinuxSeccomp, SeccompError> {
    let malformed = |error: serde_json::Error| SeccompError::Malformed {
        origin: origin.to_owned(),
        why: error.to_string(),
    };
    let value: serde_json::Value = serde_json::from_str(text).map_err(malformed)?;
    // OCI's types pass over unknown fields; passing over these would allow more than was meant.
    let rules = value["syscalls"].as_array().into_iter().flatten();
    let conditional = rules.into_iter().find_map(|rule| {
        ["includes", "excludes"].into_iter().find(|field| {
            rule.get(field)
                .and_then(|field| field.as_object())
                .is_some_and(|field| !field.is_empty())
        })
    });
    if let Some(field) = conditional {
        return Err(SeccompError::DockerFormat {
            origin: origin.to_owned(),
            field,
        });
    }
    serde_json::from_value(value).map_err(malformed)
}

/// Checks that init can do behind `filter` what is left for it to do: speak at the gate, exec,
/// exit; and, `with_identity`, everything between the filter and the gate.
pub fn check_gate(origin: &str, filter: &Filter, with_identity: bool) -> Result<(), SeccompError> {
    let gate = [Sysno::read, Sysno::write, Sysno::execve, Sysno::exit_group];
    let identity = [
        Sysno::setgroups,
        Sysno::setresgid,
        Sysno::setresuid,
        Sysno::capset,
        Sysno::prctl,
        Sysno::umask,
        Sysno::close_range,
    ];
    let identity = identity.iter().filter(|_| with_identity);
    for syscall in gate.iter().chain(identity) {
        let action = filter.evaluate(syscall.id().unsigned_abs(), [0; 6]);
        if action != RET_ALLOW && action != RET_LOG {
            let (origin, syscall) = (origin.to_owned(), syscall.name().to_owned());
            return Err(SeccompError::BlocksInit { origin, syscall });
        }
    }
    Ok(())
}
