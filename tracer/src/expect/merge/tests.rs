//! Claims about merging.

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::event::certificate::ClockOffset;
use crate::event::{NamespaceKind, NsId};
use crate::expect::{
    Bound, Check, Clock, Comparison, IdRule, IoPriorityAsked, MapKind, MemoryPolicyAsked,
    PathPattern, Processors, SchedulerAsked, SetName, TerminalAsked,
};

fn one(origin: &str, check: Check) -> Expectation {
    Expectation {
        id: check.family().id.to_owned(),
        asked: format!("{check:?}"),
        origin: origin.to_owned(),
        check,
    }
}

fn two(first: Check, second: Check) -> Result<Vec<Expectation>, Conflict> {
    merge(&[vec![one("a", first)], vec![one("b", second)]])
}

fn memory(comparison: Comparison, value: u64) -> Check {
    Check::MemoryBound(Bound::new(comparison, value))
}

fn oom(comparison: Comparison, value: i32) -> Check {
    Check::OomScoreAdj(Bound::new(comparison, value))
}

fn ahead(clock: Clock, seconds: i64) -> Check {
    let nanoseconds = 0;
    let offset = ClockOffset {
        seconds,
        nanoseconds,
    };
    Check::TimeOffset { clock, offset }
}

/// A policy, and a nice value.
fn scheduler(policy: Option<u32>, nice: Option<i32>) -> Check {
    Check::Scheduler(SchedulerAsked {
        policy,
        nice: nice.map(|nice| Bound::new(Comparison::Exactly, nice)),
        ..SchedulerAsked::default()
    })
}

fn disk(class: u32, level: Option<u32>) -> Check {
    Check::IoPriority(IoPriorityAsked { class, level })
}

/// A mode, and a node.
fn memory_policy(mode: Option<u32>, node: Option<u32>) -> Check {
    Check::MemoryPolicy(MemoryPolicyAsked {
        mode,
        nodes: node.map(|node| vec![node]),
        flags: 0,
    })
}

#[test]
fn what_asks_for_more_of_how_a_process_is_served_stays_alone() {
    let private = Check::Terminal(TerminalAsked::Private);
    for (stricter, other) in [
        (Check::Terminal(TerminalAsked::None), private.clone()),
        (Check::Terminal(TerminalAsked::Own), private),
        (scheduler(Some(3), Some(5)), scheduler(None, Some(5))),
        (scheduler(Some(3), Some(5)), scheduler(Some(3), None)),
        (disk(2, Some(4)), disk(2, None)),
        (
            memory_policy(Some(2), Some(1)),
            memory_policy(None, Some(1)),
        ),
        (
            Check::CpusetMems(vec![1]),
            Check::CpusetMemsWithin(vec![0, 1]),
        ),
    ] {
        for merged in [
            two(stricter.clone(), other.clone()),
            two(other, stricter.clone()),
        ] {
            let merged = merged.expect("no conflict");
            assert_eq!(merged.len(), 1, "{merged:?}");
            assert_eq!(merged[0].check, stricter);
        }
    }
    // Of processors nothing follows for memory.
    let two = two(Check::CpusetCpus(vec![1]), Check::CpusetMemsWithin(vec![2]));
    assert_eq!(two.expect("no conflict").len(), 2);
}

const NET: NamespaceKind = NamespaceKind::Net;

#[test]
fn what_both_ask_is_asked_once() {
    let merged = two(Check::NoNewPrivs, Check::NoNewPrivs).expect("the same");
    assert_eq!(merged, [one("a, b", Check::NoNewPrivs)]);
    // Said in two ways.
    let merged = two(Check::DescriptorsWithin(Vec::new()), Check::Descriptors);
    assert_eq!(merged.expect("the same").len(), 1);
}

