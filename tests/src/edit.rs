//! Edits of a plan. Each fails when it changes nothing: a sabotage that does nothing proves
//! nothing.

use tracer::container::plan::{CgroupPlan, FsOption, Plan, Setting, SettingValue, Slot, Step};
use tracer::host::Hierarchy;

use crate::spec::facts;

/// Takes out every step that `which` names.
pub fn leave_out(plan: &mut Plan, which: impl Fn(&Step) -> bool) {
    let before = plan.steps.len();
    plan.steps.retain(|step| !which(step));
    assert!(
        plan.steps.len() < before,
        "the plan has no such step: {plan:#?}"
    );
}

/// Changes every step that `change` knows; it tells which by giving the other.
pub fn replace(plan: &mut Plan, change: impl Fn(&Step) -> Option<Vec<Step>>) {
    let mut changed = false;
    plan.steps = std::mem::take(&mut plan.steps)
        .into_iter()
        .flat_map(|step| match change(&step) {
            Some(others) => {
                changed = true;
                others
            }
            None => vec![step],
        })
        .collect();
    assert!(changed, "the plan has no such step");
}

/// Puts a step before the first that `which` names.
pub fn insert_before(plan: &mut Plan, which: impl Fn(&Step) -> bool, step: Step) {
    let at = plan
        .steps
        .iter()
        .position(which)
        .expect("a step to stand before");
    plan.steps.insert(at, step);
}

/// Takes the first step that `which` names and puts it before the first that `before` names.
pub fn bring_forward(
    plan: &mut Plan,
    which: impl Fn(&Step) -> bool,
    before: impl Fn(&Step) -> bool,
) {
    let at = plan
        .steps
        .iter()
        .position(which)
        .expect("a step to bring forward");
    let step = plan.steps.remove(at);
    insert_before(plan, before, step);
}

/// Takes out a new file system with all that is done with it.
pub fn leave_out_file_system(plan: &mut Plan, kind: &str) {
    let slot = slot_of(
        plan,
        |step| matches!(step, Step::NewFileSystem { kind: own, .. } if own.to_bytes() == kind.as_bytes()),
    );
    leave_out(plan, |step| match step {
        Step::NewFileSystem { slot: own, .. } | Step::Attach { slot: own, .. } => *own == slot,
        _ => false,
    });
}

/// Slot of the first new file system that `which` names.
pub fn slot_of(plan: &Plan, which: impl Fn(&Step) -> bool) -> Slot {
    let step = plan
        .steps
        .iter()
        .find(|step| which(step))
        .expect("such a file system");
    let Step::NewFileSystem { slot, .. } = step else {
        panic!("it makes no file system")
    };
    *slot
}

/// Whether the step attaches something at `path`.
pub fn attaches_at(step: &Step, path: &str) -> bool {
    matches!(step, Step::Attach { place, .. } if place.to_string() == path)
}

/// Whether the step sets attributes of the mount at `path`.
pub fn sets_attributes_at(step: &Step, path: &str) -> bool {
    matches!(step, Step::SetAttributes { place, .. } if place.to_string() == path)
}

/// Gives the tmpfs attached at `path` another value of an option.
pub fn set_option(plan: &mut Plan, path: &str, name: &str, value: &str) {
    let attach = plan.steps.iter().find(|step| attaches_at(step, path));
    let Some(Step::Attach { slot, .. }) = attach.cloned() else {
        panic!("nothing is attached at {path}")
    };
    replace(plan, |step| {
        let mut step = step.clone();
        let Step::NewFileSystem {
            slot: own, options, ..
        } = &mut step
        else {
            return None;
        };
        let mut found = false;
        for option in options.iter_mut().filter(|_| *own == slot) {
            if let FsOption::Text(key, text) = option
                && key.to_bytes() == name.as_bytes()
            {
                *text = std::ffi::CString::new(value).expect("no NUL");
                found = true;
            }
        }
        found.then(|| vec![step])
    });
}

/// The plan's cgroup in the hierarchy that reports call `label`.
pub fn cgroup<'a>(plan: &'a mut Plan, label: &str) -> &'a mut CgroupPlan {
    let cgroup = plan.cgroups.iter_mut().find(|cgroup| cgroup.label == label);
    cgroup.unwrap_or_else(|| panic!("no hierarchy {label} on this machine"))
}

/// Writes another value to a setting of whichever cgroup has it; v1 and v2 name some alike and
/// some not.
pub fn set(plan: &mut Plan, files: &[&str], value: &str) {
    let settings = plan
        .cgroups
        .iter_mut()
        .flat_map(|cgroup| cgroup.settings.iter_mut());
    let mut changed = false;
    for setting in settings.filter(|setting| files.contains(&setting.file.as_str())) {
        setting.value = SettingValue::Text(value.to_owned());
        changed = true;
    }
    assert!(changed, "no cgroup of the plan has one of {files:?}");
}

/// Takes a setting out of whichever cgroup has it.
pub fn leave_out_setting(plan: &mut Plan, files: &[&str]) {
    let mut left_out = false;
    for cgroup in &mut plan.cgroups {
        let before = cgroup.settings.len();
        cgroup
            .settings
            .retain(|setting| !files.contains(&setting.file.as_str()));
        left_out |= cgroup.settings.len() < before;
    }
    assert!(left_out, "no cgroup of the plan has one of {files:?}");
}

/// Has init frozen until [`release`]: from its clone on by its cgroup v2, or, where there is none,
/// from when it joins its v1 freezer, which is before it makes anything of its own.
pub fn hold(plan: &mut Plan) {
    let (freezer, file, value) = freezer();
    let mut cgroups = plan.cgroups.iter_mut();
    let cgroup = cgroups.find(|cgroup| cgroup.hierarchy == freezer.id);
    let value = SettingValue::Text(value.0.to_owned());
    cgroup
        .expect("a cgroup that can be frozen")
        .settings
        .push(Setting {
            file: file.to_owned(),
            value,
        });
}

/// The shell command that lets the held init of run `id` go on.
pub fn release(id: &str) -> String {
    let (freezer, file, value) = freezer();
    let directory = freezer.mount_point.join(id);
    format!("echo {} > {}/{file}", value.1, directory.display())
}

/// The hierarchy that freezes, with its file and what that is told to freeze and to thaw.
fn freezer() -> (Hierarchy, &'static str, (&'static str, &'static str)) {
    let facts = facts();
    if let Some(v2) = facts.unified() {
        return (v2.clone(), "cgroup.freeze", ("1", "0"));
    }
    let v1 = facts.hierarchy_of("freezer").cloned();
    (
        v1.expect("cgroup v2, or the freezer of v1"),
        "freezer.state",
        ("FROZEN", "THAWED"),
    )
}
