//! One file a kernel hook. Owns the reading of a hook's arguments.

pub mod cgroup;
pub mod exec;
pub mod exit;
pub mod fork;
pub mod snapshot;
pub mod syscall;

use core::ffi::c_void;

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

    /// The argument at `N`.
    #[inline(always)]
    pub fn get<const N: usize>(self) -> u64 {
        // SAFETY: the verifier checks at load that the tracepoint has this argument.
        unsafe { core::ptr::read_volatile(self.0.add(N)) }
    }
}
