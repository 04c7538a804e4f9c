//! The compiler against a plain reading of the rules, by running its programs.

use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompArgBuilder,
    LinuxSeccompBuilder, LinuxSeccompOperator, LinuxSyscall, LinuxSyscallBuilder,
};
use proptest::prelude::*;
use syscalls::Sysno;

use super::*;

const ALLOW: u32 = 0x7fff_0000;
const ERRNO: u32 = 0x0005_0000;

fn profile(default: LinuxSeccompAction, rules: Vec<LinuxSyscall>) -> LinuxSeccomp {
    LinuxSeccompBuilder::default()
        .default_action(default)
        .syscalls(rules)
        .build()
        .expect("profile")
}

fn rule(names: &[&str], action: LinuxSeccompAction, args: Vec<LinuxSeccompArg>) -> LinuxSyscall {
    let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
    let builder = LinuxSyscallBuilder::default().names(names).action(action);
    if args.is_empty() {
        builder
    } else {
        builder.args(args)
    }
    .build()
    .expect("rule")
}

fn arg(index: usize, op: LinuxSeccompOperator, value: u64, two: Option<u64>) -> LinuxSeccompArg {
    let builder = LinuxSeccompArgBuilder::default()
        .index(index)
        .op(op)
        .value(value);
    if let Some(two) = two {
        builder.value_two(two)
    } else {
        builder
    }
    .build()
    .expect("condition")
}

fn compiled(profile: &LinuxSeccomp) -> Filter {
    compile("test", profile).expect("a filter")
}

fn run(filter: &Filter, call: Sysno, arguments: [u64; 6]) -> u32 {
    filter.evaluate(call.id().unsigned_abs(), arguments)
}

const NONE: [u64; 6] = [0; 6];

#[test]
fn what_no_rule_names_gets_the_default() {
    let rules = vec![rule(&["read"], LinuxSeccompAction::ScmpActAllow, vec![])];
    let filter = compiled(&profile(LinuxSeccompAction::ScmpActErrno, rules));
    assert_eq!(run(&filter, Sysno::read, NONE), ALLOW);
    assert_eq!(run(&filter, Sysno::write, NONE), ERRNO | 1);
    assert_eq!(filter.evaluate(100_000, NONE), ERRNO | 1);
}

#[test]
fn each_rule_keeps_its_own_error_number() {
    let with = |errno: u32, name: &str| {
        let mut made = rule(&[name], LinuxSeccompAction::ScmpActErrno, vec![]);
        made.set_errno_ret(Some(errno));
        made
    };
    let rules = vec![with(38, "clone3"), with(13, "mount")];
    let filter = compiled(&profile(LinuxSeccompAction::ScmpActAllow, rules));
    assert_eq!(run(&filter, Sysno::clone3, NONE), ERRNO + 38);
    assert_eq!(run(&filter, Sysno::mount, NONE), ERRNO + 13);
}

#[test]
fn a_call_of_another_architecture_kills() {
    let filter = compiled(&profile(LinuxSeccompAction::ScmpActAllow, vec![]));
    assert_eq!(filter.evaluate_on(0x4000_0003, 1, NONE), RET_KILL_PROCESS);
    assert_eq!(filter.evaluate(X32_BIT | 1, NONE), RET_KILL_PROCESS);
}

#[test]
fn the_first_rule_that_matches_decides() {
    let refuse = LinuxSeccompAction::ScmpActKillProcess;
    let equal = LinuxSeccompOperator::ScmpCmpEq;
    let rules = vec![
        rule(&["ioctl"], refuse, vec![arg(1, equal, 7, None)]),
        rule(&["ioctl"], LinuxSeccompAction::ScmpActAllow, vec![]),
        rule(&["ioctl"], refuse, vec![arg(1, equal, 8, None)]),
    ];
    let filter = compiled(&profile(LinuxSeccompAction::ScmpActErrno, rules));
    assert_eq!(
        run(&filter, Sysno::ioctl, [0, 7, 0, 0, 0, 0]),
        RET_KILL_PROCESS
    );
    assert_eq!(run(&filter, Sysno::ioctl, [0, 8, 0, 0, 0, 0]), ALLOW);
}

#[test]
fn conditions_on_two_arguments_must_both_hold() {
    let equal = LinuxSeccompOperator::ScmpCmpEq;
    let both = vec![arg(0, equal, 1, None), arg(2, equal, 3, None)];
    let rules = vec![rule(&["socket"], LinuxSeccompAction::ScmpActAllow, both)];
    let filter = compiled(&profile(LinuxSeccompAction::ScmpActErrno, rules));
    assert_eq!(run(&filter, Sysno::socket, [1, 0, 3, 0, 0, 0]), ALLOW);
    assert_eq!(run(&filter, Sysno::socket, [1, 0, 0, 0, 0, 0]), ERRNO | 1);
    assert_eq!(run(&filter, Sysno::socket, [0, 0, 3, 0, 0, 0]), ERRNO | 1);
}

#[test]
fn conditions_on_one_argument_are_alternatives() {
    let equal = LinuxSeccompOperator::ScmpCmpEq;
    let either = vec![arg(0, equal, 1, None), arg(0, equal, 2, None)];
    let rules = vec![rule(
        &["personality"],
        LinuxSeccompAction::ScmpActAllow,
        either,
    )];
    let filter = compiled(&profile(LinuxSeccompAction::ScmpActErrno, rules));
    for (value, action) in [(1, ALLOW), (2, ALLOW), (3, ERRNO | 1)] {
        assert_eq!(
            run(&filter, Sysno::personality, [value, 0, 0, 0, 0, 0]),
            action
        );
    }
}

