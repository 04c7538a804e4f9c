//! The ten namespaces that a task has: eight kinds, two of which also come as "for children".
//! Owns the set and its slots.

use serde::Serialize;
use tracer_common::record::NamespaceSet;

use super::{NamespaceKind, NsId, NsUnique};

/// One of the ten places in which a task holds a namespace, named as in `/proc/PID/ns`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum NamespaceSlot {
    /// Mount points.
    Mnt,
    /// Host and domain name.
    Uts,
    /// System V IPC and POSIX message queues.
    Ipc,
    /// The task's own PID namespace, which never changes.
    Pid,
    /// The one that its children will be in.
    PidForChildren,
    /// Network.
    Net,
    /// Users, groups, capabilities.
    User,
    /// Cgroup root directory.
    Cgroup,
    /// The task's own clocks.
    Time,
    /// The clocks that its children will have.
    TimeForChildren,
}

impl NamespaceSlot {
    /// All ten, in the order of reports.
    pub const ALL: [Self; 10] = [
        Self::Mnt,
        Self::Uts,
        Self::Ipc,
        Self::Pid,
        Self::PidForChildren,
        Self::Net,
        Self::User,
        Self::Cgroup,
        Self::Time,
        Self::TimeForChildren,
    ];

    /// Name under `/proc/PID/ns`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PidForChildren => "pid_for_children",
            Self::TimeForChildren => "time_for_children",
            other => other.kind().name(),
        }
    }

    /// The kind of namespace that it holds.
    pub const fn kind(self) -> NamespaceKind {
        match self {
            Self::Mnt => NamespaceKind::Mnt,
            Self::Uts => NamespaceKind::Uts,
            Self::Ipc => NamespaceKind::Ipc,
            Self::Pid | Self::PidForChildren => NamespaceKind::Pid,
            Self::Net => NamespaceKind::Net,
            Self::User => NamespaceKind::User,
            Self::Cgroup => NamespaceKind::Cgroup,
            Self::Time | Self::TimeForChildren => NamespaceKind::Time,
        }
    }

    /// Where a task holds its own namespace of `kind`.
    pub const fn own(kind: NamespaceKind) -> Self {
        match kind {
            NamespaceKind::Mnt => Self::Mnt,
            NamespaceKind::Uts => Self::Uts,
            NamespaceKind::Ipc => Self::Ipc,
            NamespaceKind::Pid => Self::Pid,
            NamespaceKind::Net => Self::Net,
            NamespaceKind::User => Self::User,
            NamespaceKind::Cgroup => Self::Cgroup,
            NamespaceKind::Time => Self::Time,
        }
    }

    /// Where a new namespace of `kind` first shows: PID and time namespaces are made for the
    /// children (create_new_namespaces() in kernel/nsproxy.c), the others for the task itself.
    pub const fn made_in(kind: NamespaceKind) -> Self {
        match kind {
            NamespaceKind::Pid => Self::PidForChildren,
            NamespaceKind::Time => Self::TimeForChildren,
            other => Self::own(other),
        }
    }
}

/// The namespaces of a task.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Namespaces {
    numbers: [u32; 10],
    unique: [u64; 10],
}

impl Namespaces {
    /// What is in `slot`; `None` when the kernel could not say (a task past its exit).
    pub fn get(&self, slot: NamespaceSlot) -> Option<NsId> {
        let id = self.numbers[slot as usize];
        (id != 0).then_some(NsId(id))
    }

    /// The number of what is in `slot` that is never used again; `None` when the kernel has none
    /// (before 6.18).
    pub fn unique(&self, slot: NamespaceSlot) -> Option<NsUnique> {
        let unique = self.unique[slot as usize];
        (unique != 0).then_some(NsUnique(unique))
    }

    /// Slots whose namespace is known on both sides and differs: slot, before, after.
    pub fn changes_to<'a>(
        &'a self,
        after: &'a Self,
    ) -> impl Iterator<Item = (NamespaceSlot, NsId, NsId)> + 'a {
        NamespaceSlot::ALL.into_iter().filter_map(|slot| {
            let (old, new) = (self.get(slot)?, after.get(slot)?);
            (old != new).then_some((slot, old, new))
        })
    }

    /// Takes over every slot that `newer` knows.
    pub fn update(&mut self, newer: &Self) {
        for slot in NamespaceSlot::ALL.map(|slot| slot as usize) {
            if newer.numbers[slot] != 0 {
                self.numbers[slot] = newer.numbers[slot];
                self.unique[slot] = newer.unique[slot];
            }
        }
    }
}

impl From<&NamespaceSet> for Namespaces {
    fn from(wire: &NamespaceSet) -> Self {
        // In the order of `NamespaceSlot`, which `get` indexes by.
        let numbers = [
            wire.mnt,
            wire.uts,
            wire.ipc,
            wire.pid,
            wire.pid_for_children,
            wire.net,
            wire.user,
            wire.cgroup,
            wire.time,
            wire.time_for_children,
        ];
        let [
            mnt,
            uts,
            ipc,
            pid,
            pid_for_children,
            net,
            time,
            time_for_children,
            cgroup,
            user,
        ] = wire.unique;
        let unique = [
            mnt,
            uts,
            ipc,
            pid,
            pid_for_children,
            net,
            user,
            cgroup,
            time,
            time_for_children,
        ];
        Self { numbers, unique }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const WIRE: NamespaceSet = NamespaceSet {
        mnt: 1,
        uts: 2,
        ipc: 3,
        pid: 4,
        pid_for_children: 5,
        net: 6,
        time: 7,
        time_for_children: 8,
        cgroup: 9,
        user: 10,
        unique: [101, 102, 103, 104, 105, 106, 107, 108, 109, 110],
    };

    #[test]
    fn every_slot_reads_its_own_field() {
        let set = Namespaces::from(&WIRE);
        let seen = NamespaceSlot::ALL.map(|slot| (slot.name(), set.get(slot).map(|id| id.0)));
        assert_eq!(
            seen,
            [
                ("mnt", Some(1)),
                ("uts", Some(2)),
                ("ipc", Some(3)),
                ("pid", Some(4)),
                ("pid_for_children", Some(5)),
                ("net", Some(6)),
                ("user", Some(10)),
                ("cgroup", Some(9)),
                ("time", Some(7)),
                ("time_for_children", Some(8)),
            ]
        );
    }

    #[test]
    fn every_slot_has_the_unique_number_of_its_own_namespace() {
        let set = Namespaces::from(&WIRE);
        for slot in NamespaceSlot::ALL {
            let number = set.get(slot).expect("readable").0;
            assert_eq!(set.unique(slot), Some(NsUnique(u64::from(100 + number))));
        }
    }

    #[test]
    fn what_could_not_be_read_is_neither_a_change_nor_an_update() {
        let mut known = Namespaces::from(&WIRE);
        let unread = Namespaces::from(&NamespaceSet {
            net: 0,
            mnt: 11,
            unique: [111, 102, 103, 104, 105, 0, 107, 108, 109, 110],
            ..WIRE
        });
        let changes: Vec<_> = known.changes_to(&unread).collect();
        assert_eq!(changes, [(NamespaceSlot::Mnt, NsId(1), NsId(11))]);
        known.update(&unread);
        assert_eq!(known.get(NamespaceSlot::Net), Some(NsId(6)));
        assert_eq!(known.get(NamespaceSlot::Mnt), Some(NsId(11)));
        assert_eq!(known.unique(NamespaceSlot::Net), Some(NsUnique(106)));
        assert_eq!(known.unique(NamespaceSlot::Mnt), Some(NsUnique(111)));
    }
}
