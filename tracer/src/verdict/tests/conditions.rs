//! Conditions that files, presets and bundles make: each passes, fails and is unknown where it
//! should.

mod attributes;
mod devices;
mod places;

use tracer_common::record::{BandwidthChain, Certificate, IdExtent, MAX_ANCESTORS, UNLIMITED};

use super::super::sample::{Scenario, chain, pipe};
use crate::event::sample::{HOST, NEW};
use crate::event::{NamespaceKind, NsId};
use crate::expect::{Bound, Check, Comparison, Expectation, IdRule, MapKind, Processors, SetName};
use crate::verdict::{Item, Observation, Verdict};
use Comparison::{Above, AtLeast, AtMost, Below, Exactly};
use Verdict::{Fail, Inconclusive, Pass};

/// The final judgement of one check, with the observation changed.
fn judged(check: Check, scenario: &Scenario, change: impl Fn(&mut Observation)) -> Item {
    let mut outcome = scenario.play();
    outcome.expectations = vec![Expectation {
        id: "one".to_owned(),
        asked: String::new(),
        origin: String::new(),
        check,
    }];
    outcome.observation.limiting = Some(scenario.host.limiting());
    change(&mut outcome.observation);
    outcome.judge_final().items.remove(0)
}

/// What becomes of `check` when the facts are so.
#[track_caller]
fn becomes(check: &Check, verdict: Verdict, facts: impl Fn(&mut Certificate)) {
    let item = judged(check.clone(), &Scenario::with_facts(facts), |_| {});
    assert_eq!(item.verdict, verdict, "{check:?}: {item:#?}");
    assert!(!item.seen.is_empty());
    match verdict {
        Pass => assert!(!item.evidence.is_empty(), "{item:#?}"),
        Fail => assert!(!item.evidence.is_empty() && item.reason.is_some()),
        Inconclusive => assert!(item.reason.is_some()),
    }
}

fn good(_: &mut Certificate) {}

fn without(bit: u64) -> impl Fn(&mut Certificate) {
    move |facts| facts.valid &= !bit
}

#[test]
fn a_namespace_is_private_when_it_is_not_the_hosts_for_children_too() {
    for kind in NamespaceKind::ALL {
        let private = Check::NamespacePrivate(kind);
        becomes(&private, Pass, good);
        becomes(&private, Fail, |facts| facts.namespaces = HOST);
        becomes(&private, Inconclusive, without(Certificate::NAMESPACES));
    }
    let pid = Check::NamespacePrivate(NamespaceKind::Pid);
    becomes(&pid, Fail, |facts| {
        facts.namespaces.pid_for_children = HOST.pid;
    });
    becomes(&pid, Inconclusive, |facts| facts.namespaces.pid = 0);
}

#[test]
fn a_joined_namespace_has_the_number_asked_for() {
    let is = |id| Check::NamespaceIs {
        kind: NamespaceKind::Net,
        id: NsId(id),
    };
    becomes(&is(NEW.net), Pass, good);
    becomes(&is(1), Fail, good);
    becomes(&is(NEW.net), Inconclusive, without(Certificate::NAMESPACES));
    let pid = Check::NamespaceIs {
        kind: NamespaceKind::Pid,
        id: NsId(NEW.pid),
    };
    becomes(&pid, Fail, |facts| facts.namespaces.pid_for_children = 1);
}

#[test]
fn the_memory_limit_in_force_is_compared_in_whole_pages() {
    let memory = |comparison, value| Check::MemoryBound(Bound::new(comparison, value));
    becomes(&memory(AtMost, 64 << 20), Pass, good);
    becomes(&memory(Exactly, (64 << 20) + 4095), Pass, good);
    becomes(&memory(Below, 64 << 20), Fail, good);
    becomes(&memory(AtLeast, 64 << 20), Pass, good);
    becomes(&memory(Above, 64 << 20), Fail, good);
    // An ancestor's counts.
    becomes(&memory(AtMost, 32 << 20), Pass, |facts| {
        facts.memory = chain(&[UNLIMITED, 32 << 20]);
    });
    becomes(&memory(Exactly, UNLIMITED), Fail, good);
    let unlimited = |facts: &mut Certificate| facts.memory = chain(&[UNLIMITED]);
    becomes(&memory(Exactly, UNLIMITED), Pass, unlimited);
    becomes(&memory(AtMost, 1 << 40), Fail, unlimited);
    becomes(&memory(AtLeast, 1 << 40), Pass, unlimited);
    becomes(
        &memory(AtMost, 1),
        Inconclusive,
        without(Certificate::MEMORY),
    );
}