#[test]
fn the_stricter_stays_with_its_origin_first() {
    let program = |text: &str| Check::Program(text.to_owned());
    let within = |allowed| Check::CapabilitiesWithin {
        set: SetName::Bounding,
        allowed,
    };
    let denied = Check::CapabilitiesWithout {
        set: SetName::Bounding,
        denied: 0b100,
    };
    let path = |text| Check::CgroupPath(PathPattern::of(text));
    let mapped = |rule| Check::IdInside {
        map: MapKind::Users,
        rule,
    };
    for (weaker, stricter) in [
        (Check::NamespacePrivate(NET), Check::NamespaceNew(NET)),
        (
            memory(Comparison::AtMost, 8192),
            memory(Comparison::AtMost, 4096),
        ),
        (memory(Comparison::AtMost, 8192), Check::MemoryMax(8192)),
        (
            memory(Comparison::AtLeast, 4096),
            memory(Comparison::Exactly, 8192),
        ),
        (
            Check::CpuBound(Bound::new(Comparison::AtMost, Processors::UNLIMITED)),
            Check::CpuMax {
                quota_ns: 1,
                period_ns: 2,
            },
        ),
        (Check::CpusetWithin(vec![0, 1]), Check::CpusetCpus(vec![1])),
        (within(0b11), within(0b01)),
        (denied, within(0b011)),
        (
            within(0b11),
            Check::Capabilities {
                set: SetName::Bounding,
                asked: 1,
                mask: crate::expect::capability::KNOWN,
            },
        ),
        (mapped(IdRule::NotRoot), mapped(IdRule::Exactly(5))),
        (
            Check::GroupsWithin(vec![1]),
            Check::Groups(Some(Vec::new())),
        ),
        (Check::SeccompFiltered, Check::SeccompFilter),
        (oom(Comparison::AtMost, 0), oom(Comparison::Exactly, -5)),
        (Check::DescriptorsWithin(vec![5]), Check::Descriptors),
        (path("b.scope"), path("a/b.scope")),
        (path("/a/*"), path("/a/b")),
        (program("sh"), program("/bin/sh")),
        (
            Check::RlimitBound {
                resource: 7,
                soft: Some(Bound::new(Comparison::AtMost, 10)),
                hard: None,
            },
            Check::Rlimit {
                resource: 7,
                soft: 5,
                hard: 50,
            },
        ),
    ] {
        let merged = two(weaker, stricter.clone()).expect("no contradiction");
        assert_eq!(merged, [one("b, a", stricter)]);
    }
}

#[test]
fn a_contradiction_names_both_sides() {
    let conflict = two(
        memory(Comparison::AtMost, 4096),
        memory(Comparison::AtLeast, 8192),
    )
    .expect_err("nothing is left");
    let text = conflict.to_string();
    for part in ["a for", "b asks", "4096", "8192"] {
        assert!(text.contains(part), "{text}");
    }
    let is = |id| Check::NamespaceIs {
        kind: NET,
        id: NsId(id),
    };
    let mapped = |id| Check::IdInside {
        map: MapKind::Users,
        rule: IdRule::Exactly(id),
    };
    for (first, second) in [
        (Check::NamespaceShared(NET), Check::NamespacePrivate(NET)),
        (Check::NamespaceShared(NET), Check::NamespaceNew(NET)),
        (is(1), is(2)),
        (is(1), Check::NamespaceNew(NET)),
        (Check::Hostname("a".into()), Check::Hostname("b".into())),
        (Check::CpusetCpus(vec![1]), Check::CpusetCpus(vec![2])),
        (Check::CpusetWithin(vec![1]), Check::CpusetWithin(vec![2])),
        (Check::NoNewPrivs, Check::NoNewPrivsUnset),
        (Check::SeccompUnconfined, Check::SeccompFiltered),
        (mapped(0), mapped(1)),
        (Check::Program("a".into()), Check::Program("/bin/b".into())),
        (
            Check::CgroupPath(PathPattern::of("/a")),
            Check::CgroupPath(PathPattern::of("/b")),
        ),
        (
            Check::Capabilities {
                set: SetName::Ambient,
                asked: 1,
                mask: 1,
            },
            Check::CapabilitiesWithin {
                set: SetName::Ambient,
                allowed: 0,
            },
        ),
        (Check::MemoryMax(4096), Check::MemoryMax(8192)),
        (oom(Comparison::AtMost, -1), oom(Comparison::AtLeast, 0)),
        (Check::Umask(0o022), Check::Umask(0o077)),
        (ahead(Clock::Boottime, 1), ahead(Clock::Boottime, 2)),
        (Check::CpusetMems(vec![1]), Check::CpusetMemsWithin(vec![2])),
        (Check::Personality(0), Check::Personality(8)),
        (Check::Domainname("a".into()), Check::Domainname("b".into())),
        (
            Check::Terminal(TerminalAsked::None),
            Check::Terminal(TerminalAsked::Own),
        ),
        (scheduler(Some(0), None), scheduler(Some(3), Some(5))),
        (scheduler(None, Some(4)), scheduler(Some(3), Some(5))),
        (disk(2, None), disk(3, None)),
        (disk(2, Some(1)), disk(2, Some(2))),
        (memory_policy(Some(1), None), memory_policy(Some(2), None)),
        (memory_policy(None, Some(1)), memory_policy(None, Some(2))),
    ] {
        assert!(two(first.clone(), second.clone()).is_err(), "{first:?}");
        assert!(two(second, first.clone()).is_err(), "{first:?}");
    }
}

