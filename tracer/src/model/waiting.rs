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
    let waits = |state: &&TaskState| {
        state.parent == Some(event.task.tgid)
            && state.lineage
            && state.ended.is_none()
            && state.task.tid.0 == state.task.tgid.0
            && has_own(state, model, births)
    };
    let tasks = model.tasks().filter(waits);
    tasks.map(|state| state.task.clone()).collect()
}

/// Whether it is in a namespace that was made in the run and is not that of a container which it
/// is a member of.
fn has_own(state: &TaskState, model: &Model, births: &Births) -> bool {
    let known: &[(NamespaceKind, NsId)] = births
        .of(state.task.tgid)
        .map_or(&[], |birth| &birth.domain.namespaces);
    NamespaceKind::ALL.into_iter().any(|kind| {
        let Some(id) = state.namespaces.get(NamespaceSlot::own(kind)) else {
            return false;
        };
        let origin = model.namespace(kind, id);
        origin.map_or(0, NamespaceOrigin::seq) != 0 && !known.contains(&(kind, id))
    })
}
