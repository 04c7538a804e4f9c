//! How the kernel serves a process, and its terminal, as JSON. Owns these parts of the certificate's
//! shape.

use serde_json::{Value, json};

use crate::event::certificate::{Certificate, SCHED_DEADLINE, Scheduling, Terminal};
use crate::expect::attribute::{
    IO_CLASSES, MEMORY_FLAGS, MEMORY_MODES, POLICIES, SCHEDULER_FLAGS, device_text, name, set_names,
};

/// Without one, both numbers are `null`; `is_host` is `null` when tracer's own is not known.
pub(super) fn terminal(facts: &Certificate, baseline: Option<&Certificate>) -> Option<Value> {
    let own = facts.terminal()?;
    let host = baseline.and_then(Certificate::terminal);
    let is_host = match own {
        Terminal::NONE => Some(false),
        own => host.map(|host| host == own),
    };
    let number = |device: u32| (device != 0).then(|| device_text(device));
    Some(json!({
        "present": own != Terminal::NONE,
        "device": number(own.device),
        "devpts": number(own.devpts),
        "is_host": is_host,
    }))
}

pub(super) fn scheduler(facts: &Certificate) -> Option<Value> {
    let seen = facts.scheduling()?;
    let deadline = (seen.policy == SCHED_DEADLINE).then(|| {
        json!({
            "runtime": seen.deadline.runtime,
            "deadline": seen.deadline.deadline,
            "period": seen.deadline.period,
            "flags": set_names(&SCHEDULER_FLAGS, seen.flags),
        })
    });
    Some(json!({
        "policy": name(&POLICIES, seen.policy),
        "nice": seen.nice,
        "priority": seen.priority,
        "reset_on_fork": seen.flags & Scheduling::RESET_ON_FORK != 0,
        "deadline_ns": deadline,
    }))
}

pub(super) fn io_priority(facts: &Certificate) -> Option<Value> {
    let seen = facts.io_priority()?;
    Some(json!({ "class": name(&IO_CLASSES, seen.class), "priority": seen.level }))
}

pub(super) fn memory_policy(facts: &Certificate) -> Option<Value> {
    let seen = facts.memory_policy()?;
    Some(json!({
        "mode": name(&MEMORY_MODES, seen.mode),
        "nodes": seen.nodes,
        "flags": set_names(&MEMORY_FLAGS, seen.flags),
    }))
}
