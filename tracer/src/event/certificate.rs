//! The birth certificate: what the kernel knew of a task at one instant. Every accessor gives
//! `None` for a fact that this kernel could not give, so that "cannot say" is never taken for
//! zero. Owns no judgement.

use std::iter;
use std::sync::Arc;

use tracer_common::record as wire;
use zerocopy::FromZeros as _;

mod attribute;

use super::{CgroupKey, CgroupMember, Cgroups, KernelPath, KeySerial, Namespaces, Tgid, text};

pub use super::limit::{CpuBandwidth, Limit, Limits};
pub use attribute::{IoPriority, MemoryPolicy, SCHED_DEADLINE};
pub use wire::{
    Capabilities, ClockOffset, DeadlineParameters, Descriptor, DeviceException, IdExtent, Ids,
    PathFact, Rlimit, Scheduling, Terminal, TimeOffsets, UNLIMITED,
};

/// Facts of one task. They never change, and copies share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Certificate(Arc<wire::Certificate>);

/// A list of which the kernel may hold more than the record had room for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Partial<T> {
    /// What there was room for.
    pub items: Vec<T>,
    /// There is more.
    pub truncated: bool,
}

/// What a devices cgroup of v1 says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeviceList {
    /// Nothing is allowed but the exceptions; otherwise all is but them.
    pub denies: bool,
    /// The exceptions.
    pub exceptions: Partial<DeviceException>,
}

impl From<wire::Certificate> for Certificate {
    fn from(facts: wire::Certificate) -> Self {
        Self(Arc::new(facts))
    }
}

impl Certificate {
    /// Of which no fact is known.
    pub fn nothing() -> Self {
        wire::Certificate::new_zeroed().into()
    }

    /// The record's own form.
    pub fn wire(&self) -> &wire::Certificate {
        &self.0
    }

    fn valid<T>(&self, bit: u64, fact: impl FnOnce(&wire::Certificate) -> T) -> Option<T> {
        (self.0.valid & bit != 0).then(|| fact(&self.0))
    }

    /// The ten namespaces.
    pub fn namespaces(&self) -> Option<Namespaces> {
        self.valid(wire::Certificate::NAMESPACES, |facts| {
            Namespaces::from(&facts.namespaces)
        })
    }

    /// The task's number in its own PID namespace.
    pub fn vpid(&self) -> Option<u32> {
        self.valid(wire::Certificate::NAMESPACES, |facts| facts.vpid)
    }

    /// Depth of its PID namespace; the initial one is 0.
    pub fn pid_level(&self) -> Option<u32> {
        self.valid(wire::Certificate::NAMESPACES, |facts| facts.pid_level)
    }

    /// Its parent.
    pub fn parent(&self) -> Tgid {
        Tgid(self.0.parent_tgid)
    }

    /// The cgroup in every hierarchy.
    pub fn cgroups(&self) -> Option<Cgroups> {
        self.valid(wire::Certificate::CGROUPS, |facts| {
            Cgroups::from(&facts.cgroups)
        })
    }

