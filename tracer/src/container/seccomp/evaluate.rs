//! Running a filter on a system call, as the kernel would: for checks before anything is made,
//! and for tests of the compiler. Knows the instructions that the compiler emits.

use super::Filter;
use super::compile::{ARCHITECTURE, halves, op};

impl Filter {
    /// The action (`SECCOMP_RET_*`) for system call `number` of this machine's architecture.
    #[must_use]
    pub fn evaluate(&self, number: u32, arguments: [u64; 6]) -> u32 {
        self.evaluate_on(ARCHITECTURE, number, arguments)
    }

    /// The same for a call by `architecture` (`AUDIT_ARCH_*`). A program that ends without an
    /// answer kills, as an invalid one could.
    pub(super) fn evaluate_on(&self, architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
        let mut accumulator = 0_u32;
        let mut at = 0_usize;
        while let Some(instruction) = self.program.get(at) {
            at += 1;
            let k = instruction.k;
            let branch = |holds: bool| {
                usize::from(if holds {
                    instruction.jt
                } else {
                    instruction.jf
                })
            };
            match instruction.code {
                op::LOAD => accumulator = load(k, architecture, number, arguments),
                op::AND => accumulator &= k,
                op::JUMP => at += k as usize,
                op::JUMP_EQUAL => at += branch(accumulator == k),
                op::JUMP_GREATER => at += branch(accumulator > k),
                op::JUMP_GREATER_EQUAL => at += branch(accumulator >= k),
                op::RETURN => return k,
                _ => break,
            }
        }
        super::compile::RET_KILL_PROCESS
    }
}

/// A word of `struct seccomp_data`: nr, arch, instruction pointer (8 bytes), six arguments.
fn load(offset: u32, architecture: u32, number: u32, arguments: [u64; 6]) -> u32 {
    match offset {
        0 => number,
        4 => architecture,
        16.. => {
            let argument = arguments
                .get(((offset - 16) / 8) as usize)
                .copied()
                .unwrap_or(0);
            let (high, low) = halves(argument);
            if offset.is_multiple_of(8) { low } else { high }
        }
        _ => 0,
    }
}
