//! What a recording says of itself: who made it, where, and what was asked. Owns these fields.

use serde::{Deserialize, Serialize};

use crate::container::spec::{GateMode, Spec};
use crate::event::Tgid;
use crate::expect::Expectation;
use crate::host::HostFacts;
use crate::report::Subject;
use crate::verdict::Select;

/// The first frame.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Header {
    /// Version of the tracer that wrote it.
    pub tracer: String,
    /// Version of the records' contract.
    pub abi: u16,
    /// `little` or `big`: order of bytes in the records.
    pub byte_order: String,
    /// Number and name of each system call that can be recorded.
    pub syscalls: Vec<(u32, String)>,
    /// tracer's own process.
    pub root: Tgid,
    /// The machine.
    pub host: HostFacts,
    /// Two clocks at one moment; absent where it shall not be known when it was.
    pub clock: Option<Clock>,
    /// What was asked.
    pub asked: Asked,
    /// What the judgement was about.
    pub subjects: Vec<Subject>,
}

/// Both in nanoseconds. The records' times are of the boot clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Clock {
    /// Since 1970.
    pub realtime_ns: u64,
    /// Since the machine was started.
    pub boot_ns: u64,
}

/// What was asked.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum Asked {
    /// `tracer run`.
    Run {
        /// The container.
        spec: Box<Spec>,
        /// The gate.
        gate: GateMode,
    },
    /// `tracer verify`.
    Verify {
        /// Program and arguments.
        args: Vec<String>,
        /// What each container had to satisfy.
        expectations: Vec<Expectation>,
        /// Conditions of the user's own, in CEL.
        rules: Vec<String>,
        /// Which containers were judged.
        select: Select,
        /// Payloads were held until they were judged.
        enforce: bool,
    },
}

/// The last frame: what must have come before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trailer {
    /// Records.
    pub records: u64,
    /// Bytes of all records.
    pub record_bytes: u64,
    /// Notes.
    pub notes: u64,
}

impl Header {
    /// The order of bytes of this machine.
    #[must_use]
    pub const fn byte_order() -> &'static str {
        if cfg!(target_endian = "little") {
            "little"
        } else {
            "big"
        }
    }
}
