//! A BPF program on devices as the pure function that it is: kind, access and numbers of a device
//! in, a decision out. Owns the part of the instruction set that such programs use; whatever is
//! beyond it gives no answer instead of a wrong one.

use std::collections::BTreeSet;

use thiserror::Error;

use crate::event::device::{Access, DeviceKind};

/// What a program is asked about: `struct bpf_cgroup_dev_ctx` (include/uapi/linux/bpf.h).
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub kind: DeviceKind,
    pub access: Access,
    pub major: u32,
    pub minor: u32,
}

/// Numbers that the program compared with those of the device.
#[derive(Clone, Debug, Default)]
pub(super) struct Compared {
    pub majors: BTreeSet<u32>,
    pub minors: BTreeSet<u32>,
}

/// Why a program gives no answer.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum Opaque {
    /// An instruction that is not understood.
    #[error("instruction {at} has the code {code:#04x}, which is not understood")]
    Instruction {
        /// Its number.
        at: usize,
        /// Its code.
        code: u8,
    },
    /// More than whether a number is a certain one decides.
    #[error("instruction {0} does more with a device number than compare it")]
    Arithmetic(usize),
    /// Something else than the question is read.
    #[error("instruction {0} reads something else than the device")]
    Memory(usize),
    /// It goes on for too long.
    #[error("it takes too many steps")]
    Endless,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Origin {
    /// It does not depend on the device's numbers.
    Plain,
    Major,
    Minor,
    /// It depends on them in some way.
    Mixed,
    /// It is the address of the question.
    Context,
    /// Nothing is known of it.
    Nothing,
}

#[derive(Clone, Copy, Debug)]
struct Value {
    bits: u64,
    origin: Origin,
}

/// `struct bpf_insn`.
struct Instruction {
    code: u8,
    destination: usize,
    source: usize,
    offset: i16,
    immediate: i32,
}

impl Instruction {
    #[expect(
        clippy::cast_possible_truncation,
        reason = "the fields of the instruction, each as wide as it is"
    )]
    fn read(bits: u64) -> Self {
        Self {
            code: bits as u8,
            destination: (bits >> 8 & 0xf) as usize,
            source: (bits >> 12 & 0xf) as usize,
            offset: (bits >> 16) as i16,
            immediate: (bits >> 32) as i32,
        }
    }

    /// The immediate as 64 bits, sign and all.
    fn extended(&self) -> u64 {
        i64::from(self.immediate).cast_unsigned()
    }
}

/// Classes and codes of include/uapi/linux/bpf_common.h and bpf.h.
const CLASS: u8 = 0x07;
const LD: u8 = 0x00;
const LDX: u8 = 0x01;
const ALU: u8 = 0x04;
const JMP: u8 = 0x05;
const JMP32: u8 = 0x06;
const ALU64: u8 = 0x07;
const LD_IMM64: u8 = 0x18;
const FROM_REGISTER: u8 = 0x08;
const OPERATION: u8 = 0xf0;
const MOVE: u8 = 0xb0;
const JUMP: u8 = 0x00;
const CALL: u8 = 0x80;
const EXIT: u8 = 0x90;

/// The verifier admits programs of a million steps; those on devices have some hundreds.
const MAX_STEPS: usize = 100_000;

struct Machine<'a> {
    registers: [Value; 11],
    question: Question,
    compared: &'a mut Compared,
}

/// Runs the program; whether it allows what is asked.
pub(super) fn allows(
    program: &[u64],
    question: Question,
    compared: &mut Compared,
) -> Result<bool, Opaque> {
    let nothing = Value {
        bits: 0,
        origin: Origin::Nothing,
    };
    let mut machine = Machine {
        registers: [nothing; 11],
        question,
        compared,
    };
    machine.registers[1].origin = Origin::Context;
    let mut at = 0;
    for _ in 0..MAX_STEPS {
        let bits = *program.get(at).ok_or(Opaque::Memory(at))?;
        let instruction = Instruction::read(bits);
        if instruction.destination > 10 || instruction.source > 10 {
            return Err(Opaque::Instruction {
                at,
                code: instruction.code,
            });
        }
        let mut jump = 0;
        match (instruction.code & CLASS, instruction.code) {
            (LD, LD_IMM64) if instruction.source == 0 => {
                let high = program.get(at + 1).ok_or(Opaque::Memory(at))? >> 32;
                let low = u64::from(instruction.immediate.cast_unsigned());
                machine.registers[instruction.destination] = plain(high << 32 | low);
                jump = 1;
            }
            (LDX, _) => machine.load(at, &instruction)?,
            (ALU | ALU64, _) => machine.compute(at, &instruction)?,
            (JMP, code) if code & OPERATION == EXIT => {
                return match machine.registers[0] {
                    Value {
                        bits,
                        origin: Origin::Plain,
                    } => Ok(bits & 0xffff_ffff != 0),
                    _ => Err(Opaque::Arithmetic(at)),
                };
            }
            (JMP, code) if code & OPERATION == JUMP => jump = isize::from(instruction.offset),
            (JMP | JMP32, code) if code & OPERATION != CALL => {
                if machine.jumps(at, &instruction)? {
                    jump = isize::from(instruction.offset);
                }
            }
            (_, code) => return Err(Opaque::Instruction { at, code }),
        }
        at = (at + 1)
            .checked_add_signed(jump)
            .ok_or(Opaque::Memory(at))?;
    }
    Err(Opaque::Endless)
}

fn plain(bits: u64) -> Value {
    Value {
        bits,
        origin: Origin::Plain,
    }
}

