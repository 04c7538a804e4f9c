//! Plans of specs on invented machines: what is in them, in which order, and what is refused.

use std::path::PathBuf;

use super::*;
use crate::container::spec::{
    CpuQuota, IdMapping, Mount, MountKind, Resources, RlimitRequest, Root, User,
};
use crate::host::facts::RootEntry;
use crate::host::{CgroupVersion, Hierarchy};

fn hierarchy(id: u32, version: CgroupVersion, controllers: &[&str]) -> Hierarchy {
    Hierarchy {
        id,
        version,
        controllers: controllers.iter().map(|name| (*name).to_owned()).collect(),
        name: None,
        mount_point: PathBuf::from(format!("/cg/{id}")),
        own_path: "/".to_owned(),
    }
}

fn host(hierarchies: Vec<Hierarchy>) -> HostFacts {
    let entry = |name: &str, link: Option<&str>| RootEntry {
        name: name.to_owned(),
        link: link.map(str::to_owned),
    };
    HostFacts {
        kernel: "6.1.0".to_owned(),
        machine: "x86_64".to_owned(),
        boot_id: "b".to_owned(),
        hierarchies,
        cpus_online: vec![0, 1, 2, 3],
        page_size: 4096,
        last_capability: 40,
        is_root: true,
        root_entries: vec![
            entry("bin", Some("usr/bin")),
            entry("home", None),
            entry("proc", None),
            entry("usr", None),
        ],
    }
}

fn hybrid() -> HostFacts {
    use CgroupVersion::{V1, V2};
    host(vec![
        hierarchy(0, V2, &["hugetlb"]),
        hierarchy(1, V1, &["cpu", "cpuacct"]),
        hierarchy(2, V1, &["cpuset"]),
        hierarchy(3, V1, &["memory"]),
        hierarchy(4, V1, &["pids"]),
    ])
}

fn unified() -> HostFacts {
    host(vec![hierarchy(0, CgroupVersion::V2, &["cpuset", "cpu", "memory", "pids"])])
}

fn spec() -> Spec {
    let map = vec![IdMapping { inside: 0, outside: 100_000, count: 65_536 }];
    Spec {
        id: "tracer-0123456789ab".to_owned(),
        args: vec!["prog".to_owned(), "arg".to_owned()],
        env: vec!["PATH=/a:/b/::".to_owned()],
        workdir: "/w".to_owned(),
        hostname: Some("inside".to_owned()),
        new_namespaces: NamespaceKind::ALL.to_vec(),
        root: Root::HostView,
        read_only: false,
        mounts: Vec::new(),
        user: User::default(),
        uid_map: map.clone(),
        gid_map: map,
        resources: Resources {
            cpuset_cpus: Some(vec![3, 0, 1]),
            cpu: Some(CpuQuota { quota_us: 50_000, period_us: 100_000 }),
            memory: Some(1 << 20),
            pids: Some(9),
        },
        capabilities: 0b1011,
        no_new_privileges: true,
        seccomp: Seccomp::Filter {
            origin: "default".to_owned(),
            profile: Box::new(crate::container::seccomp::default_profile(0)),
        },
        rlimits: vec![RlimitRequest { resource: 7, soft: 1, hard: 2 }],
    }
}

fn planned(spec: &Spec, host: &HostFacts) -> Plan {
    plan(spec, host).expect("a plan")
}

