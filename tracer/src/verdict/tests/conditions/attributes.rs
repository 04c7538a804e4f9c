//! What a process hands on through exec.

use tracer_common::record::{Certificate, ClockOffset};

use tracer_common::record::Terminal;

use super::{becomes, good, judged, without};
use crate::expect::{
    Bound, Check, Clock, Comparison, IoPriorityAsked, MemoryPolicyAsked, SchedulerAsked,
    TerminalAsked,
};
use crate::verdict::Verdict::{self, Fail, Inconclusive, Pass};
use crate::verdict::sample::Scenario;
use Comparison::{AtLeast, AtMost, Exactly};

#[test]
fn a_score_compares_with_its_sign() {
    let score = |comparison, value| Check::OomScoreAdj(Bound::new(comparison, value));
    for (check, verdict) in [
        (score(Exactly, -5), Pass),
        (score(Exactly, 5), Fail),
        (score(AtMost, 0), Pass),
        (score(AtLeast, 0), Fail),
        (score(AtLeast, -5), Pass),
    ] {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::OOM_SCORE_ADJ));
    }
}

#[test]
fn a_umask_is_the_one_asked_for() {
    becomes(&Check::Umask(0o27), Pass, good);
    becomes(&Check::Umask(0o22), Fail, good);
    becomes(
        &Check::Umask(0o27),
        Inconclusive,
        without(Certificate::UMASK),
    );
}

#[test]
fn a_session_keyring_is_private_when_there_is_one_that_is_not_tracers() {
    let private = Check::SessionKeyringPrivate;
    becomes(&private, Pass, good);
    // tracer's own, as the sample has it.
    becomes(&private, Fail, |facts| facts.session_keyring = 5);
    becomes(&private, Fail, |facts| facts.session_keyring = 0);
    becomes(
        &private,
        Inconclusive,
        without(Certificate::SESSION_KEYRING),
    );
    let of_tracer = |change: fn(&mut Certificate)| {
        let scenario = Scenario::with(|scenario| change(&mut scenario.baseline));
        judged(Check::SessionKeyringPrivate, &scenario, |_| {}).verdict
    };
    let unknown = of_tracer(|facts| facts.valid &= !Certificate::SESSION_KEYRING);
    assert_eq!(unknown, Inconclusive);
    assert_eq!(of_tracer(|facts| facts.session_keyring = 0), Pass);
    assert_eq!(of_tracer(|facts| facts.session_keyring = 6), Fail);
}

#[test]
fn each_clock_is_ahead_by_what_was_asked_for_to_the_nanosecond() {
    let ahead = |clock, seconds, nanoseconds| Check::TimeOffset {
        clock,
        offset: ClockOffset {
            seconds,
            nanoseconds,
        },
    };
    let cases: [(Check, Verdict); 4] = [
        (ahead(Clock::Boottime, 3600, 1), Pass),
        (ahead(Clock::Boottime, 3600, 0), Fail),
        (ahead(Clock::Monotonic, 0, 0), Pass),
        (ahead(Clock::Monotonic, 3600, 1), Fail),
    ];
    for (check, verdict) in cases {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::TIME_OFFSETS));
    }
}

#[test]
fn a_terminal_is_the_containers_own_when_its_devpts_is_another_than_tracers() {
    let [none, own, private] = [
        TerminalAsked::None,
        TerminalAsked::Own,
        TerminalAsked::Private,
    ]
    .map(Check::Terminal);
    let no_terminal = |facts: &mut Certificate| facts.terminal = Terminal::NONE;
    // As the sample has it: the same number, in tracer's devpts.
    let tracers = |facts: &mut Certificate| facts.terminal.devpts = 24;
    for (check, verdicts) in [
        (&none, [Fail, Pass, Fail]),
        (&own, [Pass, Fail, Fail]),
        (&private, [Pass, Pass, Fail]),
    ] {
        becomes(check, verdicts[0], good);
        becomes(check, verdicts[1], no_terminal);
        becomes(check, verdicts[2], tracers);
        becomes(check, Inconclusive, without(Certificate::TERMINAL));
    }
    let of_tracer = |asked, change: fn(&mut Certificate)| {
        let scenario = Scenario::with(|scenario| change(&mut scenario.baseline));
        judged(Check::Terminal(asked), &scenario, |_| {}).verdict
    };
    let unknown = |facts: &mut Certificate| facts.valid &= !Certificate::TERMINAL;
    assert_eq!(of_tracer(TerminalAsked::Own, unknown), Inconclusive);
    assert_eq!(of_tracer(TerminalAsked::None, unknown), Fail);
    let without = |facts: &mut Certificate| facts.terminal = Terminal::NONE;
    assert_eq!(of_tracer(TerminalAsked::Private, without), Pass);
}

