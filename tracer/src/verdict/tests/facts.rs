//! Facts of the task itself: limits, credentials, ids.

use tracer_common::record::{Certificate, IdExtent, UNLIMITED};

use super::super::sample::{Scenario, chain, nothing};
use super::{fails, item, unknown};
use crate::container::spec::{Seccomp, User};
use crate::verdict::Verdict;

/// Without its valid bit, exactly the items that rest on a fact cannot be known.
#[test]
fn a_fact_that_the_kernel_does_not_tell_is_inconclusive() {
    let sets = [
        "bounding",
        "permitted",
        "effective",
        "inheritable",
        "ambient",
    ];
    let capabilities = sets.map(|set| format!("capabilities.{set}"));
    let capabilities: Vec<&str> = capabilities.iter().map(String::as_str).collect();
    let cases: [(u64, &[&str]); 16] = [
        (Certificate::IDS, &["ids", "securebits"]),
        (Certificate::CAPABILITIES, &capabilities),
        (Certificate::GROUPS, &["groups"]),
        (Certificate::ID_MAPS, &["uid_map", "gid_map"]),
        (Certificate::HOSTNAME, &["hostname"]),
        (Certificate::NO_NEW_PRIVS, &["no_new_privs"]),
        (Certificate::SECCOMP, &["seccomp"]),
        (Certificate::SECCOMP_FILTERS, &["seccomp"]),
        (Certificate::MEMORY, &["memory.max"]),
        (Certificate::PIDS, &["pids.max"]),
        (Certificate::CPU, &["cpu.max"]),
        (Certificate::CPUS_ALLOWED, &["cpus_allowed"]),
        (Certificate::CPUSET, &["cpuset.cpus"]),
        (Certificate::EXE, &["exe"]),
        (Certificate::RLIMITS, &["rlimit.nofile"]),
        (Certificate::DESCRIPTORS, &["descriptors"]),
    ];
    for (bit, ids) in cases {
        unknown(ids, &Scenario::with_facts(|facts| facts.valid &= !bit));
    }
    let scenario = Scenario::with_facts(|facts| facts.cpus_allowed.fill(0));
    unknown(&["cpus_allowed"], &scenario);
    let scenario = Scenario::with_facts(|facts| facts.cpuset_cpus.fill(0));
    unknown(&["cpuset.cpus"], &scenario);
}

#[test]
fn a_certificate_of_nothing_passes_nothing_that_rests_on_it() {
    let judgement = Scenario::with_facts(|facts| *facts = nothing()).judge_final();
    for item in judgement
        .items
        .iter()
        .filter(|item| item.verdict == Verdict::Pass)
    {
        let rests_on_it =
            !item.id.starts_with("mount") && !["payload.exec", "complete"].contains(&&*item.id);
        assert!(!rests_on_it, "{} passed", item.id);
    }
}

#[test]
fn a_larger_memory_limit_than_asked_fails() {
    let memory =
        |levels: &'static [u64]| Scenario::with_facts(|facts| facts.memory = chain(levels));
    fails(&["memory.max"], &memory(&[65 << 20, UNLIMITED]));
    fails(&["memory.max"], &memory(&[UNLIMITED, UNLIMITED]));
    // An ancestor that happens to have the limit is not the container's own.
    fails(&["memory.max"], &memory(&[UNLIMITED, 64 << 20]));
}

#[test]
fn a_smaller_limit_than_asked_is_not_the_one_asked_for() {
    let smaller = |facts: &mut Certificate| facts.memory = chain(&[32 << 20, UNLIMITED]);
    fails(&["memory.max"], &Scenario::with_facts(smaller));
}

#[test]
fn a_stricter_ancestor_passes_and_is_shown() {
    let scenario = Scenario::with_facts(|facts| facts.memory = chain(&[64 << 20, 32 << 20]));
    let judgement = scenario.judge_final();
    assert_eq!(judgement.verdict, Verdict::Pass);
    assert!(
        item(&judgement, "memory.max")
            .seen
            .contains("32 MiB in force")
    );
}

#[test]
fn a_larger_limit_of_tasks_than_asked_fails() {
    fails(
        &["pids.max"],
        &Scenario::with_facts(|facts| facts.pids = chain(&[UNLIMITED, UNLIMITED])),
    );
}

