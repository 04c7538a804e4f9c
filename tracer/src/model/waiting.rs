//! Who waits, set up, for its payload to be started: what OCI calls `created`, told from kernel
//! facts alone. Pure; who asks must read the task soon, as it may go on at any time.

use crate::event::{Body, Event, NamespaceKind, NamespaceSlot, NsId, Task};

use super::{Births, Model, NamespaceOrigin, TaskState};

/// The tasks that a process leaves behind at its end in namespaces that were made in the run, and
/// that have executed nothing there: whoever set them up is done with it. To be called with an
/// event that model and births have taken in.
pub fn left_waiting(event: &Event, model: &Model, births: &Births) -> Vec<Task> {
    let Body::Exit(exit) = &event.body else {
        return Vec::new();
    };
    if !exit.group_dead {
        return Vec::new();
    }
    let children = model.tasks.children(event.task.tgid);
    let waits = children.filter(|state| has_own(state, model, births));
    waits.map(|state| state.task.clone()).collect()
}

/// Whether one that was left waiting still does.
pub fn waits(task: &Task, model: &Model, births: &Births) -> bool {
    let state = model.task(task.tid);
    state.is_some_and(|state| {
        state.task.start_ns == task.start_ns
            && state.ended.is_none()
            && has_own(state, model, births)
    })
}

/// Whether it is in namespaces that were made in the run, and no container is in all of them: a
/// first process that executes nothing itself, as bwrap's, is of the container of its child.
fn has_own(state: &TaskState, model: &Model, births: &Births) -> bool {
    let made: Vec<(NamespaceKind, NsId)> = NamespaceKind::ALL
        .into_iter()
        .filter_map(|kind| Some((kind, state.namespaces.get(NamespaceSlot::own(kind))?)))
        .filter(|(kind, id)| {
            let origin = model.namespace(*kind, *id);
            origin.map_or(0, NamespaceOrigin::seq) != 0
        })
        .collect();
    !made.is_empty() && !births.have_all(&made)
}
