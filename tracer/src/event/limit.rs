//! Limits in force: the least of the own cgroup's and its ancestors'. Owns that arithmetic; what
//! the kernel holds at each level is in the record.

use tracer_common::record::{BandwidthChain, Certificate, ExitRecord, LimitChain, UNLIMITED};

use super::certificate::usable;

/// From this count of bytes on, memory is unlimited: `PAGE_COUNTER_MAX` is `LONG_MAX / PAGE_SIZE`
/// pages (include/linux/page_counter.h), whatever the page size up to 64 KiB.
const MEMORY_UNLIMITED: u64 = 0x7fff_ffff_ffff_0000;
/// `PIDS_MAX` is `PID_MAX_LIMIT + 1` (kernel/cgroup/pids.c).
const PIDS_UNLIMITED: u64 = 4 * 1024 * 1024 + 1;

/// A limit of the own cgroup, and the one in force.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Of the own cgroup; [`UNLIMITED`] = none.
    pub own: u64,
    /// The least of it and its ancestors'.
    pub effective: u64,
    /// How many levels above the own cgroup the one in force is; 0 = the own.
    pub depth: usize,
    /// There are more ancestors than the record had room for.
    pub truncated: bool,
}

impl Limit {
    /// Bytes.
    pub fn of_memory(chain: &LimitChain) -> Self {
        Self::of(chain, MEMORY_UNLIMITED)
    }

    /// Tasks. The root of the hierarchy has no limit, whatever its field holds.
    pub fn of_pids(chain: &LimitChain) -> Self {
        let mut chain = *chain;
        if let Some(root) = used(chain.levels, &chain.values).len().checked_sub(1)
            && chain.truncated == 0
        {
            chain.values[root] = UNLIMITED;
        }
        Self::of(&chain, PIDS_UNLIMITED)
    }

    fn of(chain: &LimitChain, unlimited: u64) -> Self {
        let mut limit = Self {
            own: UNLIMITED,
            effective: UNLIMITED,
            depth: 0,
            truncated: chain.truncated != 0,
        };
        for (depth, value) in used(chain.levels, &chain.values).iter().enumerate() {
            let value = if *value >= unlimited {
                UNLIMITED
            } else {
                *value
            };
            if depth == 0 {
                limit.own = value;
            }
            if value < limit.effective {
                (limit.effective, limit.depth) = (value, depth);
            }
        }
        limit
    }
}

/// CPU time per period, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CpuBandwidth {
    /// Quota of the own cgroup; [`UNLIMITED`] = none.
    pub own_quota: u64,
    /// Period of the own cgroup.
    pub own_period: u64,
    /// Quota of the strictest.
    pub quota: u64,
    /// Period of the strictest.
    pub period: u64,
    /// How many levels above the own cgroup the strictest is.
    pub depth: usize,
    /// There are more ancestors than the record had room for.
    pub truncated: bool,
}

impl CpuBandwidth {
    /// The strictest is the one with the least quota for its period.
    pub fn of(chain: &BandwidthChain) -> Self {
        let quotas = used(chain.levels, &chain.quotas);
        let levels = quotas.iter().copied().zip(chain.periods);
        let (own_quota, own_period) = levels.clone().next().unwrap_or((UNLIMITED, 0));
        let mut bandwidth = Self {
            own_quota,
            own_period,
            quota: own_quota,
            period: own_period,
            depth: 0,
            truncated: chain.truncated != 0,
        };
        for (depth, (quota, period)) in levels.enumerate() {
            // quota / period < the strictest so far, without division.
            let stricter = bandwidth.quota == UNLIMITED
                || u128::from(quota) * u128::from(bandwidth.period)
                    < u128::from(bandwidth.quota) * u128::from(period);
            if quota != UNLIMITED && stricter {
                (bandwidth.quota, bandwidth.period, bandwidth.depth) = (quota, period, depth);
            }
        }
        bandwidth
    }
}

/// What a task is limited to by its cgroups; `None` = the kernel does not tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of memory.
    pub memory: Option<Limit>,
    /// Number of tasks.
    pub pids: Option<Limit>,
    /// CPU time.
    pub cpu: Option<CpuBandwidth>,
    /// Effective processors of its cpuset, ascending.
    pub cpuset_cpus: Option<Vec<u32>>,
}

impl From<&ExitRecord> for Limits {
    fn from(wire: &ExitRecord) -> Self {
        let told = |bit: u64| wire.valid & bit != 0;
        Self {
            memory: told(Certificate::MEMORY).then(|| Limit::of_memory(&wire.memory)),
            pids: told(Certificate::PIDS).then(|| Limit::of_pids(&wire.pids)),
            cpu: told(Certificate::CPU).then(|| CpuBandwidth::of(&wire.cpu)),
            cpuset_cpus: usable(&wire.cpuset_cpus).filter(|_| told(Certificate::CPUSET)),
        }
    }
}

fn used<const N: usize>(levels: u32, values: &[u64; N]) -> &[u64] {
    let levels = usize::try_from(levels).unwrap_or(N).min(N);
    values.split_at(levels).0
}

#[cfg(test)]
mod tests {
    use tracer_common::record::MAX_ANCESTORS;

    use super::*;

    fn chain(values: &[u64]) -> LimitChain {
        let mut chain = LimitChain {
            levels: u32::try_from(values.len()).expect("a few"),
            truncated: 0,
            values: [0; MAX_ANCESTORS],
        };
        chain.values[..values.len()].copy_from_slice(values);
        chain
    }

    #[test]
    fn the_least_of_all_levels_is_in_force() {
        let limit = Limit::of_memory(&chain(&[64, 32, MEMORY_UNLIMITED]));
        assert_eq!((limit.own, limit.effective, limit.depth), (64, 32, 1));
    }

    #[test]
    fn the_kernels_largest_counts_stand_for_no_limit() {
        assert_eq!(
            Limit::of_memory(&chain(&[MEMORY_UNLIMITED + 4096])).own,
            UNLIMITED
        );
        assert_eq!(
            Limit::of_pids(&chain(&[PIDS_UNLIMITED, 0])).effective,
            UNLIMITED
        );
    }

    #[test]
    fn the_root_has_no_limit_of_tasks() {
        let limit = Limit::of_pids(&chain(&[9, 0]));
        assert_eq!((limit.own, limit.effective), (9, 9));
    }

    #[test]
    fn a_damaged_number_of_levels_is_no_panic() {
        let mut damaged = chain(&[1]);
        damaged.levels = u32::MAX;
        assert_eq!(Limit::of_memory(&damaged).effective, 0);
    }

    #[test]
    fn the_strictest_share_of_a_processor_is_in_force_whatever_the_periods() {
        let mut chain = BandwidthChain {
            levels: 3,
            truncated: 0,
            quotas: [UNLIMITED; MAX_ANCESTORS],
            periods: [100; MAX_ANCESTORS],
        };
        (chain.quotas[0], chain.periods[0]) = (50, 100);
        (chain.quotas[1], chain.periods[1]) = (60, 200);
        let bandwidth = CpuBandwidth::of(&chain);
        assert_eq!(
            (bandwidth.quota, bandwidth.period, bandwidth.depth),
            (60, 200, 1)
        );
        assert_eq!((bandwidth.own_quota, bandwidth.own_period), (50, 100));
    }
}