#[test]
fn another_cpu_quota_or_period_than_asked_fails() {
    fails(
        &["cpu.max"],
        &Scenario::with_facts(|facts| facts.cpu.quotas[0] = UNLIMITED),
    );
    fails(
        &["cpu.max"],
        &Scenario::with_facts(|facts| facts.cpu.periods[0] /= 2),
    );
    let stricter = Scenario::with_facts(|facts| {
        (facts.cpu.levels, facts.cpu.quotas[1]) = (2, 25_000_000);
    });
    assert_eq!(stricter.judge_final().verdict, Verdict::Pass);
}

#[test]
fn another_set_of_processors_than_asked_fails() {
    fails(
        &["cpuset.cpus"],
        &Scenario::with_facts(|facts| facts.cpuset_cpus[0] = 0b11),
    );
    fails(
        &["cpus_allowed"],
        &Scenario::with_facts(|facts| facts.cpus_allowed[0] = 0b01),
    );
    fails(
        &["cpus_allowed"],
        &Scenario::with_facts(|facts| facts.cpus_allowed[3] = 1),
    );
}

#[test]
fn a_kept_capability_fails_its_set_and_is_named() {
    let kept = 1 << 21;
    fails(
        &["capabilities.bounding"],
        &Scenario::with_facts(|facts| facts.capabilities.bounding |= kept),
    );
    fails(
        &["capabilities.permitted"],
        &Scenario::with_facts(|facts| facts.capabilities.permitted |= kept),
    );
    fails(
        &["capabilities.effective"],
        &Scenario::with_facts(|facts| facts.capabilities.effective |= kept),
    );
    fails(
        &["capabilities.inheritable"],
        &Scenario::with_facts(|facts| facts.capabilities.inheritable |= kept),
    );
    let scenario = Scenario::with_facts(|facts| facts.capabilities.ambient |= kept);
    fails(&["capabilities.ambient"], &scenario);
    let judgement = scenario.judge_final();
    let reason = item(&judgement, "capabilities.ambient").reason.as_deref();
    assert_eq!(reason, Some("also sys_admin"));
}

#[test]
fn a_lacking_capability_fails() {
    let scenario = Scenario::with_facts(|facts| facts.capabilities.effective &= !1);
    fails(&["capabilities.effective"], &scenario);
}

#[test]
fn bits_that_stand_for_no_capability_do_not_count() {
    // Kernels before 6.3 fill the whole word when a user namespace is made.
    let scenario = Scenario::with_facts(|facts| facts.capabilities.bounding |= 1 << 50);
    assert_eq!(scenario.judge_final().verdict, Verdict::Pass);
}

#[test]
fn each_of_the_eight_ids_counts() {
    fails(&["ids"], &Scenario::with_facts(|facts| facts.ids.uid = 0));
    fails(&["ids"], &Scenario::with_facts(|facts| facts.ids.gid = 0));
    fails(&["ids"], &Scenario::with_facts(|facts| facts.ids.suid = 0));
    fails(&["ids"], &Scenario::with_facts(|facts| facts.ids.sgid = 0));
    fails(&["ids"], &Scenario::with_facts(|facts| facts.ids.euid = 0));
    fails(&["ids"], &Scenario::with_facts(|facts| facts.ids.egid = 0));
    fails(&["ids"], &Scenario::with_facts(|facts| facts.ids.fsuid = 0));
    fails(&["ids"], &Scenario::with_facts(|facts| facts.ids.fsgid = 0));
}

#[test]
fn a_user_outside_the_map_is_inconclusive() {
    let scenario = Scenario::with(|scenario| {
        scenario.spec.user = User {
            uid: 0,
            gid: 0,
            groups: vec![70000],
        };
    });
    unknown(&["groups"], &scenario);
    let scenario = Scenario::with(|scenario| scenario.spec.user.gid = 70000);
    unknown(&["ids"], &scenario);
}

#[test]
fn a_group_too_many_or_too_few_fails() {
    let scenario = Scenario::with_facts(|facts| {
        facts.group_count = 1;
        facts.groups[0] = 27;
    });
    fails(&["groups"], &scenario);
    fails(
        &["groups"],
        &Scenario::with(|scenario| scenario.spec.user.groups = vec![5]),
    );
}

