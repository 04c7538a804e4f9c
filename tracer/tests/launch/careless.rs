//! Plans with one thing left out or undone: the runtime carries them out as they are, so that an
//! observer has something to catch. Each claim is that the effect is really gone, and nothing
//! else keeps the payload from running.

use tracer::container::plan::{AttachBy, SettingValue, Step};
use tracer::container::spec::Spec;
use tracer::container::{Plan, plan};
use tracer::event::NamespaceKind;

use crate::support::*;

fn careless(spec: &Spec, alter: impl FnOnce(&mut Plan)) -> String {
    let mut plan = plan(spec, &facts()).expect("a plan");
    alter(&mut plan);
    let output = run_plan(&plan).success();
    assert_eq!(left_of(&spec.id), [""; 0]);
    output
}

fn without(plan: &mut Plan, unwanted: impl Fn(&Step) -> bool) {
    let before = plan.steps.len();
    plan.steps.retain(|step| !unwanted(step));
    assert!(plan.steps.len() < before, "there was nothing to leave out");
}

fn position(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> usize {
    plan.steps.iter().position(wanted).expect("the step")
}

#[test]
#[ignore = "needs root"]
fn a_namespace_can_be_left_out() {
    let script = "readlink /proc/self/ns/ipc";
    let own = std::fs::read_link("/proc/self/ns/ipc").expect("a namespace");
    let spec = only(&[NamespaceKind::Ipc, NamespaceKind::Uts], script);
    let output = careless(&spec, |plan| {
        plan.clone_flags &= !NamespaceKind::Ipc.clone_flag();
    });
    assert_eq!(output.trim(), own.to_string_lossy());
}

#[test]
#[ignore = "needs root"]
fn a_namespace_of_the_host_can_be_joined() {
    let own = std::fs::read_link("/proc/self/ns/net").expect("a namespace");
    let output = careless(&without_user("readlink /proc/self/ns/net"), |plan| {
        let path = format!("/proc/{}/ns/net", std::process::id());
        let path = std::ffi::CString::new(path).expect("a path");
        let kind = NamespaceKind::Net;
        let pivot = position(plan, |step| matches!(step, Step::PivotRoot { .. }));
        plan.steps.insert(pivot, Step::JoinNamespace { kind, path });
    });
    assert_eq!(output.trim(), own.to_string_lossy());
}

#[test]
#[ignore = "needs root"]
fn the_cgroups_can_be_left_alone() {
    let mut spec = shell("cat /proc/self/cgroup");
    spec.new_namespaces
        .retain(|kind| *kind != NamespaceKind::Cgroup);
    let output = careless(&spec, |plan| {
        plan.steps
            .retain(|step| !matches!(step, Step::JoinCgroup { .. }));
        for cgroup in &mut plan.cgroups {
            cgroup.attach = AttachBy::Nobody;
        }
    });
    assert!(!output.contains(&spec.id), "{output}");
}

#[test]
#[ignore = "needs root"]
fn a_larger_limit_can_be_written() {
    let script = "dd if=/dev/zero of=/dev/null bs=24M count=1 2>/dev/null && echo fits";
    let mut spec = shell(script);
    spec.resources.memory = Some(16 << 20);
    let output = careless(&spec, |plan| {
        let settings = plan
            .cgroups
            .iter_mut()
            .flat_map(|cgroup| &mut cgroup.settings);
        for setting in settings.filter(|setting| setting.file.starts_with("memory.")) {
            setting.value = SettingValue::Text((64 << 20).to_string());
        }
    });
    assert_eq!(output, "fits\n");
}

#[test]
#[ignore = "needs root"]
fn a_capability_can_be_kept() {
    const SYS_TIME: u8 = 25;
    let output = careless(&shell("grep CapEff /proc/self/status"), |plan| {
        without(plan, |step| *step == Step::DropBounding(SYS_TIME));
        for step in &mut plan.steps {
            if let Step::SetCapabilities {
                permitted,
                effective,
                ..
            } = step
            {
                *permitted |= 1 << SYS_TIME;
                *effective |= 1 << SYS_TIME;
            }
        }
    });
    assert_eq!(output, "CapEff:\t00000000aa0425fb\n");
}

#[test]
#[ignore = "needs root"]
fn the_filter_and_no_new_privileges_can_be_left_out() {
    let output = careless(
        &shell("grep -E 'NoNewPrivs|Seccomp:' /proc/self/status"),
        |plan| {
            without(plan, |step| {
                matches!(step, Step::Seccomp(_) | Step::NoNewPrivileges)
            });
        },
    );
    assert_eq!(output, "NoNewPrivs:\t0\nSeccomp:\t0\n");
}

#[test]
#[ignore = "needs root"]
fn chroot_can_stand_for_pivot_root() {
    let output = careless(
        &without_user("cut -d' ' -f5 /proc/self/mountinfo | sort | uniq"),
        |plan| {
            without(plan, |step| *step == Step::DetachOldRoot);
            for step in &mut plan.steps {
                if let Step::PivotRoot { new_root } = step {
                    *step = Step::Chroot {
                        new_root: new_root.clone(),
                    };
                }
            }
        },
    );
    assert!(output.contains("/usr\n"), "{output}");
}

/// The host's root, opened before it is out of reach, under a number of its own.
fn open_root(plan: &mut Plan) {
    let pivot = position(plan, |step| matches!(step, Step::PivotRoot { .. }));
    plan.steps.insert(
        pivot,
        Step::OpenDirectory {
            path: c"/".to_owned(),
            number: 500,
        },
    );
}

#[test]
#[ignore = "needs root"]
fn a_directory_of_the_host_can_stay_open() {
    let output = careless(&shell("ls /proc/self/fd/500/run"), |plan| {
        open_root(plan);
        without(plan, |step| matches!(step, Step::CloseFrom(_)));
    });
    assert!(output.contains("tracer"), "{output}");
}

#[test]
#[ignore = "needs root"]
fn the_working_directory_can_be_outside() {
    let output = careless(&shell("ls ./run"), |plan| {
        open_root(plan);
        for step in &mut plan.steps {
            if matches!(step, Step::Chdir(_)) {
                *step = Step::Chdir(c"/proc/self/fd/500".to_owned());
            }
        }
    });
    assert!(output.contains("tracer"), "{output}");
}
