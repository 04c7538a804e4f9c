//! Ids, capabilities, the filter and the program of a plan, and the order of its steps.

use super::*;

#[test]
fn the_bounding_set_loses_what_was_not_asked_for() {
    let plan = planned(&spec(), &hybrid());
    let dropped: Vec<u8> = plan
        .steps
        .iter()
        .filter_map(|step| match step {
            Step::DropBounding(number) => Some(*number),
            _ => None,
        })
        .collect();
    assert_eq!(
        dropped,
        (0..=40)
            .filter(|number| ![0, 1, 3].contains(number))
            .collect::<Vec<_>>()
    );
}

#[test]
fn only_uid_zero_keeps_capabilities() {
    let held = |plan: &Plan| {
        plan.steps.iter().find_map(|step| match step {
            Step::SetCapabilities {
                permitted,
                effective,
                inheritable,
            } => Some((*permitted, *effective, *inheritable)),
            _ => None,
        })
    };
    let mut spec = spec();
    assert_eq!(held(&planned(&spec, &hybrid())), Some((0b1011, 0b1011, 0)));
    spec.user.uid = 5;
    assert_eq!(held(&planned(&spec, &hybrid())), Some((0, 0, 0)));
}

#[test]
fn capabilities_beyond_the_kernels_are_not_asked_of_it() {
    let mut spec = spec();
    spec.capabilities = u64::MAX;
    let plan = planned(&spec, &hybrid());
    assert!(has(
        &plan,
        |step| matches!(step, Step::SetCapabilities { permitted, .. }
        if *permitted == (1 << 41) - 1)
    ));
    assert!(!has(&plan, |step| matches!(step, Step::DropBounding(_))));
}

#[test]
fn the_filter_is_the_last_thing_before_the_gate() {
    let plan = planned(&spec(), &hybrid());
    assert!(matches!(plan.steps.last(), Some(Step::Seccomp(_))));
    assert!(has(&plan, |step| *step == Step::NoNewPrivileges));
}

#[test]
fn without_no_new_privileges_the_filter_comes_before_privileges_go() {
    let mut spec = spec();
    spec.no_new_privileges = false;
    let plan = planned(&spec, &hybrid());
    let filter = at(&plan, |step| matches!(step, Step::Seccomp(_)));
    assert!(filter < at(&plan, |step| matches!(step, Step::SetUid(_))));
    assert!(!has(&plan, |step| *step == Step::NoNewPrivileges));
}

#[test]
fn the_death_signal_is_set_after_the_last_change_of_credentials() {
    let plan = planned(&spec(), &hybrid());
    let last = plan
        .steps
        .iter()
        .rposition(|step| *step == Step::ParentDeathSignal);
    assert!(last.expect("a death signal") > at(&plan, |step| *step == Step::ClearAmbient));
}

#[test]
fn resource_limits_come_before_the_user_changes() {
    let plan = planned(&spec(), &hybrid());
    let limit = at(&plan, |step| {
        matches!(
            step,
            Step::Rlimit {
                resource: 7,
                soft: 1,
                hard: 2
            }
        )
    });
    assert!(limit < at(&plan, |step| matches!(step, Step::SetUid(_))));
}

#[test]
fn a_program_is_looked_up_in_the_containers_path() {
    let texts = |plan: &Plan| -> Vec<String> {
        let candidates = plan.exec.candidates.iter();
        candidates
            .map(|path| path.to_string_lossy().into_owned())
            .collect()
    };
    let mut spec = spec();
    assert_eq!(
        texts(&planned(&spec, &hybrid())),
        ["/a/prog", "/b/prog", "./prog", "./prog"]
    );
    spec.args = vec!["./x/prog".to_owned()];
    assert_eq!(texts(&planned(&spec, &hybrid())), ["./x/prog"]);
}

#[test]
fn ids_that_are_not_mapped_are_refused() {
    let mut spec = spec();
    spec.user.gid = 65_536;
    let error = plan(&spec, &hybrid()).expect_err("no plan").to_string();
    assert!(
        error.contains("group 65536") && error.contains("0-65535"),
        "{error}"
    );
    spec.user = User {
        uid: 0,
        gid: 0,
        groups: vec![99_999],
    };
    assert!(plan(&spec, &hybrid()).is_err());
}

#[test]
fn a_map_without_root_sets_up_as_its_own_user() {
    let mut spec = spec();
    let map = vec![IdMapping {
        inside: 7,
        outside: 1007,
        count: 1,
    }];
    (spec.uid_map, spec.gid_map) = (map.clone(), map);
    spec.user = User {
        uid: 7,
        gid: 7,
        groups: Vec::new(),
    };
    let plan = planned(&spec, &hybrid());
    assert!(has(&plan, |step| *step == Step::SetIds { uid: 7, gid: 7 }));
    assert_eq!(plan.uid_map, "7 1007 1\n");
}

#[test]
fn what_needs_a_namespace_is_refused_without_it() {
    for kind in [NamespaceKind::Uts, NamespaceKind::User, NamespaceKind::Mnt] {
        let mut spec = spec();
        spec.new_namespaces.retain(|other| *other != kind);
        let error = plan(&spec, &hybrid()).expect_err("no plan");
        assert!(matches!(error, PlanError::NeedsNamespace { kind: named, .. } if named == kind));
    }
}

#[test]
fn nul_bytes_relative_paths_and_no_program_are_refused() {
    let broken: [fn(&mut Spec); 5] = [
        |spec| spec.args = Vec::new(),
        |spec| spec.args.push("a\0b".to_owned()),
        |spec| spec.workdir = "w".to_owned(),
        |spec| spec.root = Root::Directory("rootfs".into()),
        |spec| spec.env.push("\0".to_owned()),
    ];
    for break_it in broken {
        let mut spec = spec();
        break_it(&mut spec);
        assert!(plan(&spec, &hybrid()).is_err());
    }
}

#[test]
fn without_root_nothing_is_planned() {
    let mut host = hybrid();
    host.is_root = false;
    assert_eq!(plan(&spec(), &host), Err(PlanError::NeedsRoot));
}

#[test]
fn every_step_says_what_it_does() {
    for step in &planned(&spec(), &hybrid()).steps {
        assert!(!step.to_string().is_empty(), "{step:?}");
    }
}