#[test]
fn ancestors_that_are_not_known_leave_unknown_what_they_could_decide() {
    let pids = |comparison, value| Check::PidsBound(Bound::new(comparison, value));
    let cut = |facts: &mut Certificate| facts.pids.truncated = 1;
    becomes(&pids(AtMost, 32), Pass, cut);
    becomes(&pids(AtMost, 31), Inconclusive, cut);
    becomes(&pids(AtLeast, 33), Fail, cut);
    becomes(&pids(AtLeast, 32), Inconclusive, cut);
    becomes(&pids(Exactly, 32), Inconclusive, cut);
    becomes(&pids(Exactly, 33), Fail, cut);
    becomes(&pids(AtMost, 32), Inconclusive, without(Certificate::PIDS));
}

#[test]
fn cpu_time_is_compared_as_a_share() {
    let cpu = |comparison, quota, period| {
        Check::CpuBound(Bound::new(comparison, Processors { quota, period }))
    };
    becomes(&cpu(Exactly, 1, 2), Pass, good);
    becomes(&cpu(AtMost, 3, 2), Pass, good);
    becomes(&cpu(Below, 1, 2), Fail, good);
    let unlimited = Check::CpuBound(Bound::new(Exactly, Processors::UNLIMITED));
    becomes(&unlimited, Fail, good);
    becomes(&unlimited, Pass, |facts| {
        facts.cpu = BandwidthChain {
            levels: 1,
            truncated: 0,
            quotas: [UNLIMITED; MAX_ANCESTORS],
            periods: [100_000_000; MAX_ANCESTORS],
        };
    });
    becomes(&unlimited, Inconclusive, without(Certificate::CPU));
}

#[test]
fn processors_are_within_those_asked_for() {
    for (check, other, bit) in [
        (
            Check::CpusetWithin(vec![0, 1]),
            Check::CpusetWithin(vec![0]),
            Certificate::CPUSET,
        ),
        (
            Check::CpusAllowedWithin(vec![0, 1]),
            Check::CpusAllowedWithin(vec![0]),
            Certificate::CPUS_ALLOWED,
        ),
    ] {
        becomes(&check, Pass, good);
        becomes(&other, Fail, good);
        becomes(&check, Inconclusive, without(bit));
    }
}

#[test]
fn a_capability_outside_or_denied_fails_its_set() {
    let unnamed = |facts: &mut Certificate| facts.capabilities.bounding |= 1 << 50;
    for set in SetName::ALL {
        let within = Check::CapabilitiesWithin {
            set,
            allowed: 0xa804_25fb,
        };
        let denied = Check::CapabilitiesWithout {
            set,
            denied: 1 << 21,
        };
        for check in [within, denied] {
            becomes(&check, Pass, good);
            becomes(&check, Pass, unnamed);
            becomes(&check, Fail, |facts| {
                let sets = &mut facts.capabilities;
                for set in [
                    &mut sets.bounding,
                    &mut sets.permitted,
                    &mut sets.effective,
                    &mut sets.inheritable,
                    &mut sets.ambient,
                ] {
                    *set |= 1 << 21;
                }
            });
            becomes(&check, Inconclusive, without(Certificate::CAPABILITIES));
        }
    }
}

#[test]
fn ids_are_read_back_through_the_map() {
    for map in [MapKind::Users, MapKind::Groups] {
        let is = |rule| Check::IdInside { map, rule };
        let as_user = |id: u32| {
            move |facts: &mut Certificate| {
                let ids = &mut facts.ids;
                (ids.uid, ids.euid, ids.suid, ids.fsuid) = (id, id, id, id);
                (ids.gid, ids.egid, ids.sgid, ids.fsgid) = (id, id, id, id);
            }
        };
        becomes(&is(IdRule::Exactly(0)), Pass, good);
        becomes(&is(IdRule::NotRoot), Fail, good);
        becomes(&is(IdRule::Exactly(5)), Pass, as_user(100_005));
        becomes(&is(IdRule::NotRoot), Pass, as_user(100_005));
        becomes(&is(IdRule::Exactly(5)), Fail, as_user(100_006));
        // Outside the map it is nobody's.
        becomes(&is(IdRule::Exactly(5)), Fail, as_user(5));
        becomes(&is(IdRule::NotRoot), Pass, as_user(5));
        // The host's root by another name: what it may do to files goes by the number outside.
        becomes(&is(IdRule::NotRoot), Fail, as_user(0));
        // One of the four is enough.
        becomes(&is(IdRule::Exactly(0)), Fail, |facts| {
            (facts.ids.fsuid, facts.ids.sgid) = (100_001, 100_001);
        });
        becomes(&is(IdRule::NotRoot), Inconclusive, |facts| {
            as_user(5)(facts);
            (facts.uid_map.count, facts.gid_map.count) = (6, 6);
        });
        becomes(
            &is(IdRule::NotRoot),
            Inconclusive,
            without(Certificate::IDS),
        );
        becomes(
            &is(IdRule::NotRoot),
            Inconclusive,
            without(Certificate::ID_MAPS),
        );
    }
}

