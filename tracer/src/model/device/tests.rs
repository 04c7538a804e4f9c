//! What decides on devices, against what the kernel's sources say of it.

use crate::event::certificate::Certificate;
use crate::event::device::{Access, DeviceKind, DeviceSet};
use crate::event::{DeviceProgramPart, sample};

use super::program::{Compared, Question, allows};
use super::*;

/// One instruction.
fn op(code: u8, destination: u8, source: u8, offset: i16, immediate: i32) -> u64 {
    u64::from(code)
        | u64::from(destination) << 8
        | u64::from(source) << 12
        | u64::from(offset.cast_unsigned()) << 16
        | u64::from(immediate.cast_unsigned()) << 32
}

/// What runtimes put in front: kind, access, major and minor in registers 2 to 5.
fn prologue() -> Vec<u64> {
    vec![
        op(0x61, 2, 1, 0, 0),
        op(0x54, 2, 0, 0, 0xffff),
        op(0x61, 3, 1, 0, 0),
        op(0x74, 3, 0, 0, 16),
        op(0x61, 4, 1, 4, 0),
        op(0x61, 5, 1, 8, 0),
    ]
}

/// A rule as runtimes write it, `None` = any: where it does not fit, the next is tried.
fn rule(kind: i32, access: i32, major: Option<i32>, minor: Option<i32>, allow: bool) -> Vec<u64> {
    let mut body = vec![op(0xbc, 1, 3, 0, 0), op(0x54, 1, 0, 0, access)];
    let mut jumps = vec![(0x55, 2, 0, kind), (0x5d, 1, 3, 0)];
    let numbers = [(4, major), (5, minor)];
    jumps.extend(
        numbers
            .iter()
            .filter_map(|(at, number)| Some((0x55, *at, 0, (*number)?))),
    );
    let end = [op(0xb7, 0, 0, 0, i32::from(allow)), op(0x95, 0, 0, 0, 0)];
    // The kind is looked at first, then access, then numbers; each jump goes behind the end.
    let total = body.len() + jumps.len() + end.len();
    let mut rule = vec![op(
        0x55,
        2,
        0,
        i16::try_from(total - 1).expect("short"),
        kind,
    )];
    rule.append(&mut body);
    for (code, register, source, immediate) in jumps.drain(1..) {
        let left = total - rule.len() - 1;
        let offset = i16::try_from(left).expect("short");
        rule.push(op(code, register, source, offset, immediate));
    }
    rule.extend(end);
    rule
}

/// Null and pseudo terminals can be used, anything can be made, all else is refused.
fn like_a_runtimes() -> Vec<u64> {
    let mut program = prologue();
    program.extend(rule(2, 7, Some(1), Some(3), true));
    program.extend(rule(2, 7, Some(136), None, true));
    program.extend(rule(2, 1, None, None, true));
    program.extend([op(0xb7, 0, 0, 0, 0), op(0x95, 0, 0, 0, 0)]);
    program
}

fn part(id: u32, instructions: &[u64], first: usize) -> DeviceProgramPart {
    DeviceProgramPart {
        id,
        length: u32::try_from(instructions.len()).expect("short"),
        first: u32::try_from(first).expect("short"),
        instructions: instructions[first..].iter().copied().take(5).collect(),
    }
}

fn known(programs: &[(u32, Vec<u64>)]) -> DevicePrograms {
    let mut known = DevicePrograms::default();
    for (id, instructions) in programs {
        // In any order.
        for first in (0..instructions.len()).step_by(5).rev() {
            known.add(&part(*id, instructions, first));
        }
    }
    known
}

fn facts(behavior: u32, exceptions: &[(u32, u32, u16, u16)], ids: &[u32]) -> Certificate {
    Certificate::from(sample::certificate_with(|facts| {
        facts.device_list.behavior = behavior;
        facts.device_list.count = u32::try_from(exceptions.len()).expect("few");
        for (slot, (major, minor, kind, access)) in
            facts.device_list.exceptions.iter_mut().zip(exceptions)
        {
            (slot.major, slot.minor, slot.kind, slot.access) = (*major, *minor, *kind, *access);
        }
        facts.device_programs.count = u32::try_from(ids.len()).expect("few");
        for (slot, id) in facts.device_programs.ids.iter_mut().zip(ids) {
            *slot = *id;
        }
    }))
}

const ALLOW: u32 = 1;
const DENY: u32 = 2;

fn texts(facts: &Certificate, known: &DevicePrograms) -> (Vec<String>, Vec<String>) {
    let devices = Devices::of(facts, known, []).expect("known");
    let (usable, except) = devices.lists();
    let text = |list: Vec<DeviceSet>| list.iter().map(ToString::to_string).collect();
    (text(usable), text(except))
}

