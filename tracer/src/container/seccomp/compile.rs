//! From a profile to a program: a binary search for the number of the system call, whose leaves
//! are an action or the conditions on arguments. Pure.
//!
//! The rules of one system call are tried in the profile's order and the first that matches
//! decides. Conditions of a rule must all hold; a rule with several conditions on one argument
//! stands for one rule each, as in runc. One architecture, this machine's: calls by any other
//! (32-bit programs, x32) kill the process, as libseccomp's default has it.

use std::collections::BTreeMap;
use std::str::FromStr;

use oci_spec::runtime::{
    Arch, LinuxSeccomp, LinuxSeccompAction, LinuxSeccompArg, LinuxSeccompFilterFlag,
    LinuxSeccompOperator, LinuxSyscall,
};
use syscalls::Sysno;

use super::{Filter, Instruction, SeccompError};

/// Operations of classic BPF that a filter needs (include/uapi/linux/bpf_common.h).
pub(super) mod op {
    /// `BPF_LD | BPF_W | BPF_ABS`: a word of `struct seccomp_data`.
    pub const LOAD: u16 = 0x20;
    /// `BPF_ALU | BPF_AND | BPF_K`.
    pub const AND: u16 = 0x54;
    /// `BPF_JMP | BPF_JA`.
    pub const JUMP: u16 = 0x05;
    /// `BPF_JMP | BPF_JEQ | BPF_K`.
    pub const JUMP_EQUAL: u16 = 0x15;
    /// `BPF_JMP | BPF_JGT | BPF_K`.
    pub const JUMP_GREATER: u16 = 0x25;
    /// `BPF_JMP | BPF_JGE | BPF_K`.
    pub const JUMP_GREATER_EQUAL: u16 = 0x35;
    /// `BPF_RET | BPF_K`.
    pub const RETURN: u16 = 0x06;
}

/// `SECCOMP_RET_KILL_PROCESS`.
pub(super) const RET_KILL_PROCESS: u32 = 0x8000_0000;
/// `AUDIT_ARCH_X86_64` or `AUDIT_ARCH_AARCH64` (include/uapi/linux/audit.h).
pub(super) const ARCHITECTURE: u32 = if cfg!(target_arch = "x86_64") {
    0xc000_003e
} else {
    0xc000_00b7
};
const NATIVE: Arch = if cfg!(target_arch = "x86_64") {
    Arch::ScmpArchX86_64
} else {
    Arch::ScmpArchAarch64
};
/// Bit of system call numbers of the x32 ABI, which reports itself as x86_64.
const X32_BIT: u32 = 0x4000_0000;
/// `BPF_MAXINSNS`.
const MOST_INSTRUCTIONS: usize = 4096;
/// Where `struct seccomp_data` has them.
const NUMBER_OFFSET: u32 = 0;
const ARCHITECTURE_OFFSET: u32 = 4;
const ARGUMENTS_OFFSET: u32 = 16;
/// `MAX_ERRNO`: the kernel cuts larger ones to it.
const MAX_ERRNO: u32 = 4095;

/// One rule of a system call.
struct Rule {
    conditions: Vec<LinuxSeccompArg>,
    action: u32,
}

/// What becomes of a system call number.
enum Leaf<'a> {
    Action(u32),
    Rules(&'a [Rule]),
}

/// The number of a system call by the name that profiles and the kernel have for it; `None` = this
/// architecture has no such call.
fn number(name: &str) -> Option<u32> {
    // The table has arm64's from where it was `fstatat` (include/uapi/asm-generic/unistd.h).
    let name = match name {
        "newfstatat" if cfg!(target_arch = "aarch64") => "fstatat",
        other => other,
    };
    let number = Sysno::from_str(name).ok()?;
    Some(number.id().unsigned_abs())
}

/// The filter of a profile.
pub fn compile(origin: &str, profile: &LinuxSeccomp) -> Result<Filter, SeccompError> {
    let flags = flags(origin, profile)?;
    check_architecture(origin, profile)?;
    let default = action(
        origin,
        profile.default_action(),
        profile.default_errno_ret(),
    )?;
    let mut skipped = Vec::new();
    let mut rules: BTreeMap<u32, Vec<Rule>> = BTreeMap::new();
    for entry in profile.syscalls().iter().flatten() {
        let action = action(origin, entry.action(), entry.errno_ret())?;
        for name in entry.names() {
            match number(name) {
                Some(number) => rules
                    .entry(number)
                    .or_default()
                    .extend(rules_of(origin, entry, action)?),
                None => skipped.push(name.clone()),
            }
        }
    }
    skipped.sort();
    skipped.dedup();
    let leaves = leaves(&rules, default);
    let mut program = prologue();
    program.extend(search(&leaves, default));
    if program.len() > MOST_INSTRUCTIONS {
        return Err(SeccompError::TooLong {
            origin: origin.to_owned(),
            length: program.len(),
        });
    }
    Ok(Filter {
        program,
        flags,
        skipped,
    })
}