    /// Those cgroups without what else is known of them, as far as there was room.
    pub fn cgroup_keys(&self) -> impl Iterator<Item = CgroupKey> + '_ {
        let set = self.valid(wire::Certificate::CGROUPS, |_| &self.0.cgroups);
        let entries = set.into_iter().flat_map(|set| {
            let count = usize::try_from(set.count).unwrap_or(usize::MAX);
            set.entries.iter().take(count)
        });
        entries.map(|entry| CgroupMember::from(entry).key)
    }

    /// Eight ids as the initial user namespace numbers them.
    pub fn ids(&self) -> Option<Ids> {
        self.valid(wire::Certificate::IDS, |facts| facts.ids)
    }

    /// `SECBIT_*`.
    pub fn securebits(&self) -> Option<u32> {
        self.valid(wire::Certificate::IDS, |facts| facts.securebits)
    }

    /// The five capability sets, bit n = capability n.
    pub fn capabilities(&self) -> Option<Capabilities> {
        self.valid(wire::Certificate::CAPABILITIES, |facts| facts.capabilities)
    }

    /// Supplementary groups as the initial user namespace numbers them.
    pub fn groups(&self) -> Option<Partial<u32>> {
        self.valid(wire::Certificate::GROUPS, |facts| {
            partial(&facts.groups, facts.group_count, false)
        })
    }

    /// Map of users of its user namespace; at most five lines are known.
    pub fn uid_map(&self) -> Option<Partial<IdExtent>> {
        self.valid(wire::Certificate::ID_MAPS, |facts| {
            partial(&facts.uid_map.extents, facts.uid_map.count, false)
        })
    }

    /// Map of groups of its user namespace; at most five lines are known.
    pub fn gid_map(&self) -> Option<Partial<IdExtent>> {
        self.valid(wire::Certificate::ID_MAPS, |facts| {
            partial(&facts.gid_map.extents, facts.gid_map.count, false)
        })
    }

    /// UTS node name.
    pub fn hostname(&self) -> Option<String> {
        self.valid(wire::Certificate::HOSTNAME, |facts| {
            text::until_nul(&facts.hostname)
        })
    }

    /// Whether no exec can gain privileges.
    pub fn no_new_privs(&self) -> Option<bool> {
        self.valid(wire::Certificate::NO_NEW_PRIVS, |facts| {
            facts.no_new_privs != 0
        })
    }

    /// 0 off, 1 strict, 2 filter.
    pub fn seccomp_mode(&self) -> Option<u32> {
        self.valid(wire::Certificate::SECCOMP, |facts| facts.seccomp_mode)
    }

    /// Number of seccomp filters in force.
    pub fn seccomp_filters(&self) -> Option<u32> {
        self.valid(wire::Certificate::SECCOMP_FILTERS, |facts| {
            facts.seccomp_filters
        })
    }

    /// Bytes of memory.
    pub fn memory(&self) -> Option<Limit> {
        self.valid(wire::Certificate::MEMORY, |facts| {
            Limit::of_memory(&facts.memory)
        })
    }

    /// Number of tasks.
    pub fn pids(&self) -> Option<Limit> {
        self.valid(wire::Certificate::PIDS, |facts| Limit::of_pids(&facts.pids))
    }

    /// CPU time per period, nanoseconds.
    pub fn cpu(&self) -> Option<CpuBandwidth> {
        self.valid(wire::Certificate::CPU, |facts| CpuBandwidth::of(&facts.cpu))
    }

    /// What its cgroups limit it to.
    pub fn limits(&self) -> Limits {
        Limits {
            memory: self.memory(),
            pids: self.pids(),
            cpu: self.cpu(),
            cpuset_cpus: self.cpuset_cpus(),
        }
    }

    /// Processors that the scheduler may run it on, ascending.
    pub fn cpus_allowed(&self) -> Option<Vec<u32>> {
        self.valid(wire::Certificate::CPUS_ALLOWED, |facts| {
            usable(&facts.cpus_allowed)
        })?
    }

    /// Effective processors of its cpuset, ascending.
    pub fn cpuset_cpus(&self) -> Option<Vec<u32>> {
        self.valid(wire::Certificate::CPUSET, |facts| {
            usable(&facts.cpuset_cpus)
        })?
    }

    /// Root directory.
    pub fn root(&self) -> Option<PathFact> {
        self.valid(wire::Certificate::PATHS, |facts| facts.root)
    }

    /// Working directory.
    pub fn cwd(&self) -> Option<PathFact> {
        self.valid(wire::Certificate::PATHS, |facts| facts.cwd)
    }

    /// Executable.
    pub fn exe(&self) -> Option<PathFact> {
        self.valid(wire::Certificate::EXE, |facts| facts.exe)
    }

    /// The resource limit with this number of `RLIMIT_*`.
    pub fn rlimit(&self, resource: u32) -> Option<Rlimit> {
        let index = usize::try_from(resource).ok()?;
        self.valid(wire::Certificate::RLIMITS, |facts| {
            facts.rlimits.get(index).copied()
        })?
    }

    /// Open descriptors, ascending.
    pub fn descriptors(&self) -> Option<Partial<Descriptor>> {
        self.valid(wire::Certificate::DESCRIPTORS, |facts| {
            let more = facts.descriptors_truncated != 0;
            partial(&facts.descriptors, facts.descriptor_count, more)
        })
    }

    /// How soon the kernel kills it when memory is short, from -1000, which is never, to 1000.
    pub fn oom_score_adj(&self) -> Option<i32> {
        self.valid(wire::Certificate::OOM_SCORE_ADJ, |facts| {
            facts.oom_score_adj
        })
    }

    /// Permission bits that are left out of what it makes.
    pub fn umask(&self) -> Option<u32> {
        self.valid(wire::Certificate::UMASK, |facts| facts.umask)
    }

    /// Thread group that is told of its stops and its end: a debugger's while one is attached,
    /// otherwise [`Self::parent`].
    pub fn ptrace_parent(&self) -> Option<Tgid> {
        self.valid(wire::Certificate::PTRACE_PARENT, |facts| {
            Tgid(facts.ptrace_parent_tgid)
        })
    }

    /// Its session keyring. Without one, that of its user stands in (session-keyring(7)).
    pub fn session_keyring(&self) -> Option<KeySerial> {
        self.valid(wire::Certificate::SESSION_KEYRING, |facts| {
            KeySerial(facts.session_keyring)
        })
    }

    /// What the clocks of its own time namespace are ahead of the initial one's.
    pub fn time_offsets(&self) -> Option<TimeOffsets> {
        self.valid(wire::Certificate::TIME_OFFSETS, |facts| facts.time_offsets)
    }

    /// What its devices cgroup of v1 lets it use.
    pub fn device_list(&self) -> Option<DeviceList> {
        self.valid(wire::Certificate::DEVICE_LIST, |facts| {
            let list = &facts.device_list;
            let more = list.truncated != 0;
            Some(DeviceList {
                denies: match list.behavior {
                    1 => false,
                    2 => true,
                    _ => return None,
                },
                exceptions: partial(&list.exceptions, list.count, more),
            })
        })?
    }

    /// The BPF programs that decide on devices for its cgroup of v2: each must allow it.
    pub fn device_programs(&self) -> Option<Partial<u32>> {
        self.valid(wire::Certificate::DEVICE_PROGRAMS, |facts| {
            let programs = &facts.device_programs;
            partial(&programs.ids, programs.count, programs.truncated != 0)
        })
    }

    /// Path given to exec; `None` in a snapshot.
    pub fn filename(&self) -> Option<KernelPath> {
        (self.0.filename[0] != 0).then(|| KernelPath::new(&self.0.filename))
    }
}

