//! Seccomp: the default profile, and the compiler from OCI profiles to a filter program. Pure;
//! installing a filter is the business of `sys`.

use thiserror::Error;

/// One classic BPF instruction, as `struct sock_filter` has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// Operation.
    pub code: u16,
    /// Instructions to pass over when a comparison holds.
    pub jt: u8,
    /// Instructions to pass over when it does not.
    pub jf: u8,
    /// Operand.
    pub k: u32,
}

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
#[derive(Debug, Error, PartialEq, Eq)]
pub enum SeccompError {
    /// Something that a filter of this runtime cannot express.
    #[error("the seccomp profile asks for {what}, which tracer can't do: {way_out}")]
    Unsupported {
        /// What.
        what: String,
        /// What to do about it.
        way_out: &'static str,
    },
}