#[test]
fn without_list_and_program_every_device_can_be_used() {
    let all = texts(&facts(ALLOW, &[], &[]), &known(&[]));
    assert_eq!(all, (vec!["a *:* rwm".to_owned()], vec![]));
}

#[test]
fn a_list_that_denies_allows_its_exceptions_alone() {
    let any = u32::MAX;
    let facts = facts(DENY, &[(1, 3, 2, 7), (any, any, 2, 1), (8, any, 1, 2)], &[]);
    let (usable, except) = texts(&facts, &known(&[]));
    assert_eq!(usable, ["c *:* m", "b 8:* r", "c 1:3 rw"]);
    assert!(except.is_empty(), "{except:?}");
}

#[test]
fn a_list_that_allows_refuses_what_overlaps_its_exceptions() {
    let facts = facts(ALLOW, &[(10, 229, 2, 6)], &[]);
    let (usable, except) = texts(&facts, &known(&[]));
    assert_eq!(usable, ["a *:* rwm"]);
    assert_eq!(except, ["c 10:229 rw"]);
}

#[test]
fn a_program_is_followed_like_the_function_that_it_is() {
    let facts = facts(ALLOW, &[], &[9]);
    let (usable, except) = texts(&facts, &known(&[(9, like_a_runtimes())]));
    assert_eq!(usable, ["c *:* m", "c 136:* rw", "c 1:3 rw"]);
    assert!(except.is_empty(), "{except:?}");
}

#[test]
fn list_and_programs_must_all_allow_it() {
    let all = vec![op(0xb7, 0, 0, 0, 1), op(0x95, 0, 0, 0, 0)];
    let programs = known(&[(9, like_a_runtimes()), (10, all)]);
    let (usable, _) = texts(&facts(DENY, &[(1, 3, 2, 2)], &[10, 9]), &programs);
    assert_eq!(usable, ["c 1:3 r"]);
}

#[test]
fn what_cannot_be_known_is_said() {
    let of = |facts: &Certificate, known: &DevicePrograms| Devices::of(facts, known, []);
    let one = facts(ALLOW, &[], &[9]);
    let program = like_a_runtimes();
    let mut some = DevicePrograms::default();
    some.add(&part(9, &program, 5));
    let missing = Err(DevicesUnknown::Instructions(9));
    assert_eq!(of(&one, &DevicePrograms::default()), missing);
    assert_eq!(of(&one, &some), missing);
    let many = facts(DENY, &[(0, 0, 1, 7); 33], &[]);
    let many = Certificate::from({
        let mut facts = *many.wire();
        facts.device_list.truncated = 1;
        facts
    });
    assert_eq!(of(&many, &some), Err(DevicesUnknown::Exceptions));
    let silent = Certificate::from(sample::certificate_with(|facts| facts.valid = 0));
    assert_eq!(of(&silent, &some), Err(DevicesUnknown::Kernel));
}

fn ask(program: &[u64]) -> Result<bool, Opaque> {
    let question = Question {
        kind: DeviceKind::Character,
        access: Access::READ,
        major: 1,
        minor: 3,
    };
    allows(program, question, &mut Compared::default())
}

#[test]
fn what_is_not_understood_gives_no_answer() {
    let exit = op(0x95, 0, 0, 0, 0);
    // A range of numbers, arithmetic on one that is then compared, one as the answer.
    let range = [op(0x61, 4, 1, 4, 0), op(0x25, 4, 0, 0, 7), exit];
    assert_eq!(ask(&range), Err(Opaque::Arithmetic(1)));
    let sum = [
        op(0x61, 4, 1, 4, 0),
        op(0x07, 4, 0, 0, 7),
        op(0x15, 4, 0, 0, 8),
        exit,
    ];
    assert_eq!(ask(&sum), Err(Opaque::Arithmetic(2)));
    assert_eq!(
        ask(&[op(0x61, 0, 1, 4, 0), exit]),
        Err(Opaque::Arithmetic(1))
    );
    // A call, the stack, an answer that was never given, no end.
    let call = Opaque::Instruction { at: 0, code: 0x85 };
    assert_eq!(ask(&[op(0x85, 0, 0, 0, 5), exit]), Err(call));
    assert_eq!(ask(&[op(0x61, 0, 10, -4, 0), exit]), Err(Opaque::Memory(0)));
    assert_eq!(ask(&[exit]), Err(Opaque::Arithmetic(0)));
    assert_eq!(ask(&[op(0x05, 0, 0, -1, 0)]), Err(Opaque::Endless));
    assert_eq!(ask(&[op(0x05, 0, 0, 100, 0)]), Err(Opaque::Memory(101)));
}

proptest::proptest! {
    #[test]
    fn no_instructions_make_the_reader_panic(program in proptest::collection::vec(proptest::prelude::any::<u64>(), 0..64)) {
        let _ = ask(&program);
    }
}