fn partial<T: Copy>(room: &[T], count: u32, more: bool) -> Partial<T> {
    let count = count as usize;
    Partial {
        items: room.iter().take(count).copied().collect(),
        truncated: more || count > room.len(),
    }
}

/// Numbers of the bits that are set in all the words, ascending.
pub(super) fn numbers<const N: usize>(mask: &[u64; N]) -> Vec<u32> {
    (0..)
        .zip(mask)
        .filter(|(_, bits)| **bits != 0)
        .flat_map(|(word, bits)| set_bits(*bits).map(move |bit| word * 64 + bit))
        .collect()
}

/// The same of processors and memory nodes that a task may use. Every task has one of each: a mask without any could not
/// be read.
pub(super) fn usable<const N: usize>(mask: &[u64; N]) -> Option<Vec<u32>> {
    Some(numbers(mask)).filter(|numbers| !numbers.is_empty())
}

/// Numbers of the bits that are set, ascending.
pub fn set_bits(bits: u64) -> impl Iterator<Item = u32> {
    let next = |left: &u64| Some(left & left.wrapping_sub(1));
    iter::successors(Some(bits), next)
        .take_while(|left| *left != 0)
        .map(u64::trailing_zeros)
}

#[cfg(test)]
mod tests {
    use tracer_common::record::CPU_WORDS;

    use super::super::sample;
    use super::*;

