//! Attributes of a certificate that say how the kernel serves the process, and which terminal it
//! has. Owns what the kernel's numbers are made of; names belong to `expect::attribute`.

use tracer_common::record as wire;

use super::{Certificate, numbers, usable};

/// `SCHED_DEADLINE` (include/uapi/linux/sched.h).
pub const SCHED_DEADLINE: u32 = 6;

/// A disk's priority of a process (include/uapi/linux/ioprio.h).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoPriority {
    /// `IOPRIO_CLASS_*`; 0 = none was set, and the nice value decides.
    pub class: u32,
    /// Within the class, 0 being the first served and 7 the last.
    pub level: u32,
}

/// Where the kernel takes memory from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemoryPolicy {
    /// `MPOL_*`.
    pub mode: u32,
    /// `MPOL_F_*` that set_mempolicy(2) takes.
    pub flags: u32,
    /// With static or relative nodes those that were asked for, else those in use; ascending.
    pub nodes: Vec<u32>,
}

impl Certificate {
    /// Controlling terminal of its session; [`wire::Terminal::NONE`] where it has none.
    pub fn terminal(&self) -> Option<wire::Terminal> {
        self.valid(wire::Certificate::TERMINAL, |facts| facts.terminal)
    }

    /// UTS domain name; `(none)` unless it was set.
    pub fn domainname(&self) -> Option<String> {
        self.valid(wire::Certificate::DOMAINNAME, |facts| {
            super::text::until_nul(&facts.domainname)
        })
    }

    /// How the processor serves it.
    pub fn scheduling(&self) -> Option<wire::Scheduling> {
        self.valid(wire::Certificate::SCHEDULING, |facts| facts.scheduling)
    }

    /// How disks serve it.
    pub fn io_priority(&self) -> Option<IoPriority> {
        self.valid(wire::Certificate::IO_PRIORITY, |facts| IoPriority {
            class: facts.io_priority >> 13 & 7,
            // Above it there may be a hint to the device.
            level: facts.io_priority & 7,
        })
    }

    /// Execution domain and flags of personality(2).
    pub fn personality(&self) -> Option<u32> {
        self.valid(wire::Certificate::PERSONALITY, |facts| facts.personality)
    }

    /// Where its memory is taken from.
    pub fn memory_policy(&self) -> Option<MemoryPolicy> {
        const ASKED: u32 = wire::MemoryPolicy::NUMA_BALANCING
            | wire::MemoryPolicy::RELATIVE_NODES
            | wire::MemoryPolicy::STATIC_NODES;
        self.valid(wire::Certificate::MEMORY_POLICY, |facts| MemoryPolicy {
            mode: facts.memory_policy.mode,
            flags: facts.memory_policy.flags & ASKED,
            nodes: numbers(&facts.memory_policy.nodes),
        })
    }

    /// Effective memory nodes of its cpuset, ascending.
    pub fn cpuset_mems(&self) -> Option<Vec<u32>> {
        self.valid(wire::Certificate::CPUSET_MEMS, |facts| {
            usable(&facts.cpuset_mems)
        })?
    }
}

#[cfg(test)]
mod tests {
    use super::super::super::sample;
    use super::*;

    #[test]
    fn a_priority_of_disks_is_taken_apart_and_hints_left_out() {
        let seen = |io_priority| {
            let facts = sample::certificate_with(|facts| facts.io_priority = io_priority);
            let priority = Certificate::from(facts).io_priority().expect("valid");
            (priority.class, priority.level)
        };
        assert_eq!(seen(0), (0, 0));
        assert_eq!(seen(2 << 13 | 7), (2, 7));
        // IOPRIO_HINT_DEV_DURATION_LIMIT_1.
        assert_eq!(seen(2 << 13 | 1 << 3 | 4), (2, 4));
        assert_eq!(seen(3 << 13), (3, 0));
    }

    #[test]
    fn flags_of_the_kernels_own_use_are_no_part_of_a_policy() {
        let facts = sample::certificate_with(|facts| {
            facts.memory_policy.mode = 2;
            // MPOL_F_MOF and MPOL_F_MORON.
            facts.memory_policy.flags = wire::MemoryPolicy::STATIC_NODES | 1 << 3 | 1 << 4;
            facts.memory_policy.nodes[0] = 0b101;
        });
        let expected = MemoryPolicy {
            mode: 2,
            flags: wire::MemoryPolicy::STATIC_NODES,
            nodes: vec![0, 2],
        };
        assert_eq!(Certificate::from(facts).memory_policy(), Some(expected));
    }

    #[test]
    fn a_domain_name_may_fill_its_room() {
        let facts = sample::certificate_with(|facts| facts.domainname = [b'a'; 64]);
        assert_eq!(Certificate::from(facts).domainname(), Some("a".repeat(64)));
    }
}