fn unsupported(origin: &str, what: impl Into<String>, way_out: &'static str) -> SeccompError {
    SeccompError::Unsupported {
        origin: origin.to_owned(),
        what: what.into(),
        way_out,
    }
}

fn flags(origin: &str, profile: &LinuxSeccomp) -> Result<u32, SeccompError> {
    let mut bits = 0;
    for flag in profile.flags().iter().flatten() {
        bits |= match flag {
            LinuxSeccompFilterFlag::SeccompFilterFlagTsync => 1 << 0,
            LinuxSeccompFilterFlag::SeccompFilterFlagLog => 1 << 1,
            LinuxSeccompFilterFlag::SeccompFilterFlagSpecAllow => 1 << 2,
            other @ LinuxSeccompFilterFlag::SeccompFilterFlagWaitKillableRecv => {
                let what = format!("the flag {other:?}");
                return Err(unsupported(origin, what, "leave the flag out"));
            }
        };
    }
    Ok(bits)
}

fn check_architecture(origin: &str, profile: &LinuxSeccomp) -> Result<(), SeccompError> {
    match profile.architectures() {
        Some(list) if !list.is_empty() && !list.contains(&NATIVE) => {
            let what = "architectures without this machine's";
            Err(unsupported(
                origin,
                what,
                "add this machine's to them or leave them out",
            ))
        }
        _ => Ok(()),
    }
}

/// An action as the filter returns it.
fn action(
    origin: &str,
    action: LinuxSeccompAction,
    errno: Option<u32>,
) -> Result<u32, SeccompError> {
    if action == LinuxSeccompAction::ScmpActNotify {
        let way_out = "choose another action: there is no agent to notify";
        return Err(unsupported(origin, "SCMP_ACT_NOTIFY", way_out));
    }
    if errno.is_some_and(|errno| errno > MAX_ERRNO) {
        let what = format!("the error number {}", errno.unwrap_or_default());
        return Err(unsupported(origin, what, "choose one up to 4095"));
    }
    Ok(action.as_u32(errno))
}

fn rules_of(origin: &str, entry: &LinuxSyscall, action: u32) -> Result<Vec<Rule>, SeccompError> {
    let conditions = entry.args().clone().unwrap_or_default();
    if let Some(condition) = conditions.iter().find(|condition| condition.index() > 5) {
        let what = format!("argument {} of a system call", condition.index());
        return Err(unsupported(
            origin,
            what,
            "arguments are numbered from 0 to 5",
        ));
    }
    let on_one_argument = conditions.iter().enumerate().any(|(at, condition)| {
        conditions
            .iter()
            .take(at)
            .any(|other| other.index() == condition.index())
    });
    Ok(if on_one_argument {
        let each = conditions.into_iter();
        each.map(|condition| Rule {
            conditions: vec![condition],
            action,
        })
        .collect()
    } else {
        vec![Rule { conditions, action }]
    })
}

/// Ranges of numbers by their first, with what becomes of them; neighbours differ.
fn leaves(rules: &BTreeMap<u32, Vec<Rule>>, default: u32) -> Vec<(u32, Leaf<'_>)> {
    let mut leaves: Vec<(u32, Leaf<'_>)> = Vec::new();
    let mut next = 0;
    for (number, rules) in rules {
        if *number > next {
            add(&mut leaves, next, Leaf::Action(default));
        }
        let leaf = match rules.first() {
            Some(rule) if rule.conditions.is_empty() => Leaf::Action(rule.action),
            _ => Leaf::Rules(rules),
        };
        add(&mut leaves, *number, leaf);
        next = number + 1;
    }
    add(&mut leaves, next, Leaf::Action(default));
    leaves
}

fn add<'a>(leaves: &mut Vec<(u32, Leaf<'a>)>, start: u32, leaf: Leaf<'a>) {
    match (leaves.last(), &leaf) {
        (Some((_, Leaf::Action(before))), Leaf::Action(now)) if before == now => {}
        _ => leaves.push((start, leaf)),
    }
}

const fn statement(code: u16, k: u32) -> Instruction {
    Instruction {
        code,
        jt: 0,
        jf: 0,
        k,
    }
}

const fn jump(code: u16, k: u32, jt: u8, jf: u8) -> Instruction {
    Instruction { code, jt, jf, k }
}

/// Leaves the number of the system call in the accumulator, or kills.
fn prologue() -> Vec<Instruction> {
    vec![
        statement(op::LOAD, ARCHITECTURE_OFFSET),
        jump(op::JUMP_EQUAL, ARCHITECTURE, 1, 0),
        statement(op::RETURN, RET_KILL_PROCESS),
        statement(op::LOAD, NUMBER_OFFSET),
        jump(op::JUMP_GREATER_EQUAL, X32_BIT, 0, 1),
        statement(op::RETURN, RET_KILL_PROCESS),
    ]
}

