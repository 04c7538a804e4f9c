//! The only reads of kernel memory. A failed read gives zeros: records need no branch for each read, and
//! validity is told by bits that depend on offsets alone.
//!
//! A number or an address is read by an instruction, where the kernel has `bpf_rdonly_cast` (since 6.2), which
//! makes an address one that can be read from: a fault there is caught, and gives zero (`BPF_PROBE_MEM` in
//! kernel/bpf/verifier.c). Elsewhere, for which all is compiled with the feature `helper`, and for anything larger, it is
//! read by a helper, which takes longer and leaves zeros in the destination, too (kernel/trace/bpf_trace.c,
//! `bpf_probe_read_kernel_common`). To choose at each read would do for both, but kernels take out what is never
//! reached one piece at a time, each time going through the whole program.

use core::ffi::c_void;

use aya_ebpf::helpers::generated::{
    bpf_probe_read_kernel, bpf_probe_read_kernel_str, bpf_probe_read_user_str,
};
use tracer_common::{
    config::{CAST_CALL, CAST_TYPE},
    layout::ABSENT,
    record::{NAME_LEN, PATH_LEN},
};

/// A field of the read-only global `LAYOUT`.
macro_rules! offset {
    ($field:ident) => {
        // SAFETY: the field of an initialised static; volatile because the loader overwrites
        // the value that the compiler sees.
        unsafe { core::ptr::read_volatile(&raw const $crate::map::LAYOUT.$field) }
    };
}
pub(crate) use offset;

/// Whether the running kernel has all the named members.
macro_rules! known {
    ($($field:ident),+ $(,)?) => {
        $($crate::kernel::is_known($crate::kernel::offset!($field)))&&+
    };
}
pub(crate) use known;

/// A field of the read-only global `CONFIG`.
macro_rules! config {
    ($field:ident $([$index:expr])?) => {
        // SAFETY: as for `offset!`; an index is masked to the array's length by its caller.
        unsafe { core::ptr::read_volatile(&raw const $crate::map::CONFIG.$field $([$index])?) }
    };
}
pub(crate) use config;

/// Whether an offset is one.
#[inline(always)]
pub fn is_known(offset: u32) -> bool {
    offset != ABSENT
}

/// Values of which any bit pattern is one, so that zeros and kernel bytes are.
pub trait Plain: zerocopy::FromBytes + Copy + 'static {}
impl<T: zerocopy::FromBytes + Copy + 'static> Plain for T {}

/// Fills `destination` from kernel address `base + offset`, or with zeros.
#[inline(always)]
pub fn read_into<T: Plain>(destination: &mut T, base: u64, offset: u32) {
    // SAFETY: the destination is `size_of::<T>()` writable bytes of a type that holds any bit
    // pattern; the helper checks the source and zeroes the destination when it cannot be read.
    unsafe {
        bpf_probe_read_kernel(
            core::ptr::from_mut(destination).cast::<c_void>(),
            size_of::<T>() as u32,
            base.wrapping_add(u64::from(offset)) as *const c_void,
        );
    }
}

/// Fills the first `len` bytes of `destination`, at most all, from kernel address `base + offset`.
#[inline(always)]
pub fn read_part<T: Plain>(destination: &mut T, len: u32, base: u64, offset: u32) {
    if len as usize > size_of::<T>() {
        return;
    }
    // SAFETY: as for `read_into`; the length is checked above, which the verifier checks again.
    unsafe {
        bpf_probe_read_kernel(
            core::ptr::from_mut(destination).cast::<c_void>(),
            len,
            base.wrapping_add(u64::from(offset)) as *const c_void,
        );
    }
}

/// Value at kernel address `base + offset`, or zero. The address is a number: what a BTF program gets for a pointer
/// is none to the verifier, and [`crate::hook::Arguments::address`] makes it one. In place: a function of its own
/// would be less to verify, but where returns are guarded against speculation, hundreds of them are felt.
#[inline(always)]
pub fn read<T: Plain>(base: u64, offset: u32) -> T {
    const {
        assert!(
            size_of::<T>() <= 8,
            "larger ones are read by the helper alone"
        );
    };
    if !cfg!(feature = "helper") {
        let address = base.wrapping_add(u64::from(offset));
        // SAFETY: the loader puts the kernel's function and the type in their places; what that returns can be
        // read from, or else gives zero.
        return unsafe { core::ptr::read_volatile(cast(address).cast()) };
    }
    let mut value = T::new_zeroed();
    read_into(&mut value, base, offset);
    value
}

/// The address as one of a struct that is an array of numbers, of which any part can be read.
///
/// # Safety
/// The loader has to have put the call of `bpf_rdonly_cast(address, type)` in this one's place, and the type's id in that
/// of `CAST_TYPE`, without which the verifier refuses the program.
#[inline(always)]
unsafe fn cast(address: u64) -> *const c_void {
    // SAFETY: a call by number is how helpers are called (`aya_ebpf::helpers`).
    let function: unsafe extern "C" fn(u64, u32) -> *const c_void =
        unsafe { core::mem::transmute(CAST_CALL as usize) };
    // SAFETY: the caller's promise.
    unsafe { function(address, CAST_TYPE) }
}

/// Pointer at kernel address `base + offset`, or 0.
#[inline(always)]
pub fn pointer(base: u64, offset: u32) -> u64 {
    read(base, offset)
}

/// Makes all of `destination` zero, whatever its size, in one helper call: address 0 cannot be
/// read.
#[inline(always)]
pub fn zero<T: Plain>(destination: &mut T) {
    read_into(destination, 0, 0);
}

/// Copies the string at kernel address `source`; cut at the end, always NUL-terminated.
#[inline(always)]
pub fn string<const LEN: usize>(destination: &mut [u8; LEN], source: u64) {
    // SAFETY: the destination is `LEN` writable bytes; the helper checks the source.
    unsafe {
        bpf_probe_read_kernel_str(
            destination.as_mut_ptr().cast(),
            LEN as u32,
            source as *const c_void,
        );
    }
}

/// The same of a file's name.
#[inline(always)]
pub fn name(destination: &mut [u8; NAME_LEN], source: u64) {
    // SAFETY: as for `string`, of `NAME_LEN` bytes.
    unsafe {
        bpf_probe_read_kernel_str(
            destination.as_mut_ptr().cast(),
            NAME_LEN as u32,
            source as *const c_void,
        );
    }
}

/// Copies the string at user address `source` of the current task. Empty when its page is not
/// resident.
#[inline(always)]
pub fn user_string(destination: &mut [u8; PATH_LEN], source: u64) {
    // SAFETY: as for `string`; reading user memory cannot fault here, the helper refuses.
    unsafe {
        bpf_probe_read_user_str(
            destination.as_mut_ptr().cast(),
            PATH_LEN as u32,
            source as *const c_void,
        );
    }
}

/// Address of the current task.
#[inline(always)]
pub fn current() -> u64 {
    // SAFETY: the helper takes nothing and returns the running task, which outlives the program.
    unsafe { aya_ebpf::helpers::generated::bpf_get_current_task() }
}