fn at(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> usize {
    plan.steps.iter().position(wanted).expect("the step")
}

fn has(plan: &Plan, wanted: impl Fn(&Step) -> bool) -> bool {
    plan.steps.iter().any(wanted)
}

fn settings(plan: &Plan) -> Vec<(u32, &str, String)> {
    let cgroups = plan.cgroups.iter();
    let pairs = cgroups.flat_map(|cgroup| cgroup.settings.iter().map(move |one| (cgroup, one)));
    pairs
        .map(|(cgroup, setting)| {
            let value = match &setting.value {
                SettingValue::Text(text) => text.clone(),
                SettingValue::FromParent => "parent".to_owned(),
            };
            (cgroup.hierarchy, setting.file.as_str(), value)
        })
        .collect()
}

#[test]
fn all_flags_but_the_cgroup_namespaces_go_to_clone() {
    let plan = planned(&spec(), &hybrid());
    let all = NamespaceKind::ALL.iter().fold(0, |flags, kind| flags | kind.clone_flag());
    assert_eq!(plan.clone_flags, all & !NamespaceKind::Cgroup.clone_flag());
}

#[test]
fn the_cgroup_namespace_comes_after_the_cgroups_were_joined() {
    let plan = planned(&spec(), &hybrid());
    let unshared = at(&plan, |step| *step == Step::UnshareCgroup);
    let last = plan.steps.iter().rposition(|step| matches!(step, Step::JoinCgroup { .. }));
    assert!(last.expect("a join") < unshared);
}

#[test]
fn a_hybrid_machine_gets_a_cgroup_in_each_hierarchy() {
    let plan = planned(&spec(), &hybrid());
    let how: Vec<(u32, AttachBy)> =
        plan.cgroups.iter().map(|cgroup| (cgroup.hierarchy, cgroup.attach)).collect();
    let wanted = [
        (0, AttachBy::Clone),
        (1, AttachBy::Init),
        (2, AttachBy::Init),
        (3, AttachBy::Init),
        (4, AttachBy::Init),
    ];
    assert_eq!(how, wanted);
    let wanted = [
        (1, "cpu.cfs_period_us", "100000"),
        (1, "cpu.cfs_quota_us", "50000"),
        (2, "cpuset.cpus", "0-1,3"),
        (2, "cpuset.mems", "parent"),
        (3, "memory.limit_in_bytes", "1048576"),
        (4, "pids.max", "9"),
    ];
    assert_eq!(settings(&plan), wanted.map(|(id, file, value)| (id, file, value.to_owned())));
}

#[test]
fn a_unified_machine_gets_one_cgroup_with_everything() {
    let plan = planned(&spec(), &unified());
    let wanted = [
        (0, "cpuset.cpus", "0-1,3"),
        (0, "cpu.max", "50000 100000"),
        (0, "memory.max", "1048576"),
        (0, "pids.max", "9"),
    ];
    assert_eq!(settings(&plan), wanted.map(|(id, file, value)| (id, file, value.to_owned())));
    assert_eq!(plan.cgroups[0].enable, ["cpuset", "cpu", "memory", "pids"]);
    assert!(!has(&plan, |step| matches!(step, Step::JoinCgroup { .. })));
}

#[test]
fn without_limits_no_controller_is_enabled() {
    let mut spec = spec();
    spec.resources = Resources::default();
    let plan = planned(&spec, &unified());
    assert_eq!(plan.cgroups[0].enable, [""; 0]);
    assert_eq!(plan.cgroups[0].settings, []);
}

#[test]
fn a_v1_cpuset_is_filled_from_its_parent_when_none_is_asked() {
    let mut spec = spec();
    spec.resources = Resources::default();
    let plan = planned(&spec, &hybrid());
    let parent = |file| (2, file, "parent".to_owned());
    assert_eq!(settings(&plan), [parent("cpuset.cpus"), parent("cpuset.mems")]);
}

#[test]
fn limits_without_their_controller_are_refused() {
    let host = host(vec![hierarchy(0, CgroupVersion::V2, &["cpu", "cpuset", "pids"])]);
    let error = plan(&spec(), &host).expect_err("no plan");
    assert!(matches!(error, PlanError::NoController { controller: "memory", .. }), "{error}");
}

#[test]
fn a_processor_that_is_not_there_is_refused() {
    let mut spec = spec();
    spec.resources.cpuset_cpus = Some(vec![0, 4]);
    let error = plan(&spec, &hybrid()).expect_err("no plan");
    assert_eq!(error, PlanError::CpusetOutside { cpu: 4, online: "0-3".to_owned() });
}

#[test]
fn new_file_systems_are_made_before_the_old_root_goes() {
    let plan = planned(&spec(), &hybrid());
    let last = plan.steps.iter().rposition(|step| matches!(step, Step::NewFileSystem { .. }));
    let pivot = at(&plan, |step| matches!(step, Step::PivotRoot { .. }));
    assert!(last.expect("a file system") < pivot);
    let attach = at(&plan, |step| matches!(step, Step::Attach { .. }));
    assert!(at(&plan, |step| *step == Step::DetachOldRoot) < attach);
}

#[test]
fn the_host_view_shows_directories_read_only_and_links_as_they_are() {
    let plan = planned(&spec(), &hybrid());
    let sources: Vec<_> = plan.sources.iter().map(|source| source.path.clone()).collect();
    assert!(sources.contains(&PathBuf::from("/usr")));
    for private in ["/proc", "/home", "/bin"] {
        assert!(!sources.contains(&PathBuf::from(private)), "{private}");
    }
    assert!(has(&plan, |step| matches!(step, Step::Symlink { target, place, .. }
        if target.as_c_str() == c"usr/bin" && place.to_string() == "/bin")));
    assert!(has(&plan, |step| matches!(step, Step::SetAttributes { place, attributes, recursive: true, .. }
        if place.to_string() == "/usr" && attributes.read_only && attributes.no_suid && attributes.no_dev)));
}

#[test]
fn shared_namespaces_show_the_hosts_proc_and_sys() {
    let mut spec = spec();
    spec.new_namespaces.retain(|kind| !matches!(kind, NamespaceKind::Pid | NamespaceKind::Net));
    let plan = planned(&spec, &hybrid());
    let sources: Vec<_> = plan.sources.iter().map(|source| source.path.clone()).collect();
    assert!(sources.contains(&PathBuf::from("/proc")) && sources.contains(&PathBuf::from("/sys")));
    assert!(!has(&plan, |step| *step == Step::LoopbackUp));
}

#[test]
fn without_a_mount_namespace_nothing_is_mounted() {
    let mut spec = spec();
    spec.new_namespaces.retain(|kind| *kind != NamespaceKind::Mnt);
    let error = plan(&spec, &hybrid()).expect_err("no plan");
    assert!(matches!(error, PlanError::NeedsNamespace { kind: NamespaceKind::Mnt, .. }));
    spec.root = Root::Shared;
    let plan = planned(&spec, &hybrid());
    assert_eq!(plan.sources, []);
    assert!(!has(&plan, |step| matches!(step, Step::MountPrivate | Step::PivotRoot { .. })));
}

#[test]
fn mount_points_are_made_down_to_the_target() {
    let mut spec = spec();
    let kind = MountKind::Tmpfs { size: None, mode: None };
    spec.mounts = vec![Mount { kind, target: "/a/./b//c".to_owned(), read_only: true }];
    let plan = planned(&spec, &hybrid());
    for path in ["/a", "/a/b"] {
        assert!(has(&plan, |step| matches!(step, Step::MakeDirectory { place, .. }
            if place.to_string() == path)));
    }
    let made = at(&plan, |step| matches!(step, Step::MakeMountPoint { place, .. }
        if place.to_string() == "/a/b/c"));
    assert!(matches!(&plan.steps[made + 1], Step::Attach { .. }));
    assert!(matches!(&plan.steps[made + 2], Step::SetAttributes { attributes, .. }
        if attributes.read_only));
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
    let kind = MountKind::Tmpfs { size: None, mode: None };
    spec.mounts = vec![Mount { kind, target: "/mnt".to_owned(), read_only: false }];
    let plan = planned(&spec, &hybrid());
    let making = |step: &Step| {
        matches!(step, Step::MakeMountPoint { .. } | Step::MakeDirectory { .. })
    };
    assert!(!has(&plan, making));
    assert!(has(&plan, |step| matches!(step, Step::Attach { .. })));
}

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
    assert_eq!(dropped, (0..=40).filter(|number| ![0, 1, 3].contains(number)).collect::<Vec<_>>());
}

