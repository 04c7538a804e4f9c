//! What user space took or did besides the records, as data: all that a verdict rests on and that
//! no record holds. Owns the notes; what they change is `History`'s.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tracer_common::Kind;

use crate::collect::hooks::HookChoice;
use crate::event::Tgid;
use crate::expect::Readings;
use crate::verdict::{Act, Labels, MountInfo, Unattached};

/// One of them. They stand in the order in which they were taken, among the records.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "note", rename_all = "snake_case")]
pub enum Note {
    /// The hooks are attached, and the records so far tell of the host as it was found.
    Began {
        /// What became of each hook.
        hooks: Vec<HookChoice>,
        /// Records that cannot come.
        unattached: Vec<Unattached>,
    },
    /// Numbers of the hierarchies that have limits.
    Limiting {
        /// Ascending.
        hierarchies: Vec<u32>,
    },
    /// A process that was there before is in scope from here on.
    Adopted {
        /// Who.
        tgid: Tgid,
    },
    /// The container's init is known.
    Init {
        /// Who.
        tgid: Tgid,
    },
    /// The counters of the kernel side, as they were read.
    Counters {
        /// By kind.
        kinds: Vec<Count>,
        /// Thread groups that could not be taken into scope.
        scope_full: u64,
    },
    /// The mount tables at the gate; `None` = not read, or not understood.
    GateMounts {
        /// Init's.
        own: Option<Vec<MountInfo>>,
        /// tracer's own.
        host: Option<Vec<MountInfo>>,
    },
    /// The gate was judged by all that comes before.
    Gate,
    /// tracer's own mount table.
    HostMounts {
        /// `None` = could not be read.
        table: Option<Vec<MountInfo>>,
    },
    /// The mount table of a container.
    Mounts {
        /// Number of the record of its birth.
        birth: u64,
        /// `None` = could not be read.
        table: Option<Vec<MountInfo>>,
    },
    /// A task was looked at as it waited, set up, for its payload to be started.
    Waited {
        /// Number of the record with its facts.
        seq: u64,
        /// Its mount table; `None` = could not be read.
        mounts: Option<Vec<MountInfo>>,
        /// What else was read about it; `None` = nothing was asked for.
        #[serde(default)]
        readings: Option<Readings>,
    },
    /// What was read about a container beside its mount table.
    Readings {
        /// Number of the record of its birth.
        birth: u64,
        /// By place.
        found: Readings,
    },
    /// What engines say of a container's labels.
    Labels {
        /// Number of the record of its birth.
        birth: u64,
        /// What they say.
        labels: Labels,
    },
    /// Enforcement has decided upon a task that was held, by all that comes before.
    Decided {
        /// Number of the record of its exec.
        seq: u64,
        /// What was done.
        act: Act,
        /// The kernel refuses to change its namespaces from here on.
        keeps_namespaces: bool,
    },
    /// Enforcement has killed a container that it had let go and that changed.
    KilledForDrift {
        /// Number of the record of its payload's exec.
        seq: u64,
    },
}

impl Note {
    /// Its name in a recording.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Began { .. } => "began",
            Self::Limiting { .. } => "limiting",
            Self::Adopted { .. } => "adopted",
            Self::Init { .. } => "init",
            Self::Counters { .. } => "counters",
            Self::GateMounts { .. } => "gate_mounts",
            Self::Gate => "gate",
            Self::HostMounts { .. } => "host_mounts",
            Self::Mounts { .. } => "mounts",
            Self::Waited { .. } => "waited",
            Self::Decided { .. } => "decided",
            Self::KilledForDrift { .. } => "killed_for_drift",
            Self::Readings { .. } => "readings",
            Self::Labels { .. } => "labels",
        }
    }
}

/// One kind's part of the counters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Count {
    /// Number of the kind.
    #[serde(with = "kind")]
    pub kind: Kind,
    /// Records that a hook set out to emit.
    pub submitted: u64,
    /// Records for which the ring had no room.
    pub lost: u64,
}

/// How it all ended, and what it cost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct End {
    /// How what was run ended.
    pub ending: Ending,
    /// Time to attach.
    pub attach: Duration,
    /// Time to detach.
    pub detach: Duration,
    /// From the start to detached hooks.
    pub total: Duration,
}

impl End {
    /// What is known where a recording is cut off before it.
    pub(crate) const UNKNOWN: Self = Self {
        ending: Ending::Unknown,
        attach: Duration::ZERO,
        detach: Duration::ZERO,
        total: Duration::ZERO,
    };
}

/// How what was run ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
pub enum Ending {
    /// The gate stayed shut.
    NeverRan,
    /// It could not be executed.
    NotExecuted {
        /// Why.
        error: String,
        /// Whether there was such a program.
        found: bool,
    },
    /// It exited.
    Exited {
        /// Its code.
        code: u8,
    },
    /// A signal ended it.
    Signaled {
        /// Number of the signal.
        signal: u8,
    },
    /// What is left of a recording does not tell; none is written with it.
    #[serde(skip)]
    Unknown,
}

/// A kind is its number.
pub(crate) mod kind {
    use serde::{Deserialize, Deserializer, Serializer};
    use tracer_common::Kind;

    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands it over so")]
    pub(crate) fn serialize<S: Serializer>(kind: &Kind, out: S) -> Result<S::Ok, S::Error> {
        out.serialize_u16(kind.0)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Kind, D::Error> {
        u16::deserialize(from).map(Kind)
    }
}
