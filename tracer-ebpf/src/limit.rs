//! What the cgroups of a task limit it to, as the kernel holds it at every level. Owns these reads;
//! which limit is in force is for the reader to work out.

use tracer_common::record::{BandwidthChain, CPU_WORDS, Certificate, LimitChain};

use crate::kernel::{self, config, known, offset, pointer, read};

/// Reads all of them; gives the valid bits.
#[inline(always)]
pub fn all(
    memory: &mut LimitChain,
    pids: &mut LimitChain,
    cpu: &mut BandwidthChain,
    cpuset: &mut [u64; CPU_WORDS],
    task: u64,
) -> u64 {
    let mut valid = 0;
    if known!(
        ssid_memory,
        memcg_memory,
        page_counter_max,
        page_counter_parent
    ) {
        let state = css(task, offset!(ssid_memory));
        // SAFETY: each chain is memory of the record that this program holds.
        unsafe { memory_limits(memory, state) };
        valid |= Certificate::MEMORY;
    }
    if known!(ssid_pids, pids_limit, css_parent) {
        let state = css(task, offset!(ssid_pids));
        // SAFETY: as above.
        unsafe { pids_limits(pids, state) };
        valid |= Certificate::PIDS;
    }
    if known!(ssid_cpu, tg_quota, tg_period, css_parent) {
        let state = css(task, offset!(ssid_cpu));
        // SAFETY: as above.
        unsafe { bandwidth_limits(cpu, state) };
        valid |= Certificate::CPU;
    }
    if known!(
        cpumask_size,
        ssid_cpuset,
        cpuset_effective,
        cpuset_effective_is_pointer
    ) {
        let state = css(task, offset!(ssid_cpuset));
        let held = state.wrapping_add(u64::from(offset!(cpuset_effective)));
        // `cpumask_var_t` is a pointer where masks are kept off the stack (CPUMASK_OFFSTACK).
        let mask = if offset!(cpuset_effective_is_pointer) == 1 {
            pointer(held, 0)
        } else {
            held
        };
        cpu_mask(cpuset, mask);
        valid |= Certificate::CPUSET;
    }
    valid
}

/// The task's cgroup state of controller `ssid`. On v2 it is the nearest ancestor's that has the
/// controller enabled, which is what limits the task.
#[inline(always)]
pub fn css(task: u64, ssid: u32) -> u64 {
    pointer(
        pointer(task, offset!(task_cgroups)),
        offset!(css_set_subsys) + 8 * ssid,
    )
}

/// Memory is counted in pages, in a chain of counters of its own (include/linux/page_counter.h).
///
/// A global function, as those below: the verifier checks its loop once, and not with all that its
/// callers may have done before.
///
/// # Safety
/// `chain` is null or points to a chain that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn memory_limits(chain: *mut LimitChain, css: u64) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(chain) = (unsafe { chain.as_mut() }) else {
        return 0;
    };
    let present = u64::from(css != 0);
    let mut counter = present * css.wrapping_add(u64::from(offset!(memcg_memory)));
    for value in &mut chain.values {
        if counter == 0 {
            break;
        }
        *value = read::<u64>(counter, offset!(page_counter_max)) << config!(page_shift);
        chain.levels += 1;
        counter = pointer(counter, offset!(page_counter_parent));
    }
    chain.truncated = u32::from(counter != 0);
    0
}

/// Numbers of tasks.
///
/// # Safety
/// `chain` is null or points to a chain that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn pids_limits(chain: *mut LimitChain, css: u64) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(chain) = (unsafe { chain.as_mut() }) else {
        return 0;
    };
    let mut state = css;
    for value in &mut chain.values {
        if state == 0 {
            break;
        }
        *value = read(state, offset!(pids_limit));
        chain.levels += 1;
        state = pointer(state, offset!(css_parent));
    }
    chain.truncated = u32::from(state != 0);
    0
}

/// CPU time.
///
/// # Safety
/// `chain` is null or points to a chain that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn bandwidth_limits(chain: *mut BandwidthChain, css: u64) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(chain) = (unsafe { chain.as_mut() }) else {
        return 0;
    };
    let mut state = css;
    for (quota, period) in chain.quotas.iter_mut().zip(&mut chain.periods) {
        if state == 0 {
            break;
        }
        *quota = read(state, offset!(tg_quota));
        *period = read(state, offset!(tg_period));
        chain.levels += 1;
        state = pointer(state, offset!(css_parent));
    }
    chain.truncated = u32::from(state != 0);
    0
}

/// The bits that stand for processors; the rest is zero. No more is read than the words that hold them: that is all that
/// a mask of its own has been allocated for (lib/cpumask.c, `alloc_cpumask_var_node`), and what follows may be on a
/// page that is not mapped. Beyond the processors, the last word holds whatever was in memory: masks are allocated
/// unzeroed and copied whole (include/linux/cpumask.h, `small_cpumask_bits` and `large_cpumask_bits`).
#[inline(always)]
pub fn cpu_mask(mask: &mut [u64; CPU_WORDS], source: u64) {
    let processors = config!(cpu_ids);
    let words = processors.div_ceil(64).min(CPU_WORDS as u32);
    kernel::read_part(mask, offset!(cpumask_size).min(8 * words), source, 0);
    for (index, word) in mask.iter_mut().enumerate() {
        let before = 64 * index as u32;
        if processors <= before {
            *word = 0;
        } else if processors < before + 64 {
            *word &= (1 << (processors - before)) - 1;
        }
    }
}
