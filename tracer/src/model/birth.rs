//! One container, and what has become of it. Owns what is kept of one; how it comes about is `births`' word.

use serde::Serialize;
use smol_str::SmolStr;

use crate::event::{Certificate, Task, Tgid};

use super::{Domain, drift::Basis, membership::List, stage::Who, task::Ended};

/// One container: a payload and what it was born into. Of one that was released, certificate, runtime, paths of cgroups
/// and drift are empty.
#[derive(Clone, Debug)]
pub struct Birth {
    /// From 1, in the order of births.
    pub number: usize,
    /// The payload's exec.
    pub seq: u64,
    /// When that was, in nanoseconds of boot time.
    pub time_ns: u64,
    /// The payload.
    pub payload: Task,
    /// What the kernel knew of the payload as it was executed; nothing, once it was released.
    pub certificate: Certificate,
    /// What sets it apart.
    pub domain: Domain,
    /// Number of the container that its payload descends from.
    pub within: Option<usize>,
    /// The record of the birth of the innermost one with namespaces that it is within, which may be forgotten by now.
    /// What has cgroups alone may be a runtime's own stage.
    pub since: Option<u64>,
    /// The program that made it: the last one that the payload's creators executed outside.
    pub runtime: Option<SmolStr>,
    /// Its name as its cgroup's path tells it.
    pub id: Option<String>,
    /// Paths of its own cgroups, below the roots of their hierarchies, each once.
    pub cgroup_paths: Vec<SmolStr>,
    /// Records of programs that ran in it before its root was its own, such as a runtime's hooks.
    pub stages: Vec<u64>,
    /// What changed in it later.
    pub drift: Vec<Drift>,
    /// The payload's end.
    pub ended: Option<Ended>,
    /// The payload's file is its creator's: a program that executed itself anew.
    pub(super) same_program: bool,
    /// Its root directory is tracer's own.
    pub(super) host_root: bool,
    /// It ended with another status than 0, in a way that tells a stage.
    pub(super) failed: bool,
    /// A container with namespaces of its own was made in it.
    pub(super) maker: bool,
    /// Somebody of it has made namespaces.
    pub(super) made_namespaces: bool,
    /// Who stood in its cgroups or above them, where nothing else sets it apart.
    pub(super) beside: Vec<Who>,
    /// What is compared with what its members have later.
    pub(super) basis: Basis,
    /// Where its payload was when it was executed: a list that is shared with the payload.
    pub(super) home: List,
}

/// Something that changed in a container after its payload was executed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Drift {
    /// The record.
    pub seq: u64,
    /// What changed.
    pub what: String,
    /// Who did it, as `name[pid]`, or that no record tells.
    pub by: String,
}

/// Something that an event has brought about: the number of the container that it is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It was born, or its payload takes the place of what ran in it before.
    Born(usize),
    /// Its last drift is new.
    Changed(usize),
    /// A process from outside has come into it.
    Entered(usize, Tgid),
    /// Nobody lives in it any more.
    Ended(usize),
}