#[test]
fn all_that_is_asked_of_scheduling_must_hold() {
    let asked = |change: fn(&mut SchedulerAsked)| {
        let mut asked = SchedulerAsked::default();
        change(&mut asked);
        Check::Scheduler(asked)
    };
    // Batch, with the nice value 5.
    let cases: [(Check, Verdict); 10] = [
        (asked(|asked| asked.policy = Some(3)), Pass),
        (asked(|asked| asked.policy = Some(0)), Fail),
        (
            asked(|asked| asked.nice = Some(Bound::new(Exactly, 5))),
            Pass,
        ),
        (
            asked(|asked| asked.nice = Some(Bound::new(AtMost, 4))),
            Fail,
        ),
        (
            asked(|asked| asked.priority = Some(Bound::new(Exactly, 0))),
            Pass,
        ),
        (
            asked(|asked| asked.priority = Some(Bound::new(AtLeast, 1))),
            Fail,
        ),
        (asked(|asked| asked.reset_on_fork = Some(false)), Pass),
        (asked(|asked| asked.reset_on_fork = Some(true)), Fail),
        (asked(|asked| asked.deadline = Some([1, 2, 3])), Fail),
        (asked(|asked| asked.flags = 2), Fail),
    ];
    for (check, verdict) in cases {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::SCHEDULING));
    }
    let both = asked(|asked| {
        asked.deadline = Some([1, 2, 3]);
        (asked.flags, asked.reset_on_fork) = (2, Some(true));
    });
    becomes(&both, Pass, |facts| {
        let seen = &mut facts.scheduling;
        (seen.policy, seen.flags) = (6, 3);
        let own = &mut seen.deadline;
        (own.runtime, own.deadline, own.period) = (1, 2, 3);
    });
}

#[test]
fn a_priority_at_disks_is_of_its_class_and_its_level() {
    let asked = |class, level| Check::IoPriority(IoPriorityAsked { class, level });
    for (check, verdict) in [
        (asked(2, Some(7)), Pass),
        (asked(2, None), Pass),
        (asked(2, Some(4)), Fail),
        (asked(3, None), Fail),
        (asked(0, None), Fail),
    ] {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::IO_PRIORITY));
    }
    becomes(&asked(0, None), Pass, |facts| facts.io_priority = 0);
}

#[test]
fn a_memory_policy_has_its_mode_its_nodes_and_its_flags() {
    let asked = |mode, nodes: Option<u32>, flags| {
        let nodes = nodes.map(|node| vec![node]);
        Check::MemoryPolicy(MemoryPolicyAsked { mode, nodes, flags })
    };
    // Bound to node 1, which stays what it is.
    for (check, verdict) in [
        (asked(Some(2), Some(1), 1 << 15), Pass),
        (asked(Some(2), None, 0), Pass),
        (asked(Some(3), Some(1), 0), Fail),
        (asked(Some(2), Some(0), 0), Fail),
        (asked(Some(2), Some(1), 1 << 14), Fail),
        (asked(Some(0), None, 0), Fail),
    ] {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::MEMORY_POLICY));
    }
}

#[test]
fn a_personality_is_judged_with_its_flags() {
    becomes(&Check::Personality(8), Pass, good);
    becomes(&Check::Personality(0), Fail, good);
    becomes(
        &Check::Personality(8),
        Inconclusive,
        without(Certificate::PERSONALITY),
    );
    // Addresses are not randomised.
    becomes(&Check::Personality(8), Fail, |facts| {
        facts.personality = 0x4_0008;
    });
}

#[test]
fn a_domain_name_is_the_one_asked_for() {
    let asked = |name: &str| Check::Domainname(name.to_owned());
    becomes(&asked("example"), Pass, good);
    becomes(&asked("(none)"), Fail, good);
    becomes(
        &asked("example"),
        Inconclusive,
        without(Certificate::DOMAINNAME),
    );
}

#[test]
fn memory_nodes_are_those_asked_for_or_some_of_them() {
    let exactly = |nodes: &[u32]| Check::CpusetMems(nodes.to_vec());
    let within = |nodes: &[u32]| Check::CpusetMemsWithin(nodes.to_vec());
    for (check, verdict) in [
        (exactly(&[1]), Pass),
        (exactly(&[0, 1]), Fail),
        (exactly(&[0]), Fail),
        (within(&[1]), Pass),
        (within(&[0, 1]), Pass),
        (within(&[0]), Fail),
    ] {
        becomes(&check, verdict, good);
        becomes(&check, Inconclusive, without(Certificate::CPUSET_MEMS));
    }
}
