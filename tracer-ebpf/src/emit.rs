//! The only reserve and submit: every record goes through here and is counted before it is
//! tried, so that `submitted = read + lost` can be checked at any quiet moment.

use aya_ebpf::helpers::{bpf_get_smp_processor_id, generated::bpf_ktime_get_boot_ns};
use tracer_common::{ABI_VERSION, Counter, Header, Kind};

use crate::{
    fact,
    kernel::{self, Plain},
    map::{COUNTERS, RECORDS},
};

/// Adds one to a counter of this processor.
#[inline(always)]
pub fn count(counter: Counter) {
    if let Some(slot) = COUNTERS.get_ptr_mut(counter.0) {
        // SAFETY: the slot belongs to this processor, and programs that count do not nest on one
        // processor but by interruption, which the load and the store tolerate: see below.
        // Tracepoint programs run with migration disabled; a lost increment would show as
        // `submitted < read + lost` and make the run inconclusive, never pass.
        unsafe { *slot = (*slot).wrapping_add(1) };
    }
}

/// Emits one record of `kind` about the task at address `task`; `fill` gets it zeroed but for
/// the header. Tells whether there was room for it.
#[inline(always)]
pub fn emit<T: Plain>(kind: Kind, task: u64, fill: impl FnOnce(&mut T)) -> bool {
    count(Counter::submitted(kind));
    let Some(mut entry) = RECORDS.reserve::<T>(0) else {
        count(Counter::lost(kind));
        #[cfg(feature = "log")]
        crate::log::record(kind, crate::scope::tgid(task), false);
        return false;
    };
    // SAFETY: the entry is `size_of::<T>()` bytes of ring memory, aligned to 8, and T holds any
    // bit pattern.
    let record = unsafe { &mut *entry.as_mut_ptr() };
    kernel::zero(record);
    // SAFETY: every record is `repr(C)` with a `Header` first (tracer-common/src/record.rs).
    let header = unsafe { &mut *core::ptr::from_mut(record).cast::<Header>() };
    header.kind = kind;
    header.abi = ABI_VERSION;
    header.len = size_of::<T>() as u32;
    // SAFETY: a helper without arguments, which only reads a clock.
    header.time_ns = unsafe { bpf_ktime_get_boot_ns() };
    // SAFETY: a helper without arguments, which only reads a register.
    header.cpu = unsafe { bpf_get_smp_processor_id() };
    fact::identity(&mut header.task, task);
    fill(record);
    entry.submit(0);
    #[cfg(feature = "log")]
    crate::log::record(kind, crate::scope::tgid(task), true);
    true
}
