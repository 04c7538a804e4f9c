//! Who a bundle's process is and what it may do. Owns what exec makes of the capabilities that
//! are asked for.

use oci_spec::runtime::{Capabilities, Process, Spec, User};

use crate::container::spec::IdMapping;
use crate::event::NamespaceKind;
use crate::host::HostFacts;

use super::super::condition::IdRule;
use super::super::wording::list_text;
use super::super::{Check, MapKind, SetName, capability};
use super::{List, Source, maps, source};

pub(super) fn all(spec: &Spec, host: &HostFacts, list: &mut List) {
    let Some(process) = spec.process() else {
        return;
    };
    capabilities(process, host, list);
    ids(process.user(), list);
    groups(spec, process.user(), list);
    if process.no_new_privileges() == Some(true) {
        let property = "process.noNewPrivileges";
        list.add("no_new_privs", "set", property, Check::NoNewPrivs);
    }
    let linux = spec.linux().as_ref();
    if linux.is_some_and(|linux| linux.seccomp().is_some()) {
        let check = Check::SeccompFiltered;
        list.add("seccomp", "a filter", "linux.seccomp", check);
    }
}

fn ids(user: &User, list: &mut List) {
    for (id, property, map, number) in [
        ("user.uid", "process.user.uid", MapKind::Users, user.uid()),
        ("user.gid", "process.user.gid", MapKind::Groups, user.gid()),
    ] {
        let rule = IdRule::Exactly(number);
        let asked = format!("{number} inside");
        list.add(id, asked, property, Check::IdInside { map, rule });
    }
}

/// None but those asked for: without a word on them, none.
fn groups(spec: &Spec, user: &User, list: &mut List) {
    let mut asked = user.additional_gids().clone().unwrap_or_default();
    asked.sort_unstable();
    asked.dedup();
    let property = "process.user.additionalGids";
    let text = list_text(&asked);
    let outside = match source(spec, NamespaceKind::User) {
        Source::Shared => Some(asked.clone()),
        Source::New => {
            let [_, (.., lines)] = maps(spec);
            let mut outside: Option<Vec<u32>> =
                asked.iter().map(|group| mapped(*group, &lines)).collect();
            if let Some(groups) = &mut outside {
                groups.sort_unstable();
            }
            outside
        }
        // The map is not in the bundle.
        Source::Joined(_) => {
            list.add("groups", text, property, Check::GroupsWithin(asked));
            return;
        }
    };
    list.add("groups", text, property, Check::Groups(outside));
}

/// What a map makes of an id inside.
fn mapped(id: u32, map: &[IdMapping]) -> Option<u32> {
    map.iter().find_map(|line| {
        let offset = id.checked_sub(line.inside)?;
        (offset < line.count).then(|| line.outside.checked_add(offset))?
    })
}

/// The five sets as the program has them: exec makes new ones from those that are asked for
/// (capabilities(7), "Transformation of capabilities during execve()", for a file without any).
fn capabilities(process: &Process, host: &HostFacts, list: &mut List) {
    let Some(asked) = process.capabilities() else {
        return;
    };
    let mask = u64::MAX >> (63 - u32::from(host.last_capability.min(63)));
    let set = |set: &Option<Capabilities>| mask & set.as_ref().map_or(0, bits);
    let bounding = set(asked.bounding());
    let permitted = set(asked.permitted());
    let inheritable = set(asked.inheritable());
    // The kernel takes into this set what is in both others (cap_task_prctl() in
    // security/commoncap.c).
    let ambient = set(asked.ambient()) & permitted & inheritable;
    let is_root = process.user().uid() == 0;
    let gained = if is_root { inheritable | bounding } else { 0 };
    let kept = if process.no_new_privileges() == Some(true) {
        gained & permitted
    } else {
        gained
    };
    let after = kept | ambient;
    for (name, property, set) in [
        (SetName::Bounding, "bounding", bounding),
        (SetName::Permitted, "permitted", after),
        (SetName::Effective, "effective", after),
        (SetName::Inheritable, "inheritable", inheritable),
        (SetName::Ambient, "ambient", ambient),
    ] {
        list.add(
            format!("capabilities.{}", name.name()),
            capability::summary(set),
            &format!("process.capabilities.{property}"),
            Check::Capabilities {
                set: name,
                asked: set,
                mask,
            },
        );
    }
}

fn bits(set: &Capabilities) -> u64 {
    set.iter()
        // As in `NET_RAW`; the kernel's list has no other names than this one.
        .filter_map(|one| capability::number(&one.to_string().to_lowercase()))
        .fold(0, |bits, number| bits | 1 << number)
}