fn search(leaves: &[(u32, Leaf<'_>)], default: u32) -> Vec<Instruction> {
    let (left, right) = leaves.split_at(leaves.len() / 2);
    let (Some((start, _)), false) = (right.first(), left.is_empty()) else {
        return match leaves {
            [(_, Leaf::Rules(rules))] => conditional(rules, default),
            [(_, Leaf::Action(action))] => vec![statement(op::RETURN, *action)],
            _ => vec![statement(op::RETURN, default)],
        };
    };
    let left = search(left, default);
    let mut code = match u8::try_from(left.len()) {
        Ok(length) => vec![jump(op::JUMP_GREATER_EQUAL, *start, length, 0)],
        Err(_) => vec![
            jump(op::JUMP_GREATER_EQUAL, *start, 0, 1),
            statement(op::JUMP, u32::try_from(left.len()).unwrap_or(u32::MAX)),
        ],
    };
    code.extend(left);
    code.extend(search(right, default));
    code
}

fn conditional(rules: &[Rule], default: u32) -> Vec<Instruction> {
    let mut code = Vec::new();
    for rule in rules {
        let mut body: Vec<Instruction> = Vec::new();
        let mut failing: Vec<(usize, bool)> = Vec::new();
        for condition in &rule.conditions {
            let at = body.len();
            let (instructions, fails) = compare(condition);
            body.extend(instructions);
            failing.extend(fails.into_iter().map(|(index, when)| (at + index, when)));
        }
        body.push(statement(op::RETURN, rule.action));
        let end = body.len();
        for (index, when) in failing {
            // Six conditions of six instructions at most: well within eight bits.
            let distance = u8::try_from(end - index - 1).unwrap_or(u8::MAX);
            if let Some(instruction) = body.get_mut(index) {
                if when {
                    instruction.jt = distance;
                } else {
                    instruction.jf = distance;
                }
            }
        }
        code.extend(body);
    }
    code.push(statement(op::RETURN, default));
    code
}

/// The high and the low word: a program sees 32 bits at a time.
pub(super) fn halves(value: u64) -> (u32, u32) {
    let word = |value: u64| u32::try_from(value & 0xffff_ffff).expect("masked to 32 bits");
    (word(value >> 32), word(value))
}

/// Code that falls through when the condition holds, and the jumps of it that must leave the
/// rule: their index, and whether it is the branch taken when the comparison holds.
fn compare(condition: &LinuxSeccompArg) -> (Vec<Instruction>, Vec<(usize, bool)>) {
    use LinuxSeccompOperator as Operator;
    let value = condition.value();
    let (high, low) = halves(value);
    let offset = ARGUMENTS_OFFSET + 8 * u32::try_from(condition.index()).unwrap_or(0);
    let load_high = statement(op::LOAD, offset + 4);
    let load_low = statement(op::LOAD, offset);
    let equal = |k| jump(op::JUMP_EQUAL, k, 0, 0);
    match condition.op() {
        Operator::ScmpCmpEq => (
            vec![load_high, equal(high), load_low, equal(low)],
            vec![(1, false), (3, false)],
        ),
        Operator::ScmpCmpNe => {
            let differs_high = jump(op::JUMP_EQUAL, high, 0, 2);
            (
                vec![load_high, differs_high, load_low, equal(low)],
                vec![(3, true)],
            )
        }
        Operator::ScmpCmpGt | Operator::ScmpCmpGe => {
            let last = if condition.op() == Operator::ScmpCmpGt {
                op::JUMP_GREATER
            } else {
                op::JUMP_GREATER_EQUAL
            };
            let greater_high = jump(op::JUMP_GREATER, high, 3, 0);
            let code = vec![
                load_high,
                greater_high,
                equal(high),
                load_low,
                jump(last, low, 0, 0),
            ];
            (code, vec![(2, false), (4, false)])
        }
        Operator::ScmpCmpLt | Operator::ScmpCmpLe => {
            let last = if condition.op() == Operator::ScmpCmpLt {
                op::JUMP_GREATER_EQUAL
            } else {
                op::JUMP_GREATER
            };
            let greater_high = jump(op::JUMP_GREATER, high, 0, 0);
            let less_high = jump(op::JUMP_EQUAL, high, 0, 2);
            let code = vec![
                load_high,
                greater_high,
                less_high,
                load_low,
                jump(last, low, 0, 0),
            ];
            (code, vec![(1, true), (4, true)])
        }
        Operator::ScmpCmpMaskedEq => {
            let (wanted_high, wanted_low) = halves(condition.value_two().unwrap_or(0));
            let code = vec![
                load_high,
                statement(op::AND, high),
                equal(wanted_high),
                load_low,
                statement(op::AND, low),
                equal(wanted_low),
            ];
            (code, vec![(2, false), (5, false)])
        }
    }
}

#[cfg(test)]
#[path = "compile_tests.rs"]
mod tests;
