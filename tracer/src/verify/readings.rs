//! What is read of a container beside its mount table, as its payload is executed or while it
//! waits for that. Owns which places are read, and what is held for them until then.

use std::collections::{BTreeMap, HashMap};
use std::os::fd::BorrowedFd;

use crate::{
    event::{Certificate, NamespaceSlot, NsId, Tid},
    expect::{Expectation, Place, Reading, Readings, SecurityModule, reading::places},
    host::{
        Hierarchy,
        mount_table::MountNamespace,
        reading::{
            self, CgroupFolder, HeldNamespace, device_nodes, net_devices, security_modules, sysctls,
        },
    },
    session::Session,
};

/// Namespaces that values below /proc/sys and interfaces belong to.
const HELD: [NamespaceSlot; 3] = [NamespaceSlot::Net, NamespaceSlot::Ipc, NamespaceSlot::Uts];

/// Reads what the expectations call for, and labels wherever a security module gives any.
pub(crate) struct Reader {
    places: Vec<Place>,
    hierarchies: Vec<Hierarchy>,
    modules: Vec<SecurityModule>,
    /// Namespaces of tasks that may become payloads; those of payloads that live for a moment are
    /// gone before their record is read.
    held: HashMap<NsId, HeldNamespace>,
}

impl Reader {
    pub(crate) fn new(expectations: &[Expectation], hierarchies: Vec<Hierarchy>) -> Self {
        Self {
            places: places(expectations),
            hierarchies,
            modules: security_modules(),
            held: HashMap::new(),
        }
    }

    fn needs_namespaces(&self) -> bool {
        let in_namespace = |place: &Place| matches!(place, Place::Sysctl(_) | Place::NetDevice(_));
        self.places.iter().any(in_namespace)
    }

    /// Holds what a task has that has come into a mount namespace of its own.
    pub(super) fn hold(&mut self, task: u32, session: &Session) {
        if !self.needs_namespaces() {
            return;
        }
        let Some(state) = session.model.task(Tid(task)) else {
            return;
        };
        for slot in HELD {
            if let Some(id) = state.namespaces.get(slot)
                && !self.held.contains_key(&id)
                && let Some(held) = HeldNamespace::hold(task, slot.name(), id)
            {
                self.held.insert(id, held);
            }
        }
    }

    /// Reads all of it. `None` = nothing is asked for and there are no labels.
    pub(crate) fn read(
        &mut self,
        facts: &Certificate,
        task: u32,
        mounts: Option<&MountNamespace>,
    ) -> Option<Readings> {
        let mut found = self.read_waiting(facts, task, mounts).unwrap_or_default();
        for slot in HELD {
            let own = facts.namespaces().and_then(|set| set.get(slot));
            own.and_then(|own| self.held.remove(&own));
        }
        for module in SecurityModule::ALL {
            let place = Place::Label(module);
            if self.modules.contains(&module) {
                let own = facts
                    .namespaces()
                    .and_then(|set| set.get(NamespaceSlot::Mnt));
                let label = own.map_or_else(
                    || Reading::Unread("its mount namespace is not known".to_owned()),
                    |own| reading::label(module, task, own),
                );
                found.0.insert(place, label);
            } else if self.places.contains(&place) {
                found.0.insert(place, Reading::Missing);
            }
        }
        (!found.0.is_empty()).then_some(found)
    }

    /// Reads all but labels, which an exec may change.
    pub(super) fn read_waiting(
        &mut self,
        facts: &Certificate,
        task: u32,
        mounts: Option<&MountNamespace>,
    ) -> Option<Readings> {
        if self.places.is_empty() {
            return None;
        }
        let mut found = BTreeMap::new();
        self.cgroup_files(facts, &mut found);
        self.in_namespaces(facts, task, &mut found);
        self.device_nodes(facts, mounts.map(MountNamespace::as_fd), &mut found);
        Some(Readings(found))
    }