#[test]
fn root_inside_may_not_be_the_hosts_root() {
    for map in [MapKind::Users, MapKind::Groups] {
        let check = Check::RootIsNotHostRoot(map);
        let line = |inside, outside| {
            move |facts: &mut Certificate| {
                let line = IdExtent {
                    inside,
                    outside,
                    count: 10,
                };
                (facts.uid_map.extents, facts.gid_map.extents) = ([line; 5], [line; 5]);
            }
        };
        becomes(&check, Pass, good);
        becomes(&check, Fail, line(0, 0));
        becomes(&check, Pass, line(5, 0));
        becomes(&check, Inconclusive, |facts| {
            line(5, 0)(facts);
            (facts.uid_map.count, facts.gid_map.count) = (6, 6);
        });
        becomes(&check, Inconclusive, without(Certificate::ID_MAPS));
    }
}

#[test]
fn groups_inside_are_within_those_asked_for() {
    let within = |groups: &[u32]| Check::GroupsWithin(groups.to_vec());
    let in_group = |group: u32| {
        move |facts: &mut Certificate| (facts.group_count, facts.groups[0]) = (1, group)
    };
    becomes(&within(&[]), Pass, good);
    becomes(&within(&[]), Fail, in_group(100_027));
    becomes(&within(&[27]), Pass, in_group(100_027));
    becomes(&within(&[27]), Fail, in_group(27));
    becomes(&within(&[0]), Inconclusive, |facts| {
        facts.group_count = 40;
        facts.groups = [100_000; 30];
    });
    becomes(&within(&[]), Inconclusive, without(Certificate::GROUPS));
    becomes(&within(&[]), Inconclusive, without(Certificate::ID_MAPS));
}

#[test]
fn no_new_privs_can_be_asked_not_to_be_set() {
    becomes(&Check::NoNewPrivsUnset, Fail, good);
    becomes(&Check::NoNewPrivsUnset, Pass, |facts| {
        facts.no_new_privs = 0;
    });
    let unknown = without(Certificate::NO_NEW_PRIVS);
    becomes(&Check::NoNewPrivsUnset, Inconclusive, unknown);
}

#[test]
fn a_filter_is_the_containers_only_beyond_those_of_tracer() {
    let filtered = Check::SeccompFiltered;
    becomes(&filtered, Pass, good);
    becomes(&filtered, Pass, |facts| facts.seccomp_filters = 3);
    becomes(&filtered, Fail, |facts| facts.seccomp_mode = 0);
    becomes(&filtered, Inconclusive, without(Certificate::SECCOMP));
    // Without counts filter mode tells, as tracer has none.
    becomes(&filtered, Pass, without(Certificate::SECCOMP_FILTERS));
    let tracer_too = |told: bool| {
        let scenario = Scenario::with(|scenario| {
            let baseline = &mut scenario.baseline;
            (baseline.seccomp_mode, baseline.seccomp_filters) = (2, 1);
            if !told {
                without(Certificate::SECCOMP_FILTERS)(&mut scenario.exec);
            }
        });
        judged(Check::SeccompFiltered, &scenario, |_| {}).verdict
    };
    assert_eq!(tracer_too(true), Fail);
    assert_eq!(tracer_too(false), Inconclusive);
}

#[test]
fn descriptors_may_be_allowed_by_number() {
    let also = |fd| {
        move |facts: &mut Certificate| {
            (facts.descriptor_count, facts.descriptors[3]) = (4, pipe(fd));
        }
    };
    let within = Check::DescriptorsWithin(vec![5]);
    becomes(&within, Pass, good);
    becomes(&within, Pass, also(5));
    becomes(&within, Fail, also(6));
    becomes(&within, Fail, |facts| facts.descriptors[0].mode = 0o040_755);
    becomes(&within, Inconclusive, without(Certificate::DESCRIPTORS));
    becomes(&within, Inconclusive, |facts| {
        facts.descriptors_truncated = 1;
    });
}

#[test]
fn resource_limits_compare_soft_and_hard() {
    let limit = |soft: Option<u64>, hard: Option<u64>| Check::RlimitBound {
        resource: 7,
        soft: soft.map(|value| Bound::new(AtMost, value)),
        hard: hard.map(|value| Bound::new(AtMost, value)),
    };
    becomes(&limit(Some(256), Some(512)), Pass, good);
    becomes(&limit(Some(256), None), Pass, good);
    becomes(&limit(Some(255), None), Fail, good);
    becomes(&limit(Some(256), Some(511)), Fail, good);
    becomes(
        &limit(None, None),
        Inconclusive,
        without(Certificate::RLIMITS),
    );
}