    #[test]
    fn a_fact_without_its_valid_bit_cannot_be_said() {
        let nothing = Certificate::from(sample::certificate_with(|facts| facts.valid = 0));
        assert_eq!(nothing.namespaces(), None);
        assert_eq!(nothing.cgroups(), None);
        assert_eq!(nothing.ids(), None);
        assert_eq!(nothing.securebits(), None);
        assert_eq!(nothing.capabilities(), None);
        assert_eq!(nothing.groups(), None);
        assert_eq!(nothing.uid_map(), None);
        assert_eq!(nothing.hostname(), None);
        assert_eq!(nothing.no_new_privs(), None);
        assert_eq!(nothing.seccomp_mode(), None);
        assert_eq!(nothing.seccomp_filters(), None);
        assert_eq!(nothing.memory(), None);
        assert_eq!(nothing.pids(), None);
        assert_eq!(nothing.cpu(), None);
        assert_eq!(nothing.cpus_allowed(), None);
        assert_eq!(nothing.cpuset_cpus(), None);
        assert_eq!(nothing.root(), None);
        assert_eq!(nothing.cwd(), None);
        assert_eq!(nothing.exe(), None);
        assert_eq!(nothing.rlimit(0), None);
        assert_eq!(nothing.descriptors(), None);
        assert_eq!(nothing.oom_score_adj(), None);
        assert_eq!(nothing.umask(), None);
        assert_eq!(nothing.ptrace_parent(), None);
        assert_eq!(nothing.session_keyring(), None);
        assert_eq!(nothing.time_offsets(), None);
        assert_eq!(nothing.device_list(), None);
        assert_eq!(nothing.device_programs(), None);
        assert_eq!(nothing.terminal(), None);
        assert_eq!(nothing.domainname(), None);
        assert_eq!(nothing.scheduling(), None);
        assert_eq!(nothing.io_priority(), None);
        assert_eq!(nothing.personality(), None);
        assert_eq!(nothing.memory_policy(), None);
        assert_eq!(nothing.cpuset_mems(), None);
    }

    #[test]
    fn each_valid_bit_opens_its_own_fact_only() {
        let only = |bit| Certificate::from(sample::certificate_with(|facts| facts.valid = bit));
        assert!(only(wire::Certificate::PIDS).pids().is_some());
        assert!(only(wire::Certificate::PIDS).memory().is_none());
        assert!(only(wire::Certificate::SECCOMP).seccomp_mode().is_some());
        assert!(only(wire::Certificate::SECCOMP).seccomp_filters().is_none());
    }

    #[test]
    fn processors_are_numbered_across_words() {
        let facts = sample::certificate_with(|facts| {
            facts.cpus_allowed = [0; CPU_WORDS];
            facts.cpus_allowed[0] = 0b101;
            facts.cpus_allowed[15] = 1 << 63;
        });
        assert_eq!(
            Certificate::from(facts).cpus_allowed(),
            Some(vec![0, 2, 1023])
        );
    }

    #[test]
    fn a_mask_without_a_processor_is_one_that_could_not_be_read() {
        let facts = Certificate::from(sample::certificate_with(|facts| {
            facts.cpus_allowed = [0; CPU_WORDS];
            facts.cpuset_cpus = [0; CPU_WORDS];
            facts.cpuset_mems.fill(0);
        }));
        assert_eq!(facts.cpus_allowed(), None);
        assert_eq!(facts.cpuset_cpus(), None);
        assert_eq!(facts.cpuset_mems(), None);
        assert_eq!(facts.limits().cpuset_cpus, None);
    }

    #[test]
    fn a_count_beyond_the_room_is_truncation_and_not_a_panic() {
        let facts = sample::certificate_with(|facts| {
            facts.group_count = u32::MAX;
            facts.uid_map.count = 6;
            facts.descriptor_count = 2;
            facts.descriptors_truncated = 1;
        });
        let certificate = Certificate::from(facts);
        assert!(certificate.groups().expect("valid").truncated);
        assert_eq!(certificate.uid_map().expect("valid").items.len(), 5);
        assert!(certificate.uid_map().expect("valid").truncated);
        assert!(certificate.descriptors().expect("valid").truncated);
    }

    #[test]
    fn a_resource_that_does_not_exist_has_no_limit() {
        let certificate = Certificate::from(sample::certificate());
        assert!(certificate.rlimit(15).is_some());
        assert_eq!(certificate.rlimit(16), None);
    }
}