#[test]
fn what_says_nothing_of_the_other_stays_beside_it() {
    for (first, second) in [
        (
            Check::CpusetWithin(vec![0, 1]),
            Check::CpusetWithin(vec![1, 2]),
        ),
        (Check::CpusetCpus(vec![0]), Check::CpusAllowed(vec![1])),
        (
            memory(Comparison::AtMost, 8192),
            memory(Comparison::AtLeast, 4096),
        ),
        (
            Check::NamespaceNew(NET),
            Check::NamespaceNew(NamespaceKind::Pid),
        ),
        (
            Check::CgroupPath(PathPattern::of("a*")),
            Check::CgroupPath(PathPattern::of("*b")),
        ),
        (ahead(Clock::Boottime, 1), ahead(Clock::Monotonic, 2)),
    ] {
        assert_eq!(two(first, second).expect("both").len(), 2);
    }
}

fn check() -> impl Strategy<Value = Check> {
    let bound = (0..5_usize, 0..4_u64).prop_map(|(at, value)| {
        use Comparison::{Above, AtLeast, AtMost, Below, Exactly};
        let comparison = [AtMost, Below, Exactly, AtLeast, Above][at];
        Bound::new(comparison, value)
    });
    let cpus = proptest::sample::subsequence(vec![0, 1, 2], 0..=3);
    prop_oneof![
        Just(Check::NamespaceNew(NET)),
        Just(Check::NamespacePrivate(NET)),
        bound.clone().prop_map(Check::PidsBound),
        (0..3_u64).prop_map(Check::PidsMax),
        cpus.clone().prop_map(Check::CpusetCpus),
        cpus.clone().prop_map(Check::CpusetWithin),
        cpus.prop_map(Check::GroupsWithin),
        Just(Check::Groups(Some(Vec::new()))),
        Just(Check::SeccompFilter),
        Just(Check::SeccompFiltered),
        (0..4_u64).prop_map(|allowed| Check::CapabilitiesWithin {
            set: SetName::Bounding,
            allowed
        }),
        (0..4_u64).prop_map(|denied| Check::CapabilitiesWithout {
            set: SetName::Bounding,
            denied
        }),
        (0..4_u64).prop_map(|asked| Check::Capabilities {
            set: SetName::Bounding,
            asked,
            mask: 3
        }),
        (bound.clone(), bound).prop_map(|(soft, hard)| Check::RlimitBound {
            resource: 7,
            soft: Some(soft),
            hard: Some(hard),
        }),
        (0..5_usize, -2..2_i32).prop_map(|(at, value)| {
            use Comparison::{Above, AtLeast, AtMost, Below, Exactly};
            oom([AtMost, Below, Exactly, AtLeast, Above][at], value)
        }),
        (0..3_u32).prop_map(Check::Umask),
        (0..3_usize).prop_map(|at| {
            use TerminalAsked::{None, Own, Private};
            Check::Terminal([None, Own, Private][at])
        }),
        (option::of(0..2_u32), option::of(0..2_i32))
            .prop_map(|(policy, nice)| scheduler(policy, nice)),
        (0..2_u32, option::of(0..2_u32)).prop_map(|(class, level)| disk(class, level)),
        (option::of(0..2_u32), option::of(0..2_u32))
            .prop_map(|(mode, node)| memory_policy(mode, node)),
        (0..3_i64).prop_map(|seconds| ahead(Clock::Monotonic, seconds)),
        "[/ab*]{1,3}".prop_map(|text| Check::CgroupPath(PathPattern::of(&text))),
        "[/ab]{1,3}".prop_map(Check::Program),
    ]
}

fn lists() -> impl Strategy<Value = Vec<Vec<Expectation>>> {
    let line = ("[a-d]", check()).prop_map(|(origin, check)| one(&origin, check));
    proptest::collection::vec(proptest::collection::vec(line, 0..3), 0..4)
}

proptest! {
    #[test]
    fn the_order_of_sources_does_not_matter(lists in lists()) {
        let mut turned = lists.clone();
        turned.reverse();
        for list in &mut turned {
            list.reverse();
        }
        prop_assert_eq!(merge(&lists), merge(&turned));
    }

    #[test]
    fn a_list_merged_with_itself_is_the_list(lists in lists()) {
        if let Ok(list) = merge(&lists) {
            prop_assert_eq!(merge(&[list.clone(), list.clone()]), Ok(list));
        }
    }
}
