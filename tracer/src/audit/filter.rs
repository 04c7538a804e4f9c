//! Which records a reader wants. Owns what each condition looks at; all of them have to hold. The beginning, the end and
//! losses are never left out.

use crate::expect::rule::Rule;

use super::record::{NAMES, Process, Record, What};

/// Conditions; an empty list asks for nothing.
#[derive(Clone, Debug, Default)]
pub struct Filter {
    /// Types of records.
    pub kinds: Vec<String>,
    /// What a container's id or name begins with.
    pub containers: Vec<String>,
    /// Names of processes.
    pub comms: Vec<String>,
    /// Users of processes.
    pub uids: Vec<u32>,
    /// Over the record; one that lacks a field which decides is not taken.
    pub conditions: Vec<Rule>,
}

impl Filter {
    /// Whether it takes a record.
    pub fn takes(&self, record: &Record) -> bool {
        let what = &record.what;
        if matches!(
            what,
            What::AuditStarted(_) | What::AuditResumed { .. } | What::AuditEnded(_) | What::Loss(_)
        ) {
            return true;
        }
        let kind = self.kinds.is_empty() || self.kinds.iter().any(|kind| kind == what.name());
        let container = self.containers.is_empty()
            || what.container().is_some_and(|container| {
                let name = container.name.as_deref().unwrap_or_default();
                let mut wanted = self.containers.iter();
                wanted.any(|prefix| container.id.starts_with(prefix) || name.starts_with(prefix))
            });
        let process = what.process();
        let comm = self.comms.is_empty()
            || process.is_some_and(|process| self.comms.contains(&process.name));
        let uid = self.uids.is_empty()
            || process
                .and_then(Process::uid)
                .is_some_and(|uid| self.uids.contains(&uid));
        kind && container && comm && uid && self.conditions_hold(record)
    }
}

impl Filter {
    fn conditions_hold(&self, record: &Record) -> bool {
        if self.conditions.is_empty() {
            return true;
        }
        let facts = serde_json::to_value(record).unwrap_or_default();
        let mut conditions = self.conditions.iter();
        conditions.all(|condition| condition.decide(&facts) == Ok(true))
    }
}

impl What {
    /// The container that it is about.
    pub fn container(&self) -> Option<&super::record::Container> {
        match self {
            Self::ContainerFound(born) | Self::ContainerBorn(born) => Some(&born.container),
            Self::ContainerViolation(violation) => Some(&violation.container),
            Self::ContainerChanged { container, .. }
            | Self::ContainerEntered { container, .. }
            | Self::ContainerEnded { container, .. } => Some(container),
            Self::CgroupMade(cgroup)
            | Self::CgroupRemoved(cgroup)
            | Self::CgroupMoved { cgroup, .. } => cgroup.container.as_ref(),
            _ => None,
        }
    }

    /// The process that it is about.
    pub fn process(&self) -> Option<&Process> {
        match self {
            Self::ContainerFound(born) | Self::ContainerBorn(born) => Some(&born.process),
            Self::ContainerViolation(violation) => Some(&violation.process),
            Self::ContainerEntered { process, .. }
            | Self::NamespaceMade { process, .. }
            | Self::NamespaceJoined { process, .. } => Some(process),
            Self::CgroupMade(cgroup)
            | Self::CgroupRemoved(cgroup)
            | Self::CgroupMoved { cgroup, .. } => Some(&cgroup.process),
            _ => None,
        }
    }
}

/// Reads what `-e` says: a type of record, or what some begin with, as `container`.
pub fn kinds(text: &str) -> Result<Vec<String>, String> {
    let named = NAMES.iter().filter(|name| {
        **name == text
            || name
                .strip_prefix(text)
                .is_some_and(|rest| rest.starts_with('_'))
    });
    let named: Vec<String> = named.map(|name| (*name).to_owned()).collect();
    if named.is_empty() {
        return Err(format!(
            "there is no record `{text}`; there are {}, and what several begin with, as container",
            NAMES.join(", ")
        ));
    }
    Ok(named)
}