    fn cgroup_files(&self, facts: &Certificate, found: &mut BTreeMap<Place, Reading>) {
        let mut folders: HashMap<u32, CgroupFolder> = HashMap::new();
        let cgroups = facts.cgroups();
        for place in &self.places {
            let Place::CgroupFile(name) = place else {
                continue;
            };
            let Some(hierarchy) = hierarchy_of(name, &self.hierarchies) else {
                let reason = "no hierarchy that could have it is mounted".to_owned();
                found.insert(place.clone(), Reading::Unread(reason));
                continue;
            };
            let members = cgroups.iter().flat_map(|cgroups| &cgroups.members);
            let own = members
                .into_iter()
                .find(|member| member.key.hierarchy == hierarchy.id);
            let reading = match own {
                Some(own) => folders
                    .entry(hierarchy.id)
                    .or_insert_with(|| CgroupFolder::open(hierarchy, own.key.id))
                    .read(name),
                None => Reading::Unread("its cgroup is not known".to_owned()),
            };
            found.insert(place.clone(), reading);
        }
    }

    fn in_namespaces(
        &mut self,
        facts: &Certificate,
        task: u32,
        found: &mut BTreeMap<Place, Reading>,
    ) {
        if !self.needs_namespaces() {
            return;
        }
        let set = facts.namespaces();
        // Held on: whoever waits is read again when it is executed.
        for slot in HELD {
            if let Some(id) = set.as_ref().and_then(|set| set.get(slot))
                && !self.held.contains_key(&id)
                && let Some(held) = HeldNamespace::hold(task, slot.name(), id)
            {
                self.held.insert(id, held);
            }
        }
        let [network, ipc, uts] = HELD.map(|slot| {
            let id = set.as_ref()?.get(slot)?;
            self.held.get(&id)
        });
        let gone = || {
            Reading::Unread("its namespaces were gone before they were held; with --enforce the payload is held until then".to_owned())
        };
        let of = |pick: fn(&Place) -> Option<&str>| -> Vec<(&Place, &str)> {
            let all = self.places.iter();
            all.filter_map(|place| Some((place, pick(place)?)))
                .collect()
        };
        let keys = of(|place| match place {
            Place::Sysctl(key) => Some(key),
            _ => None,
        });
        let names = of(|place| match place {
            Place::NetDevice(name) => Some(name),
            _ => None,
        });
        let values = match (network, ipc, uts) {
            (Some(network), Some(ipc), Some(uts)) if !keys.is_empty() => {
                sysctls(&texts(&keys), network, ipc, uts)
            }
            _ => keys.iter().map(|_| gone()).collect(),
        };
        let interfaces = match network {
            Some(network) if !names.is_empty() => net_devices(&texts(&names), network),
            _ => names.iter().map(|_| gone()).collect(),
        };
        let places = keys.iter().chain(&names).map(|(place, _)| (*place).clone());
        let read: Vec<(Place, Reading)> =
            places.zip(values.into_iter().chain(interfaces)).collect();
        found.extend(read);
    }

    fn device_nodes(
        &self,
        facts: &Certificate,
        mounts: Option<BorrowedFd<'_>>,
        found: &mut BTreeMap<Place, Reading>,
    ) {
        let places = self.places.iter();
        let asked: Vec<(&Place, &str)> = places
            .filter_map(|place| match place {
                Place::DeviceNode(path) => Some((place, path.as_str())),
                _ => None,
            })
            .collect();
        if asked.is_empty() {
            return;
        }
        let paths: Vec<&str> = asked.iter().map(|(_, path)| *path).collect();
        let unread = |reason: &str| vec![Reading::Unread(reason.to_owned()); paths.len()];
        let nodes = match (mounts, facts.root()) {
            (Some(mounts), Some(root)) => device_nodes(&paths, mounts, root),
            (Some(_), None) => unread("its root directory is not known"),
            (None, _) => unread(
                "its mount namespace was gone before it was held; with --enforce the payload is held until then",
            ),
        };
        let places = asked.into_iter().map(|(place, _)| place.clone());
        found.extend(places.zip(nodes));
    }
}

fn texts<'a>(all: &[(&Place, &'a str)]) -> Vec<&'a str> {
    all.iter().map(|(_, text)| *text).collect()
}

/// The hierarchy that has a file of this name: that of its controller, else v2, whose files of its
/// own begin with `cgroup`.
fn hierarchy_of<'a>(name: &str, all: &'a [Hierarchy]) -> Option<&'a Hierarchy> {
    let controller = name.split('.').next().unwrap_or_default();
    let has = |hierarchy: &&Hierarchy| hierarchy.controllers.iter().any(|one| one == controller);
    all.iter()
        .find(has)
        .or_else(|| all.iter().find(|hierarchy| hierarchy.id == 0))
}
