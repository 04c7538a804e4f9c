//! Mounts of a plan.

use super::*;

#[test]
fn new_file_systems_are_made_before_the_old_root_goes() {
    let plan = planned(&spec(), &hybrid());
    let last = plan
        .steps
        .iter()
        .rposition(|step| matches!(step, Step::NewFileSystem { .. }));
    let pivot = at(&plan, |step| matches!(step, Step::PivotRoot { .. }));
    assert!(last.expect("a file system") < pivot);
    let attach = at(&plan, |step| matches!(step, Step::Attach { .. }));
    assert!(at(&plan, |step| *step == Step::DetachOldRoot) < attach);
}

#[test]
fn the_host_view_shows_directories_read_only_and_links_as_they_are() {
    let plan = planned(&spec(), &hybrid());
    let sources: Vec<_> = plan
        .sources
        .iter()
        .map(|source| source.path.clone())
        .collect();
    assert!(sources.contains(&PathBuf::from("/usr")));
    for private in ["/proc", "/home", "/bin"] {
        assert!(!sources.contains(&PathBuf::from(private)), "{private}");
    }
    assert!(has(
        &plan,
        |step| matches!(step, Step::Symlink { target, place, .. }
        if target.as_c_str() == c"usr/bin" && place.to_string() == "/bin")
    ));
    assert!(has(
        &plan,
        |step| matches!(step, Step::SetAttributes { place, attributes, recursive: true, .. }
        if place.to_string() == "/usr" && attributes.read_only && attributes.no_suid && attributes.no_dev)
    ));
}

#[test]
fn shared_namespaces_show_the_hosts_proc_and_sys() {
    let mut spec = spec();
    spec.new_namespaces
        .retain(|kind| !matches!(kind, NamespaceKind::Pid | NamespaceKind::Net));
    let plan = planned(&spec, &hybrid());
    let sources: Vec<_> = plan
        .sources
        .iter()
        .map(|source| source.path.clone())
        .collect();
    assert!(sources.contains(&PathBuf::from("/proc")) && sources.contains(&PathBuf::from("/sys")));
    assert!(!has(&plan, |step| *step == Step::LoopbackUp));
}

#[test]
fn without_a_mount_namespace_nothing_is_mounted() {
    let mut spec = spec();
    spec.new_namespaces
        .retain(|kind| *kind != NamespaceKind::Mnt);
    let error = plan(&spec, &hybrid()).expect_err("no plan");
    assert!(matches!(
        error,
        PlanError::NeedsNamespace {
            kind: NamespaceKind::Mnt,
            ..
        }
    ));
    spec.root = Root::Shared;
    let plan = planned(&spec, &hybrid());
    assert_eq!(plan.sources, []);
    assert!(!has(&plan, |step| matches!(
        step,
        Step::MountPrivate | Step::PivotRoot { .. }
    )));
}

#[test]
fn mount_points_are_made_down_to_the_target() {
    let mut spec = spec();
    let kind = MountKind::Tmpfs {
        size: None,
        mode: None,
    };
    spec.mounts = vec![Mount {
        kind,
        target: "/a/./b//c".to_owned(),
        read_only: true,
    }];
    let plan = planned(&spec, &hybrid());
    for path in ["/a", "/a/b"] {
        assert!(has(
            &plan,
            |step| matches!(step, Step::MakeDirectory { place, .. }
            if place.to_string() == path)
        ));
    }
    let made = at(&plan, |step| {
        matches!(step, Step::MakeMountPoint { place, .. }
        if place.to_string() == "/a/b/c")
    });
    assert!(matches!(&plan.steps[made + 1], Step::Attach { .. }));
    assert!(
        matches!(&plan.steps[made + 2], Step::SetAttributes { attributes, .. }
        if attributes.read_only)
    );
}

#[test]
fn a_target_cannot_climb_out_by_dots() {
    let place = Place::new("mount target", "/a/../../../etc/x", Links::Follow).expect("a place");
    assert_eq!(place.to_string(), "/etc/x");
}

#[test]
fn no_mount_point_is_made_on_the_hosts_own_root() {
    let mut spec = spec();
    spec.root = Root::Shared;
    let kind = MountKind::Tmpfs {
        size: None,
        mode: None,
    };
    spec.mounts = vec![Mount {
        kind,
        target: "/mnt".to_owned(),
        read_only: false,
    }];
    let plan = planned(&spec, &hybrid());
    let making = |step: &Step| {
        matches!(
            step,
            Step::MakeMountPoint { .. } | Step::MakeDirectory { .. }
        )
    };
    assert!(!has(&plan, making));
    assert!(has(&plan, |step| matches!(step, Step::Attach { .. })));
}

#[test]
fn every_slot_that_is_used_is_filled_before() {
    for host in [hybrid(), unified()] {
        let plan = planned(&spec(), &host);
        let mut filled: Vec<Slot> = plan.sources.iter().map(|source| source.slot).collect();
        for step in &plan.steps {
            match step {
                Step::NewFileSystem { slot, .. } => {
                    assert!(!filled.contains(slot), "{slot:?} is filled twice");
                    filled.push(*slot);
                }
                Step::AttachRoot { slot, .. }
                | Step::Attach { slot, .. }
                | Step::MakeMountPoint { slot, .. } => assert!(filled.contains(slot), "{slot:?}"),
                _ => {}
            }
        }
        assert_eq!(plan.slots(), filled.len());
    }
}
