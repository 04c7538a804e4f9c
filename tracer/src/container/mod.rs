//! The runtime: from a Spec to a container whose init stands at the gate, and its end.
//! `spec`, `plan`, `handshake` and `seccomp` are pure; `launch` and `child` carry a plan out;
//! `gate` is what the rest of tracer holds of a running container; `cleanup` leaves nothing.
pub mod child;
pub mod cleanup;
pub mod gate;
pub mod handshake;
pub mod launch;
pub mod plan;
pub mod seccomp;
pub mod spec;

pub use cleanup::{CleanupError, Run, sweep};
pub use gate::{ExecError, Exit, Init};
pub use launch::{LaunchError, Streams, launch};
pub use plan::{Plan, PlanError, plan};
pub use spec::Spec;
