//! One file a kernel hook. Owns the reading of a hook's arguments.

pub mod cgroup;
pub mod exec;
pub mod exit;
pub mod fork;
pub mod snapshot;
pub mod syscall;

use core::ffi::c_void;

use crate::kernel;

/// The arguments of a tracing program: an array of `u64`, for BTF and raw tracepoints and for
/// iterators alike.
#[derive(Clone, Copy)]
pub struct Arguments(*const u64);

impl Arguments {
    /// Of the context that the kernel passed.
    #[inline(always)]
    pub const fn new(context: *mut c_void) -> Self {
        Self(context.cast_const().cast())
    }

    /// The address at `N`, as a number. To the verifier the argument itself is a typed pointer in some programs,
    /// which global functions do not take; read from where it stands, it is a number in all of them.
    #[inline(always)]
    pub fn address<const N: usize>(self) -> u64 {
        kernel::pointer(self.0 as u64, 8 * N as u32)
    }

    /// The number at `N`.
    #[inline(always)]
    pub fn get<const N: usize>(self) -> u64 {
        // SAFETY: the verifier checks at load that the tracepoint has this argument.
        unsafe { core::ptr::read_volatile(self.0.add(N)) }
    }
}
