//! The library of tracer: a container runtime and kernel observer that proves isolation from
//! what the kernel did. The rooms and what each may touch are in docs/architecture.md.
#![deny(unsafe_code)]

pub mod audit;
pub mod cgroup;
pub mod cli;
pub mod collect;
pub mod container;
pub mod event;
pub mod expect;
pub mod history;
pub mod host;
pub mod model;
pub mod recording;
pub mod replay;
pub mod report;
pub mod run;
pub mod session;
pub mod sys;
pub mod verdict;
pub mod verify;