impl Machine<'_> {
    /// A field of the question, whole, or the low part of kind and access.
    fn load(&mut self, at: usize, instruction: &Instruction) -> Result<(), Opaque> {
        if self.registers[instruction.source].origin != Origin::Context {
            return Err(Opaque::Memory(at));
        }
        let Question {
            kind,
            access,
            major,
            minor,
        } = self.question;
        let word = u64::from(access.0) << 16 | u64::from(kind.bit());
        let value = match (instruction.code, instruction.offset) {
            (0x61, 0) => plain(word),
            (0x69, 0) => plain(word & 0xffff),
            (0x69, 2) => plain(word >> 16),
            (0x71, 0) => plain(word & 0xff),
            (0x71, 2) => plain(word >> 16 & 0xff),
            (0x61, 4) => Value {
                bits: u64::from(major),
                origin: Origin::Major,
            },
            (0x61, 8) => Value {
                bits: u64::from(minor),
                origin: Origin::Minor,
            },
            _ => return Err(Opaque::Memory(at)),
        };
        self.registers[instruction.destination] = value;
        Ok(())
    }

    fn operand(&self, instruction: &Instruction) -> Value {
        if instruction.code & FROM_REGISTER == 0 {
            plain(instruction.extended())
        } else {
            self.registers[instruction.source]
        }
    }

    fn compute(&mut self, at: usize, instruction: &Instruction) -> Result<(), Opaque> {
        let code = instruction.code;
        let opaque = Opaque::Instruction { at, code };
        let narrow = code & CLASS == ALU;
        let right = self.operand(instruction);
        let target = &mut self.registers[instruction.destination];
        if code & OPERATION == MOVE {
            // Since 6.6 an offset asks for the extension of a sign.
            if instruction.offset != 0 || right.origin == Origin::Context && narrow {
                return Err(opaque);
            }
            *target = right;
        } else {
            let left = *target;
            let bits = arithmetic(code, narrow, left.bits, right.bits).ok_or(opaque)?;
            let origin = match (left.origin, right.origin) {
                (Origin::Plain, Origin::Plain) => Origin::Plain,
                (Origin::Context, _) | (_, Origin::Context) => return Err(opaque),
                // x ^ x is how a register is cleared.
                (Origin::Nothing, _) | (_, Origin::Nothing) => Origin::Nothing,
                _ => Origin::Mixed,
            };
            *target = Value { bits, origin };
        }
        if narrow {
            target.bits &= 0xffff_ffff;
        }
        Ok(())
    }

    fn jumps(&mut self, at: usize, instruction: &Instruction) -> Result<bool, Opaque> {
        let code = instruction.code;
        let narrow = code & CLASS == JMP32;
        let (left, right) = (
            self.registers[instruction.destination],
            self.operand(instruction),
        );
        let equality = matches!(code & OPERATION, 0x10 | 0x50);
        let number = |value: Value| u32::try_from(value.bits & 0xffff_ffff).unwrap_or(u32::MAX);
        match (left.origin, right.origin) {
            (Origin::Plain, Origin::Plain) => {}
            (Origin::Major, Origin::Plain) if equality => {
                self.compared.majors.insert(number(right));
            }
            (Origin::Plain, Origin::Major) if equality => {
                self.compared.majors.insert(number(left));
            }
            (Origin::Minor, Origin::Plain) if equality => {
                self.compared.minors.insert(number(right));
            }
            (Origin::Plain, Origin::Minor) if equality => {
                self.compared.minors.insert(number(left));
            }
            _ => return Err(Opaque::Arithmetic(at)),
        }
        condition(code, narrow, left.bits, right.bits).ok_or(Opaque::Instruction { at, code })
    }
}

/// An operation that is no move; `None` = it is not understood.
fn arithmetic(code: u8, narrow: bool, left: u64, right: u64) -> Option<u64> {
    let width = if narrow { 31 } else { 63 };
    let shift = u32::try_from(right & width).ok()?;
    let low = |value: u64| if narrow { value & 0xffff_ffff } else { value };
    Some(match code & OPERATION {
        0x00 => left.wrapping_add(right),
        0x10 => left.wrapping_sub(right),
        0x20 => left.wrapping_mul(right),
        0x40 => left | right,
        0x50 => left & right,
        0x60 => left << shift,
        0x70 => low(left) >> shift,
        0xa0 => left ^ right,
        _ => return None,
    })
}

/// Whether a conditional jump is taken; `None` = it is not understood.
fn condition(code: u8, narrow: bool, left: u64, right: u64) -> Option<bool> {
    let low = |value: u64| if narrow { value & 0xffff_ffff } else { value };
    let signed = |value: u64| {
        if narrow {
            // The low half, as a number with a sign.
            i64::from(
                u32::try_from(value & 0xffff_ffff)
                    .unwrap_or(0)
                    .cast_signed(),
            )
        } else {
            value.cast_signed()
        }
    };
    Some(match code & OPERATION {
        0x10 => low(left) == low(right),
        0x20 => low(left) > low(right),
        0x30 => low(left) >= low(right),
        0x40 => low(left) & low(right) != 0,
        0x50 => low(left) != low(right),
        0x60 => signed(left) > signed(right),
        0x70 => signed(left) >= signed(right),
        0xa0 => low(left) < low(right),
        0xb0 => low(left) <= low(right),
        0xc0 => signed(left) < signed(right),
        0xd0 => signed(left) <= signed(right),
        _ => return None,
    })
}
