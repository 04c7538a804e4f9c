//! What takes place outside of containers: namespaces made and joined, cgroups made, removed and moved
//! to. Owns which of it is told.

use std::collections::BTreeSet;

use crate::event::{Body, CgroupDir, Event, NamespaceKind, NamespaceSlot, NsId};
use crate::model::{Change, Model};

use super::auditor::{Auditor, seen};
use super::identity;
use super::record::{Cgroup, Namespace, What};

impl Auditor {
    /// Namespaces that nobody was known to be in before this event.
    pub(super) fn unknown(&self, event: &Event) -> BTreeSet<NsId> {
        let set = match &event.body {
            Body::Fork(fork) => fork.namespaces,
            Body::Namespace(call) => call.namespaces,
            Body::Exit(exit) => *exit.namespaces.clone().unwrap_or_default(),
            _ => return BTreeSet::new(),
        };
        let slots = NamespaceSlot::ALL.into_iter();
        let all = slots.filter_map(|slot| Some((slot, set.get(slot)?)));
        all.filter(|(slot, id)| self.model.namespace(slot.kind(), *id).is_none())
            .map(|(_, id)| id)
            .collect()
    }

    /// Tells of namespaces that somebody outside of any container has come to have.
    pub(super) fn namespaces(&mut self, event: &Event, changes: &[Change], new: &BTreeSet<NsId>) {
        let of_exit;
        let (changes, call) = match &event.body {
            // The child of one that has called unshare, unseen, is told of its outcome.
            Body::Fork(fork) => {
                let kinds = NamespaceKind::ALL.into_iter();
                let made = kinds
                    .map(NamespaceKind::clone_flag)
                    .any(|flag| fork.flags & flag != 0);
                (changes, made.then_some("clone"))
            }
            Body::Namespace(_) => (changes, Some(event.body.name())),
            Body::Exit(exit) if self.model.task(event.task.tid).is_none() => {
                let set = exit.namespaces.as_deref();
                of_exit = set.map_or_else(Vec::new, |set| {
                    Model::differing(&self.own, set, event.task.tid)
                });
                (of_exit.as_slice(), None)
            }
            _ => return,
        };
        let mut made: Vec<Namespace> = Vec::new();
        let mut joined: Vec<Namespace> = Vec::new();
        let ends = matches!(event.body, Body::Exit(_));
        for change in changes {
            if let Change::Namespace { slot, after, .. } = change {
                // What a child has of its creator's shows as no change; back to the host is no joining.
                let list = if new.contains(after) {
                    &mut made
                } else {
                    &mut joined
                };
                let namespace = identity::namespace(*slot, *after);
                if self.own.get(*slot) != Some(*after) && !list.contains(&namespace) {
                    list.push(namespace);
                }
            }
        }
        let (executable, seen_by) = seen(event);
        let process = identity::process(&self.host.boot_id, &event.task, executable);
        if !made.is_empty() {
            let what = What::NamespaceMade {
                process: process.clone(),
                namespaces: made,
                call: call.map(str::to_owned),
                seen_by,
            };
            self.tell(event.time_ns, what);
        }
        // Who ends in namespaces that are known may have made them, which its child has shown.
        if !joined.is_empty() && !ends {
            let what = What::NamespaceJoined {
                process,
                namespaces: joined,
                seen_by,
            };
            self.tell(event.time_ns, what);
        }
    }

    pub(super) fn cgroups(&mut self, event: &Event) {
        let what = match &event.body {
            Body::CgroupMkdir(dir) => What::CgroupMade(self.cgroup(event, dir)),
            Body::CgroupRmdir(dir) => What::CgroupRemoved(self.cgroup(event, dir)),
            Body::CgroupAttach(attach) => {
                let dir = CgroupDir {
                    cgroup: attach.cgroup,
                    path: attach.path.clone(),
                };
                What::CgroupMoved {
                    target: identity::process(&self.host.boot_id, &attach.target, None),
                    cgroup: self.cgroup(event, &dir),
                }
            }
            _ => return,
        };
        self.tell(event.time_ns, what);
    }

    fn cgroup(&self, event: &Event, dir: &CgroupDir) -> Cgroup {
        let member = self.births.container_of(event.task.tgid);
        let member = member.and_then(|number| self.births.get(number));
        Cgroup {
            process: identity::process(&self.host.boot_id, &event.task, None),
            path: dir.path.text.to_string(),
            path_cut: dir.path.cut,
            hierarchy: dir.cgroup.key.hierarchy,
            cgroup_id: dir.cgroup.key.id,
            container: member.map(|birth| self.container(birth)),
        }
    }
}