#[test]
fn unknown_names_are_passed_over_and_told() {
    let names = ["read", "no_such_call", "arm_fadvise64_64"];
    let rules = vec![rule(&names, LinuxSeccompAction::ScmpActAllow, vec![])];
    let filter = compiled(&profile(LinuxSeccompAction::ScmpActErrno, rules));
    assert_eq!(filter.skipped, ["arm_fadvise64_64", "no_such_call"]);
}

#[test]
fn what_no_filter_can_do_is_refused_by_name() {
    let notify = profile(LinuxSeccompAction::ScmpActNotify, vec![]);
    let error = compile("p.json", &notify)
        .expect_err("no filter")
        .to_string();
    assert!(
        error.contains("p.json") && error.contains("SCMP_ACT_NOTIFY"),
        "{error}"
    );
    let condition = arg(6, LinuxSeccompOperator::ScmpCmpEq, 0, None);
    let rules = vec![rule(
        &["read"],
        LinuxSeccompAction::ScmpActAllow,
        vec![condition],
    )];
    let error = compile("p.json", &profile(LinuxSeccompAction::ScmpActErrno, rules));
    assert!(
        error
            .expect_err("no filter")
            .to_string()
            .contains("argument 6")
    );
}

#[test]
fn a_profile_for_other_machines_is_refused() {
    let mut made = profile(LinuxSeccompAction::ScmpActAllow, vec![]);
    made.set_architectures(Some(vec![Arch::ScmpArchS390x]));
    assert!(compile("p.json", &made).is_err());
}

#[test]
fn calls_have_the_numbers_that_the_kernel_has_for_their_names() {
    for (name, libc) in [
        ("newfstatat", nix::libc::SYS_newfstatat),
        ("openat", nix::libc::SYS_openat),
        ("clone3", nix::libc::SYS_clone3),
    ] {
        assert_eq!(number(name).map(i64::from), Some(libc), "{name}");
    }
    assert_eq!(number("no_such_call"), None);
}

#[test]
fn a_program_longer_than_the_kernel_takes_is_refused() {
    let condition = |value| vec![arg(0, LinuxSeccompOperator::ScmpCmpEq, value, None)];
    let rules = (0..2000)
        .map(|value| {
            rule(
                &["ioctl"],
                LinuxSeccompAction::ScmpActAllow,
                condition(value),
            )
        })
        .collect();
    let error = compile("long", &profile(LinuxSeccompAction::ScmpActErrno, rules));
    assert!(matches!(error, Err(SeccompError::TooLong { .. })));
}

const CALLS: [Sysno; 6] = [
    Sysno::read,
    Sysno::write,
    Sysno::openat,
    Sysno::ioctl,
    Sysno::clone3,
    Sysno::futex,
];
const VALUES: [u64; 7] = [
    0,
    1,
    0xffff_ffff,
    0x1_0000_0000,
    0x1_0000_0001,
    u64::MAX,
    0x8000_0000,
];

fn conditions() -> impl Strategy<Value = Vec<LinuxSeccompArg>> {
    let ops = [
        LinuxSeccompOperator::ScmpCmpNe,
        LinuxSeccompOperator::ScmpCmpLt,
        LinuxSeccompOperator::ScmpCmpLe,
        LinuxSeccompOperator::ScmpCmpEq,
        LinuxSeccompOperator::ScmpCmpGe,
        LinuxSeccompOperator::ScmpCmpGt,
        LinuxSeccompOperator::ScmpCmpMaskedEq,
    ];
    let one = (
        0_usize..2,
        prop::sample::select(ops.to_vec()),
        value(),
        value(),
    )
        .prop_map(|(index, op, value, two)| arg(index, op, value, Some(two)));
    prop::collection::vec(one, 0..3)
}

fn value() -> impl Strategy<Value = u64> {
    prop::sample::select(VALUES.to_vec())
}

fn holds(condition: &LinuxSeccompArg, arguments: [u64; 6]) -> bool {
    let (found, value) = (arguments[condition.index()], condition.value());
    match condition.op() {
        LinuxSeccompOperator::ScmpCmpNe => found != value,
        LinuxSeccompOperator::ScmpCmpLt => found < value,
        LinuxSeccompOperator::ScmpCmpLe => found <= value,
        LinuxSeccompOperator::ScmpCmpEq => found == value,
        LinuxSeccompOperator::ScmpCmpGe => found >= value,
        LinuxSeccompOperator::ScmpCmpGt => found > value,
        LinuxSeccompOperator::ScmpCmpMaskedEq => {
            found & value == condition.value_two().unwrap_or(0)
        }
    }
}

proptest! {
    #[test]
    fn a_program_does_what_its_rules_say(
        rules in prop::collection::vec((0_usize..6, 1_u32..100, conditions()), 0..12),
        call in 0_usize..6,
        first in value(),
        second in value(),
    ) {
        let arguments = [first, second, 0, 0, 0, 0];
        let expected = rules
            .iter()
            .filter(|(at, _, _)| *at == call)
            .find(|(_, _, conditions)| match conditions.as_slice() {
                [one, two] if one.index() == two.index() => {
                    holds(one, arguments) || holds(two, arguments)
                }
                all => all.iter().all(|condition| holds(condition, arguments)),
            })
            .map_or(ALLOW, |(_, errno, _)| ERRNO | errno);
        let rules = rules
            .iter()
            .map(|(at, errno, conditions)| {
                let action = LinuxSeccompAction::ScmpActErrno;
                let mut made = rule(&[CALLS[*at].name()], action, conditions.clone());
                made.set_errno_ret(Some(*errno));
                made
            })
            .collect();
        let filter = compiled(&profile(LinuxSeccompAction::ScmpActAllow, rules));
        prop_assert_eq!(run(&filter, CALLS[call], arguments), expected);
    }
}