#[test]
fn only_uid_zero_keeps_capabilities() {
    let held = |plan: &Plan| {
        plan.steps.iter().find_map(|step| match step {
            Step::SetCapabilities { permitted, effective, inheritable } => {
                Some((*permitted, *effective, *inheritable))
            }
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
    assert!(has(&plan, |step| matches!(step, Step::SetCapabilities { permitted, .. }
        if *permitted == (1 << 41) - 1)));
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
    let last = plan.steps.iter().rposition(|step| *step == Step::ParentDeathSignal);
    assert!(last.expect("a death signal") > at(&plan, |step| *step == Step::ClearAmbient));
}

#[test]
fn resource_limits_come_before_the_user_changes() {
    let plan = planned(&spec(), &hybrid());
    let limit = at(&plan, |step| matches!(step, Step::Rlimit { resource: 7, soft: 1, hard: 2 }));
    assert!(limit < at(&plan, |step| matches!(step, Step::SetUid(_))));
}

#[test]
fn a_program_is_looked_up_in_the_containers_path() {
    let texts = |plan: &Plan| -> Vec<String> {
        let candidates = plan.exec.candidates.iter();
        candidates.map(|path| path.to_string_lossy().into_owned()).collect()
    };
    let mut spec = spec();
    assert_eq!(texts(&planned(&spec, &hybrid())), ["/a/prog", "/b/prog", "./prog", "./prog"]);
    spec.args = vec!["./x/prog".to_owned()];
    assert_eq!(texts(&planned(&spec, &hybrid())), ["./x/prog"]);
}

#[test]
fn ids_that_are_not_mapped_are_refused() {
    let mut spec = spec();
    spec.user.gid = 65_536;
    let error = plan(&spec, &hybrid()).expect_err("no plan").to_string();
    assert!(error.contains("group 65536") && error.contains("0-65535"), "{error}");
    spec.user = User { uid: 0, gid: 0, groups: vec![99_999] };
    assert!(plan(&spec, &hybrid()).is_err());
}

#[test]
fn a_map_without_root_sets_up_as_its_own_user() {
    let mut spec = spec();
    let map = vec![IdMapping { inside: 7, outside: 1007, count: 1 }];
    (spec.uid_map, spec.gid_map) = (map.clone(), map);
    spec.user = User { uid: 7, gid: 7, groups: Vec::new() };
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

#[test]
fn every_step_says_what_it_does() {
    for step in &planned(&spec(), &hybrid()).steps {
        assert!(!step.to_string().is_empty(), "{step:?}");
    }
}
