//! Who init is and may be: ids, maps, capabilities, and the program behind the gate. Pure.

use std::ffi::CString;

use super::place::text;
use super::{Exec, PlanError, Spec, Step};
use crate::container::spec::IdMapping;
use crate::event::NamespaceKind;
use crate::host::HostFacts;

/// Where programs are looked for when the container's environment has no `PATH`.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// Ids that init has while it sets up, in a new user namespace: root there if it is mapped,
/// because new files of a file system need an owner that is.
pub(super) fn set_up_ids(spec: &Spec) -> Result<Option<Step>, PlanError> {
    if !spec.is_new(NamespaceKind::User) {
        if !spec.uid_map.is_empty() || !spec.gid_map.is_empty() {
            return Err(PlanError::NeedsNamespace {
                what: "an id map",
                kind: NamespaceKind::User,
            });
        }
        return Ok(None);
    }
    require_mapped("user", spec.user.uid, &spec.uid_map)?;
    for gid in [spec.user.gid].iter().chain(&spec.user.groups) {
        require_mapped("group", *gid, &spec.gid_map)?;
    }
    let uid = if is_mapped(0, &spec.uid_map) {
        0
    } else {
        spec.user.uid
    };
    let gid = if is_mapped(0, &spec.gid_map) {
        0
    } else {
        spec.user.gid
    };
    Ok(Some(Step::SetIds { uid, gid }))
}

fn require_mapped(kind: &'static str, id: u32, map: &[IdMapping]) -> Result<(), PlanError> {
    if is_mapped(id, map) {
        return Ok(());
    }
    let ranges: Vec<String> = map
        .iter()
        .map(|line| {
            format!(
                "{}-{}",
                line.inside,
                u64::from(line.inside) + u64::from(line.count) - 1
            )
        })
        .collect();
    let mapped = if ranges.is_empty() {
        "nothing".to_owned()
    } else {
        ranges.join(", ")
    };
    Err(PlanError::NotMapped { kind, id, mapped })
}

/// Whether the container's `id` has a line in `map`.
pub(super) fn is_mapped(id: u32, map: &[IdMapping]) -> bool {
    map.iter()
        .any(|line| id >= line.inside && id - line.inside < line.count)
}

/// A map as `/proc/PID/uid_map` takes it.
pub(super) fn map_text(map: &[IdMapping]) -> String {
    map.iter().fold(String::new(), |text, line| {
        text + &format!("{} {} {}\n", line.inside, line.outside, line.count)
    })
}

/// Capabilities that leave the bounding set. It is what an exec by uid 0 goes by, so it comes
/// while init still has the capability to do so.
pub(super) fn bounding(spec: &Spec, host: &HostFacts) -> Vec<Step> {
    (0..=host.last_capability)
        .filter(|number| spec.capabilities >> number & 1 == 0)
        .map(Step::DropBounding)
        .collect()
}

/// From the ids of the set-up to those of the payload.
pub(super) fn become_user(spec: &Spec, host: &HostFacts) -> Vec<Step> {
    let known = u64::MAX >> (63 - u32::from(host.last_capability.min(63)));
    let held = if spec.user.uid == 0 {
        spec.capabilities & known
    } else {
        0
    };
    vec![
        Step::SetGroups(spec.user.groups.clone()),
        Step::SetGid(spec.user.gid),
        Step::SetUid(spec.user.uid),
        Step::SetCapabilities {
            permitted: held,
            effective: held,
            inheritable: 0,
        },
        Step::ClearAmbient,
    ]
}

/// The program, its arguments and its environment.
pub(super) fn exec(spec: &Spec) -> Result<Exec, PlanError> {
    let program = spec.args.first().filter(|program| !program.is_empty());
    let program = program.ok_or(PlanError::NoProgram)?;
    let texts = |what: &'static str, list: &[String]| -> Result<Vec<CString>, PlanError> {
        list.iter().map(|item| text(what, item)).collect()
    };
    let candidates = if program.contains('/') {
        vec![text("program", program)?]
    } else {
        let path = spec.env.iter().find_map(|line| line.strip_prefix("PATH="));
        path.unwrap_or(DEFAULT_PATH)
            .split(':')
            .map(|directory| if directory.is_empty() { "." } else { directory })
            .map(|directory| {
                text(
                    "program",
                    &format!("{}/{program}", directory.trim_end_matches('/')),
                )
            })
            .collect::<Result<_, _>>()?
    };
    Ok(Exec {
        candidates,
        argv: texts("argument", &spec.args)?,
        envp: texts("environment variable", &spec.env)?,
    })
}
