//! Stable names for processes and containers. Owns how they are made.

use crate::event::{Ancestor, NamespaceSlot, NsId, Task};
use crate::model::Birth;
use crate::report::certificate::entity_id;

use super::record::{Namespace, Process, User};

/// A container's: its payload's boot id, number and start, so that audits that begin before, during
/// and after its creation call it the same.
pub fn container_id(boot_id: &str, payload: &Task) -> String {
    // Told apart from the payload's own by what it is of.
    let mut id = entity_id(&format!("container/{boot_id}"), payload);
    id.truncate(16);
    id
}

/// A process as an event names it.
pub(super) fn process(boot_id: &str, task: &Task, executable: Option<String>) -> Process {
    Process {
        pid: task.tgid.0,
        // Nobody starts with the machine's clock.
        entity_id: (task.start_ns != 0).then(|| entity_id(boot_id, task)),
        name: task.comm.to_string(),
        executable,
        user: None,
    }
}

/// A container's payload.
pub(super) fn payload(boot_id: &str, birth: &Birth) -> Process {
    let executable = birth.certificate.filename().map(|path| path.text.into());
    let executable = executable.filter(|path: &String| !path.is_empty());
    let user = birth.certificate.ids().map(|ids| User { id: ids.uid });
    Process {
        user,
        ..process(boot_id, &birth.payload, executable)
    }
}

/// One that another descends from.
pub(super) fn ancestor(boot_id: &str, one: &Ancestor) -> Process {
    let task = Task {
        tgid: one.tgid,
        start_ns: one.start_ns,
        comm: one.comm.clone().into(),
        ..Task::default()
    };
    Process {
        user: Some(User { id: one.uid }),
        ..process(boot_id, &task, one.exe.clone())
    }
}

/// A namespace.
pub(super) fn namespace(slot: NamespaceSlot, id: NsId) -> Namespace {
    Namespace {
        kind: slot.kind().name().to_owned(),
        inum: id.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Tgid;

    #[test]
    fn a_container_is_named_by_its_payload_and_not_like_it() {
        let task = |start_ns| Task {
            tgid: Tgid(7),
            start_ns,
            ..Task::default()
        };
        assert_eq!(container_id("b", &task(1)), container_id("b", &task(1)));
        assert_ne!(container_id("b", &task(1)), container_id("b", &task(2)));
        assert_ne!(container_id("b", &task(1)), container_id("c", &task(1)));
        let own = process("b", &task(1), None).entity_id.expect("a start");
        assert!(!own.starts_with(&container_id("b", &task(1))));
    }

    #[test]
    fn whose_start_is_not_known_has_no_name_of_its_own() {
        let ancestor = |start_ns| Ancestor {
            tgid: Tgid(7),
            start_ns,
            uid: 0,
            comm: String::new(),
            exe: None,
        };
        assert_eq!(super::ancestor("b", &ancestor(0)).entity_id, None);
        assert!(super::ancestor("b", &ancestor(1)).entity_id.is_some());
    }
}
