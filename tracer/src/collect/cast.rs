//! Reading kernel memory by instructions: what the programs need of the kernel for it, and how the object is
//! changed so that they do. Owns the one call of a kernel function that aya cannot make.

use std::{fmt, str::FromStr};

use serde::Serialize;
use tracer_common::{
    config::{CAST_CALL, CAST_TYPE},
    layout::Query,
};

use super::btf::{Btf, BtfError, Named};

/// `void *bpf_rdonly_cast(const void *obj, u32 btf_id)`, since 6.2.
pub const FUNCTION: &str = "bpf_rdonly_cast";
/// `struct cpumask { unsigned long bits[]; }`: of an array of numbers any part can be read as a number.
pub const NUMBERS: &str = "cpumask";

/// A call of a helper, which is one of `BPF_JMP | BPF_CALL` without registers (include/uapi/linux/bpf.h).
const CALL: u64 = 0x85;
/// The source register `BPF_PSEUDO_KFUNC_CALL` in its place: the number is that of a function in the kernel's BTF.
const OF_THE_KERNEL: u64 = 0x2000;
/// `BPF_ALU | BPF_MOV | BPF_K` and `BPF_ALU64 | BPF_MOV | BPF_K`: a number is moved to a register.
const MOVES: [u8; 2] = [0xb4, 0xb7];

/// How the programs read numbers and addresses from kernel memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reads {
    /// By instructions, at addresses that [`FUNCTION`] lets them read from.
    Instruction,
    /// By the helper `bpf_probe_read_kernel`, a call for each.
    Helper,
}

impl Reads {
    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instruction => "instruction",
            Self::Helper => "helper",
        }
    }
}

impl fmt::Display for Reads {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

impl FromStr for Reads {
    type Err = String;

    fn from_str(word: &str) -> Result<Self, String> {
        let all = [Self::Instruction, Self::Helper];
        let found = all.into_iter().find(|one| one.name() == word);
        found.ok_or_else(|| {
            format!(
                "there is no way `{word}` to read; there are {} and {}",
                all[0], all[1]
            )
        })
    }
}

/// Which of them it is, and why not the better one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ReadsChoice {
    /// That one.
    pub chosen: Reads,
    /// Why it is not by instructions.
    pub refused: Option<String>,
}

impl ReadsChoice {
    /// By instructions.
    pub const INSTRUCTION: Self = Self {
        chosen: Reads::Instruction,
        refused: None,
    };

    /// By the helper, for this reason.
    #[must_use]
    pub const fn helper(why: String) -> Self {
        Self {
            chosen: Reads::Helper,
            refused: Some(why),
        }
    }
}

/// Ids in the running kernel's BTF.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cast {
    /// Of [`FUNCTION`].
    function: u32,
    /// Of [`NUMBERS`].
    numbers: u32,
}

impl Cast {
    /// Where the kernel has both, and the struct is what it is taken for.
    pub fn find(btf: &Btf<'_>) -> Result<Self, BtfError> {
        let function = btf.id(Named::Func, FUNCTION)?;
        let numbers = btf.id(Named::Struct, NUMBERS)?;
        match btf.answer(Query::Element(NUMBERS, "bits", 0))? {
            0 => Ok(Self { function, numbers }),
            _ => Err(BtfError::NoElement(
                NUMBERS.to_owned(),
                "bits".to_owned(),
                0,
            )),
        }
    }

    /// The object with calls of the kernel's function where it has those of [`CAST_CALL`], and the id of the type
    /// where it moves [`CAST_TYPE`], in words that are aligned as its parser wants them; `None` if it has either
    /// nowhere. Instructions are of 64 bits, and stand where such numbers do.
    #[must_use]
    pub fn put_into(self, object: &[u8]) -> Option<Vec<u64>> {
        let words = object.chunks(8).map(|chunk| {
            let mut bytes = [0; 8];
            bytes[..chunk.len()].copy_from_slice(chunk);
            u64::from_le_bytes(bytes)
        });
        let (mut calls, mut types) = (0, 0);
        let words = words
            .map(|word| {
                let [operation, ..] = word.to_le_bytes();
                if word == CALL | u64::from(CAST_CALL) << 32 {
                    calls += 1;
                    CALL | OF_THE_KERNEL | u64::from(self.function) << 32
                } else if word >> 32 == u64::from(CAST_TYPE) && MOVES.contains(&operation) {
                    types += 1;
                    word & u64::from(u32::MAX) | u64::from(self.numbers) << 32
                } else {
                    word
                }
            })
            .map(u64::to_le)
            .collect();
        (calls > 0 && types > 0).then_some(words)
    }
}

#[cfg(test)]
mod tests {
    use zerocopy::IntoBytes as _;

    use super::*;

    const CAST: Cast = Cast {
        function: 77,
        numbers: 5,
    };
    const CALLED: [u8; 8] = [0x85, 0, 0, 0, 0x63, 0x61, 0x72, 0x74];
    const MOVED: [u8; 8] = [0xb4, 2, 0, 0, 0x79, 0x74, 0x72, 0x74];

    #[test]
    fn calls_and_the_type_alone_are_replaced() {
        let other = [0x85, 0, 0, 0, 0x71, 0, 0, 0];
        // Added and not moved.
        let added = [0x07, 2, 0, 0, 0x79, 0x74, 0x72, 0x74];
        let wide = [0xb7, 8, 0, 0, 0x79, 0x74, 0x72, 0x74];
        let object = [other, MOVED, CALLED, added, wide, CALLED].concat();
        let words = CAST.put_into(&object).expect("calls");
        let kernels = [0x85, 0x20, 0, 0, 77, 0, 0, 0];
        let (its, wide) = ([0xb4, 2, 0, 0, 5, 0, 0, 0], [0xb7, 8, 0, 0, 5, 0, 0, 0]);
        assert_eq!(
            words.as_bytes(),
            [other, its, kernels, added, wide, kernels]
                .concat()
                .as_slice()
        );
    }

    #[test]
    fn an_object_without_either_is_none() {
        assert_eq!(CAST.put_into(&CALLED), None);
        assert_eq!(CAST.put_into(&MOVED), None);
    }

    #[test]
    fn what_is_no_instruction_stays_and_the_end_is_filled_up() {
        let shifted = [0, 0, 0, 0, 0x85, 0, 0, 0, 0x63, 0x61, 0x72, 0x74];
        let object = [&MOVED[..], &CALLED[..], &shifted[..]].concat();
        let words = CAST.put_into(&object).expect("a call");
        assert_eq!(
            &words.as_bytes()[16..],
            [&shifted[..], &[0; 4]].concat().as_slice()
        );
    }
}