#[test]
fn more_groups_than_there_is_room_for_are_inconclusive_unless_one_is_wrong() {
    let many = |scenario: &mut Scenario| {
        scenario.spec.user.groups = (0..40).collect();
        for facts in [&mut scenario.gate, &mut scenario.exec] {
            facts.group_count = 40;
            for (group, slot) in (100000..).zip(&mut facts.groups) {
                *slot = group;
            }
        }
    };
    unknown(&["groups"], &Scenario::with(many));
    let wrong = Scenario::with(|scenario| {
        many(scenario);
        (scenario.gate.groups[0], scenario.exec.groups[0]) = (0, 0);
    });
    fails(&["groups"], &wrong);
}

#[test]
fn another_id_map_fails() {
    fails(
        &["uid_map"],
        &Scenario::with_facts(|facts| facts.uid_map.extents[0].outside = 0),
    );
    fails(
        &["gid_map"],
        &Scenario::with_facts(|facts| facts.gid_map.count = 0),
    );
    let scenario = Scenario::with_facts(|facts| {
        facts.uid_map.count = 2;
        facts.uid_map.extents[1] = IdExtent {
            inside: 65536,
            outside: 0,
            count: 1,
        };
    });
    fails(&["uid_map"], &scenario);
}

#[test]
fn a_map_longer_than_the_record_fails_when_fewer_lines_were_asked_for() {
    fails(
        &["uid_map"],
        &Scenario::with_facts(|facts| facts.uid_map.count = 6),
    );
}

#[test]
fn a_long_map_whose_known_lines_are_right_is_inconclusive() {
    let scenario = Scenario::with(|scenario| {
        let line = scenario.spec.uid_map[0];
        for outside in 1..6 {
            let extra = crate::container::spec::IdMapping {
                inside: outside << 20,
                ..line
            };
            scenario.spec.uid_map.push(extra);
        }
        (scenario.gate.uid_map.count, scenario.exec.uid_map.count) = (6, 6);
    });
    unknown(&["uid_map"], &scenario);
}

#[test]
fn securebits_and_no_new_privs_fail_when_they_are_not_as_asked() {
    fails(
        &["securebits"],
        &Scenario::with_facts(|facts| facts.securebits = 1 << 4),
    );
    fails(
        &["no_new_privs"],
        &Scenario::with_facts(|facts| facts.no_new_privs = 0),
    );
}

#[test]
fn no_seccomp_filter_fails() {
    let off = |facts: &mut Certificate| (facts.seccomp_mode, facts.seccomp_filters) = (0, 0);
    fails(&["seccomp"], &Scenario::with_facts(off));
}

#[test]
fn a_filter_that_tracer_had_already_is_not_the_containers() {
    // tracer runs in a container that has a filter; the runtime installed none.
    let scenario = Scenario::with(|scenario| {
        (
            scenario.baseline.seccomp_mode,
            scenario.baseline.seccomp_filters,
        ) = (2, 1);
    });
    fails(&["seccomp"], &scenario);
}

#[test]
fn unconfined_means_as_tracer_itself() {
    let unconfined = |scenario: &mut Scenario| scenario.spec.seccomp = Seccomp::Unconfined;
    fails(&["seccomp"], &Scenario::with(unconfined));
    let filters = |of_tracer, of_container| {
        Scenario::with(|scenario| {
            unconfined(scenario);
            let set = |facts: &mut Certificate, count: u32| {
                (facts.seccomp_mode, facts.seccomp_filters) =
                    (if count > 0 { 2 } else { 0 }, count);
            };
            set(&mut scenario.baseline, of_tracer);
            set(&mut scenario.gate, of_container);
            set(&mut scenario.exec, of_container);
        })
    };
    assert_eq!(filters(0, 0).judge_final().verdict, Verdict::Pass);
    assert_eq!(filters(1, 1).judge_final().verdict, Verdict::Pass);
    fails(&["seccomp"], &filters(1, 2));
}

#[test]
fn another_rlimit_or_host_name_fails() {
    fails(
        &["rlimit.nofile"],
        &Scenario::with_facts(|facts| facts.rlimits[7].hard = UNLIMITED),
    );
    fails(
        &["hostname"],
        &Scenario::with_facts(|facts| facts.hostname[0] = b'f'),
    );
}
