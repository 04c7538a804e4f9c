//! What an event changed in a container after its payload was executed, in words. Owns these
//! words and what counts as a gain.

use crate::event::Certificate;
use crate::event::certificate::{Capabilities, Limit, Limits, UNLIMITED};
use crate::expect::capability;

use super::Change;

/// What of a payload's certificate later ones are compared with.
#[derive(Clone, Debug)]
pub(super) struct Basis {
    capabilities: Option<Capabilities>,
    limits: Limits,
}

impl From<&Certificate> for Basis {
    fn from(birth: &Certificate) -> Self {
        Self {
            capabilities: birth.capabilities(),
            limits: birth.limits(),
        }
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

/// What a program has that the payload had not when it was executed.
pub(super) fn gains(birth: &Basis, now: &Certificate) -> Vec<String> {
    let mut gains = Vec::new();
    if let (Some(birth), Some(now)) = (birth.capabilities, now.capabilities()) {
        let gained = (now.permitted | now.effective) & !(birth.permitted | birth.effective);
        if gained != 0 {
            gains.push(format!("gained {}", capability::names(gained)));
        }
    }
    gains.extend(raised(birth, &now.limits()));
    gains
}

/// Limits that are laxer than at birth.
pub(super) fn raised(birth: &Basis, now: &Limits) -> Vec<String> {
    let birth = &birth.limits;
    let mut raised = Vec::new();
    let of = |limit: Option<Limit>| limit.map(|limit| limit.effective);
    let limits = [
        ("memory limit", of(birth.memory), of(now.memory)),
        ("limit of tasks", of(birth.pids), of(now.pids)),
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
    if let (Some(birth), Some(now)) = (birth.cpu, now.cpu) {
        // quota / period > quota / period at birth, without division.
        let more = birth.quota != UNLIMITED
            && (now.quota == UNLIMITED
                || u128::from(now.quota) * u128::from(birth.period)
                    > u128::from(birth.quota) * u128::from(now.period));
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
