//! What sets a container apart: namespaces and cgroups of its own. Owns the comparison of two of
//! them, and the name that a cgroup's path gives.

use smol_str::SmolStr;

use crate::event::{Certificate, CgroupKey, NamespaceKind, NamespaceSlot, Namespaces, NsId};

use super::{Model, NamespaceOrigin};

/// What sets a task apart from tracer: namespaces, and cgroups that were made in this run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Its own namespaces that are not tracer's, in the order of their kinds.
    pub namespaces: Vec<(NamespaceKind, NsId)>,
    /// Its cgroups that were made in this run.
    pub cgroups: Vec<CgroupKey>,
    /// The record that each namespace is known by: numbers are used again. 0 = there before.
    origins: Vec<u64>,
}

impl Domain {
    pub(super) fn of(certificate: &Certificate, host: &Certificate, model: &Model) -> Self {
        let Some(own) = certificate.namespaces() else {
            return Self::default();
        };
        let cgroups = certificate.cgroup_keys();
        let mut cgroups: Vec<_> = cgroups.filter(|key| model.cgroup(*key).is_some()).collect();
        cgroups.shrink_to_fit();
        Self {
            cgroups,
            ..Self::of_sets(&own, host, model)
        }
    }

    /// By namespaces alone.
    pub(super) fn of_sets(own: &Namespaces, host: &Certificate, model: &Model) -> Self {
        let Some(host) = host.namespaces() else {
            return Self::default();
        };
        let differing = NamespaceKind::ALL.into_iter().filter_map(|kind| {
            let slot = NamespaceSlot::own(kind);
            let (id, of_host) = (own.get(slot)?, host.get(slot)?);
            (id != of_host).then_some((kind, id))
        });
        let mut namespaces: Vec<_> = differing.collect();
        namespaces.shrink_to_fit();
        // One that no record shows being made may have been: its record may be lost.
        let origins = namespaces.iter().map(|(kind, id)| {
            let origin = model.namespace(*kind, *id);
            origin.map_or(0, NamespaceOrigin::seq)
        });
        let origins = origins.collect();
        Self {
            namespaces,
            cgroups: Vec::new(),
            origins,
        }
    }

    /// Whether it has namespaces of its own, and another has all of them.
    pub(super) fn is_part_of(&self, other: &Self) -> bool {
        let all = other.namespaces.iter().zip(&other.origins);
        let mut own = self.namespaces.iter().zip(&self.origins);
        !self.namespaces.is_empty() && own.all(|one| all.clone().any(|other| one == other))
    }

    pub(super) fn is_container(&self) -> bool {
        let made = self.origins.iter().any(|origin| *origin != 0);
        made || self.namespaces.is_empty() && !self.cgroups.is_empty()
    }

    /// The same container: namespaces tell, and where there are none, cgroups.
    pub(super) fn same(&self, other: &Self) -> bool {
        (&self.namespaces, &self.origins) == (&other.namespaces, &other.origins)
            && (!self.namespaces.is_empty() || self.cgroups == other.cgroups)
    }

    pub(super) fn has(&self, id: NsId) -> bool {
        self.namespaces.iter().any(|(_, own)| *own == id)
    }
}

/// The name that one of its own cgroups gives it; none where the end of the path is not known.
pub(super) fn id(domain: &Domain, model: &Model) -> Option<String> {
    let mut known = domain.cgroups.iter().filter_map(|key| model.cgroup(*key));
    let cgroup = known.find(|cgroup| !cgroup.path.cut)?;
    id_of_path(&cgroup.path.text)
}

/// The paths of its own cgroups, of those that were made in the run.
pub(super) fn cgroup_paths(domain: &Domain, model: &Model) -> Vec<SmolStr> {
    let known = domain.cgroups.iter().filter_map(|key| model.cgroup(*key));
    let mut paths: Vec<SmolStr> = known.map(|cgroup| cgroup.path.text.clone()).collect();
    paths.sort_unstable();
    paths.dedup();
    paths
}

/// The last component of a cgroup's path, which is how engines name containers; of
/// `docker-0123456789ab.scope` and its like, the number. None of the root.
pub fn id_of_path(path: &str) -> Option<String> {
    let name = path.rsplit('/').find(|part| !part.is_empty())?;
    let number = name
        .split(|character: char| !character.is_ascii_hexdigit())
        .filter(|number| number.len() >= 12)
        .max_by_key(|number| number.len());
    Some(number.unwrap_or(name).to_owned())
}
