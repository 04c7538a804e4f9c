//! Cgroups of a plan.

use super::*;

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
    let all = NamespaceKind::ALL
        .iter()
        .fold(0, |flags, kind| flags | kind.clone_flag());
    assert_eq!(plan.clone_flags, all & !NamespaceKind::Cgroup.clone_flag());
}

#[test]
fn the_cgroup_namespace_comes_after_the_cgroups_were_joined() {
    let plan = planned(&spec(), &hybrid());
    let unshared = at(&plan, |step| *step == Step::UnshareCgroup);
    let last = plan
        .steps
        .iter()
        .rposition(|step| matches!(step, Step::JoinCgroup { .. }));
    assert!(last.expect("a join") < unshared);
}

#[test]
fn a_hybrid_machine_gets_a_cgroup_in_each_hierarchy() {
    let plan = planned(&spec(), &hybrid());
    let how: Vec<(u32, AttachBy)> = plan
        .cgroups
        .iter()
        .map(|cgroup| (cgroup.hierarchy, cgroup.attach))
        .collect();
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
    assert_eq!(
        settings(&plan),
        wanted.map(|(id, file, value)| (id, file, value.to_owned()))
    );
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
    assert_eq!(
        settings(&plan),
        wanted.map(|(id, file, value)| (id, file, value.to_owned()))
    );
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
    assert_eq!(
        settings(&plan),
        [parent("cpuset.cpus"), parent("cpuset.mems")]
    );
}

#[test]
fn limits_without_their_controller_are_refused() {
    let host = host(vec![hierarchy(
        0,
        CgroupVersion::V2,
        &["cpu", "cpuset", "pids"],
    )]);
    let error = plan(&spec(), &host).expect_err("no plan");
    assert!(
        matches!(
            error,
            PlanError::NoController {
                controller: "memory",
                ..
            }
        ),
        "{error}"
    );
}

#[test]
fn a_processor_that_is_not_there_is_refused() {
    let mut spec = spec();
    spec.resources.cpuset_cpus = Some(vec![0, 4]);
    let error = plan(&spec, &hybrid()).expect_err("no plan");
    assert_eq!(
        error,
        PlanError::CpusetOutside {
            cpu: 4,
            online: "0-3".to_owned()
        }
    );
}
