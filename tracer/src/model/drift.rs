//! What an event changed in a container after its payload was executed, in words. Owns these
//! words and what counts as a gain.

use crate::event::Certificate;
use crate::event::certificate::{Limit, Limits, UNLIMITED};
use crate::expect::capability;

use super::Change;

/// What of a payload's certificate later ones are compared with. A fact that is not known gains nothing.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    /// Permitted or effective.
    capabilities: Option<u64>,
    memory: Option<u64>,
    pids: Option<u64>,
    /// Quota and period.
    cpu: Option<(u64, u64)>,
    cpuset_cpus: Option<Box<[u32]>>,
    /// Limits of which was told that they are raised.
    told: Vec<String>,
}

impl From<&Certificate> for Basis {
    fn from(birth: &Certificate) -> Self {
        let limits = birth.limits();
        let capabilities = birth.capabilities();
        Self {
            capabilities: capabilities.map(|sets| sets.permitted | sets.effective),
            memory: limits.memory.map(|limit| limit.effective),
            pids: limits.pids.map(|limit| limit.effective),
            cpu: limits.cpu.map(|cpu| (cpu.quota, cpu.period)),
            cpuset_cpus: limits.cpuset_cpus.map(Vec::into_boxed_slice),
            told: Vec::new(),
        }
    }
}

impl Basis {
    /// Notes that it is told of these, and gives those of which it was not before.
    pub(super) fn tell(&mut self, raised: Vec<String>) -> Vec<String> {
        let new = raised.into_iter();
        let new: Vec<String> = new.filter(|what| !self.told.contains(what)).collect();
        self.told.extend_from_slice(&new);
        new
    }
}

/// Namespaces that a call changed, if any.
pub(super) fn namespaces(call: &str, changes: &[Change]) -> Vec<String> {
    let changed: Vec<String> = changes
        .iter()
        .filter_map(|change| match change {
            Change::Namespace {
                slot,
                before,
                after,
                ..
            } => Some(format!("{} {before} -> {after}", slot.name())),
            _ => None,
        })
        .collect();
    if changed.is_empty() {
        return Vec::new();
    }
    vec![format!("{call}: {}", changed.join(", "))]
}

/// Cgroups that a task was moved to.
pub(super) fn moves(changes: &[Change]) -> Vec<String> {
    let moved = changes.iter().filter_map(|change| match change {
        Change::Cgroup {
            task,
            path,
            way,
            after,
            ..
        } => {
            let path = path.as_ref().map_or("another cgroup", |path| &path.text);
            let whom = match way {
                super::WayIn::MovedBySelf => "itself".to_owned(),
                _ => format!("{}[{}]", task.comm, task.tgid),
            };
            Some(format!(
                "moved {whom} to {path}, hierarchy {}",
                after.hierarchy
            ))
        }
        _ => None,
    });
    moved.collect()
}

/// Capabilities that a program has and the payload had not when it was executed.
pub(super) fn gained(birth: &Basis, now: &Certificate) -> Option<String> {
    let (birth, now) = (birth.capabilities?, now.capabilities()?);
    let gained = (now.permitted | now.effective) & !birth;
    (gained != 0).then(|| format!("gained {}", capability::names(gained)))
}

/// Limits that are laxer than at birth.
pub(super) fn raised(birth: &Basis, now: &Limits) -> Vec<String> {
    let mut raised = Vec::new();
    let of = |limit: Option<Limit>| limit.map(|limit| limit.effective);
    let limits = [
        ("memory limit", birth.memory, of(now.memory)),
        ("limit of tasks", birth.pids, of(now.pids)),
    ];
    for (name, birth, now) in limits {
        if let (Some(birth), Some(now)) = (birth, now)
            && now > birth
        {
            let amount = |value: u64| match value {
                UNLIMITED => "none".to_owned(),
                value => value.to_string(),
            };
            raised.push(format!(
                "{name} raised: {} -> {}",
                amount(birth),
                amount(now)
            ));
        }
    }
    if let (Some((quota, period)), Some(now)) = (birth.cpu, now.cpu) {
        // quota / period > quota / period at birth, without division.
        let more = quota != UNLIMITED
            && (now.quota == UNLIMITED
                || u128::from(now.quota) * u128::from(period)
                    > u128::from(quota) * u128::from(now.period));
        if more {
            raised.push("limit of CPU time raised".to_owned());
        }
    }
    if let (Some(birth), Some(now)) = (&birth.cpuset_cpus, &now.cpuset_cpus)
        && now.iter().any(|cpu| !birth.contains(cpu))
    {
        raised.push("processors added to its cpuset".to_owned());
    }
    raised
}
