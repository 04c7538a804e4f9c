//! How two checks relate: whether one makes the other needless, whether they can both hold. Owns
//! these two questions. Where it is not sure, both are answered with no: then both are judged.

use crate::container::spec::IdMapping;
use crate::expect::attribute::TerminalAsked;
use crate::expect::capability;
use crate::expect::check::{Check, SetName};
use crate::expect::condition::{Bound, Comparison, IdRule, PathPattern, Processors};
use crate::expect::reading::FileRule;

/// Whatever satisfies `one` satisfies `other`.
pub(super) fn implies(one: &Check, other: &Check) -> bool {
    if one == other {
        return true;
    }
    match (one, other) {
        (Check::NamespaceNew(one), Check::NamespacePrivate(other)) => one == other,
        (Check::IdMap { map, lines }, Check::RootIsNotHostRoot(other)) => {
            map == other && !maps_root(lines)
        }
        (
            Check::IdInside { map, rule },
            Check::IdInside {
                map: of,
                rule: less,
            },
        ) => map == of && matches!((rule, less), (IdRule::Exactly(1..), IdRule::NotRoot)),
        (Check::SeccompFilter, Check::SeccompFiltered) => true,
        (Check::OomScoreAdj(one), Check::OomScoreAdj(other)) => one.implies(other),
        (Check::CgroupPath(one), Check::CgroupPath(other)) => narrower(one, other),
        (Check::Terminal(one), Check::Terminal(TerminalAsked::Private)) => {
            matches!(one, TerminalAsked::None | TerminalAsked::Own)
        }
        (Check::Scheduler(one), Check::Scheduler(other)) => one.implies(other),
        (Check::IoPriority(one), Check::IoPriority(other)) => {
            one.class == other.class && other.level.is_none()
        }
        (Check::MemoryPolicy(one), Check::MemoryPolicy(other)) => one.implies(other),
        (Check::Devices(one), Check::Devices(other)) => one.implies(other),
        (Check::CgroupFile(one), Check::CgroupFile(other)) => match (&one[..], &other[..]) {
            ([one], [other]) if one.name == other.name => match (&one.rule, &other.rule) {
                (FileRule::Number(one), FileRule::Number(other)) => one.implies(other),
                _ => false,
            },
            _ => false,
        },
        _ => {
            amounts(one, other, Bound::implies, Bound::implies)
                || cpus(one, other, |one, other| {
                    !other.exact && subset(one.list, other.list)
                })
                || both(one, other, capability_rule, CapabilityRule::implies)
                || both(one, other, numbers, |one, other| {
                    one.what == other.what && subset(one.list, other.list)
                })
                || both(one, other, program, |one, other| last(one) == *other)
                || both(one, other, rlimit, Rlimit::implies)
        }
    }
}

/// Nothing satisfies both.
pub(super) fn excludes(one: &Check, other: &Check) -> bool {
    one != other && (excludes_as(one, other) || excludes_as(other, one))
}

fn excludes_as(one: &Check, other: &Check) -> bool {
    match (one, other) {
        (
            Check::NamespaceShared(one),
            Check::NamespaceNew(other) | Check::NamespacePrivate(other),
        ) => one == other,
        (Check::PayloadExec { program: one }, Check::PayloadExec { program: other }) => {
            last(one) != last(other)
        }
        // What was there to be joined was not made in this run.
        (Check::NamespaceIs { kind, .. }, Check::NamespaceNew(other)) => kind == other,
        (
            Check::NamespaceIs { kind, id },
            Check::NamespaceIs {
                kind: of,
                id: other,
            },
        ) => kind == of && id != other,
        (
            Check::IdMap { map, lines },
            Check::IdMap {
                map: of,
                lines: other,
            },
        ) => {
            let missing = |from: &[IdMapping], line: &IdMapping| !from.contains(line);
            map == of
                && (lines.iter().any(|line| missing(other, line))
                    || other.iter().any(|line| missing(lines, line)))
        }
        (Check::IdMap { map, lines }, Check::RootIsNotHostRoot(of)) => {
            map == of && maps_root(lines)
        }
        (Check::Cgroup { hierarchy, .. }, Check::Cgroup { hierarchy: of, .. }) => hierarchy == of,
        (Check::CgroupPath(one), Check::CgroupPath(other)) => apart(one, other),
        (Check::CgroupPath(PathPattern::Exactly(path)), Check::CgroupPrivate) => path == "/",
        (Check::MemoryMax(_), Check::MemoryMax(_))
        | (Check::PidsMax(_), Check::PidsMax(_))
        | (Check::CpuMax { .. }, Check::CpuMax { .. })
        | (Check::Ids { .. }, Check::Ids { .. })
        | (Check::Groups(_), Check::Groups(_))
        | (Check::Securebits(_), Check::Securebits(_))
        | (Check::NoNewPrivs, Check::NoNewPrivsUnset)
        | (Check::SeccompUnconfined, Check::SeccompFilter | Check::SeccompFiltered)
        | (Check::Umask(_), Check::Umask(_))
        | (Check::Personality(_), Check::Personality(_))
        | (Check::Domainname(_), Check::Domainname(_))
        | (Check::Terminal(TerminalAsked::None), Check::Terminal(TerminalAsked::Own))
        | (Check::Hostname(_), Check::Hostname(_)) => true,
        (Check::TimeOffset { clock, .. }, Check::TimeOffset { clock: of, .. }) => clock == of,
        (Check::Groups(Some(groups)), Check::GroupsWithin(within)) => {
            !groups.is_empty() && within.is_empty()
        }
        (
            Check::IdInside { map, rule },
            Check::IdInside {
                map: of,
                rule: other,
            },
        ) => {
            let can = match (rule, other) {
                (IdRule::Exactly(one), IdRule::Exactly(other)) => one == other,
                (IdRule::Exactly(id), IdRule::NotRoot) => *id != 0,
                (IdRule::NotRoot, _) => true,
            };
            map == of && !can
        }
        (Check::OomScoreAdj(one), Check::OomScoreAdj(other)) => one.excludes(other),
        (Check::Scheduler(one), Check::Scheduler(other)) => one.excludes(other),
        (Check::IoPriority(one), Check::IoPriority(other)) => {
            let levels = one.level.zip(other.level);
            one.class != other.class || levels.is_some_and(|(one, other)| one != other)
        }
        (Check::MemoryPolicy(one), Check::MemoryPolicy(other)) => one.excludes(other),
        (Check::Devices(one), Check::Devices(other)) => one.excludes(other),
        (Check::Mount(one), Check::Mount(other)) => one.target == other.target,
        _ => {
            amounts(one, other, Bound::excludes, Bound::excludes)
                || cpus(one, other, |one, other| match (one.exact, other.exact) {
                    (true, true) => one.list != other.list,
                    (true, false) => !subset(one.list, other.list),
                    // A task runs somewhere, and has memory from somewhere.
                    (false, false) => one.list.iter().all(|cpu| !other.list.contains(cpu)),
                    (false, true) => false,
                })
                || both(one, other, capability_rule, CapabilityRule::excludes)
                || both(one, other, program, |one, other| {
                    if one.contains('/') && other.contains('/') {
                        one != other
                    } else {
                        last(one) != last(other)
                    }
                })
                || both(one, other, rlimit, Rlimit::excludes)
                || readings_exclude(one, other)
        }
    }
}

/// Of what stands in files of the kernel's.
fn readings_exclude(one: &Check, other: &Check) -> bool {
    match (one, other) {
        (Check::Sysctl { key, .. }, Check::Sysctl { key: of, .. }) => key == of,
        (Check::Label { module, .. }, Check::Label { module: of, .. }) => module == of,
        (Check::DeviceNode(one), Check::DeviceNode(other)) => {
            one.path == other.path
                && (one.kind != other.kind
                    || apart_if_both(one.device, other.device)
                    || apart_if_both(one.mode, other.mode)
                    || apart_if_both(one.uid, other.uid)
                    || apart_if_both(one.gid, other.gid))
        }
        (Check::CgroupFile(one), Check::CgroupFile(other)) => match (&one[..], &other[..]) {
            ([one], [other]) if one.name == other.name => match (&one.rule, &other.rule) {
                (FileRule::Number(one), FileRule::Number(other)) => one.excludes(other),
                (FileRule::Set(one), FileRule::Set(other)) => one != other,
                _ => false,
            },
            _ => false,
        },
        _ => false,
    }
}

fn apart_if_both<T: PartialEq>(one: Option<T>, other: Option<T>) -> bool {
    matches!((one, other), (Some(one), Some(other)) if one != other)
}

/// Both are of a kind, and so related.
fn both<'a, T>(
    one: &'a Check,
    other: &'a Check,
    read: impl Fn(&'a Check) -> Option<T>,
    related: impl FnOnce(&T, &T) -> bool,
) -> bool
where
    T: 'a,
{
    matches!((read(one), read(other)), (Some(one), Some(other)) if related(&one, &other))
}

fn subset(one: &[u32], other: &[u32]) -> bool {
    one.iter().all(|member| other.contains(member))
}

fn maps_root(lines: &[IdMapping]) -> bool {
    lines
        .iter()
        .any(|line| line.inside == 0 && line.outside == 0 && line.count > 0)
}

/// What an exact limit of the own cgroup says of the one in force, and a bound says itself. Only
/// a bound can be implied: it says nothing of whose limit it is.
fn amounts(
    one: &Check,
    other: &Check,
    whole: impl Fn(&Bound<u64>, &Bound<u64>) -> bool,
    share: impl Fn(&Bound<Processors>, &Bound<Processors>) -> bool,
) -> bool {
    let at_most = |value| Bound::new(Comparison::AtMost, value);
    match (one, other) {
        (Check::MemoryBound(one), Check::MemoryBound(other)) => {
            whole(&one.in_pages(), &other.in_pages())
        }
        (Check::MemoryMax(own), Check::MemoryBound(other)) => {
            whole(&at_most(*own), &other.in_pages())
        }
        (Check::PidsBound(one), Check::PidsBound(other)) => whole(one, other),
        (Check::PidsMax(own), Check::PidsBound(other)) => whole(&at_most(*own), other),
        (Check::CpuBound(one), Check::CpuBound(other)) => share(one, other),
        (
            Check::CpuMax {
                quota_ns,
                period_ns,
            },
            Check::CpuBound(other),
        ) => {
            let value = Processors {
                quota: *quota_ns,
                period: *period_ns,
            };
            share(&Bound::new(Comparison::AtMost, value), other)
        }
        _ => false,
    }
}

/// A list of processors or of memory nodes; nothing follows for each other of the cpuset and of the
/// scheduler, nor of processors and of nodes.
struct Cpus<'a> {
    what: &'static str,
    list: &'a [u32],
    exact: bool,
}

fn cpus_of(check: &Check) -> Option<Cpus<'_>> {
    let (what, list, exact) = match check {
        Check::CpusetCpus(list) => ("cpuset.cpus", list, true),
        Check::CpusetWithin(list) => ("cpuset.cpus", list, false),
        Check::CpusAllowed(list) => ("cpus_allowed", list, true),
        Check::CpusAllowedWithin(list) => ("cpus_allowed", list, false),
        Check::CpusetMems(list) => ("cpuset.mems", list, true),
        Check::CpusetMemsWithin(list) => ("cpuset.mems", list, false),
        _ => return None,
    };
    Some(Cpus { what, list, exact })
}

fn cpus(one: &Check, other: &Check, related: impl Fn(&Cpus<'_>, &Cpus<'_>) -> bool) -> bool {
    both(one, other, cpus_of, |one, other| {
        one.what == other.what && related(one, other)
    })
}

/// A rule for one capability set.
#[derive(Clone, Copy)]
struct CapabilityRule {
    set: SetName,
    /// Bits that must be unset.
    unset: u64,
    /// Bits that must be set.
    must: u64,
}

fn capability_rule(check: &Check) -> Option<CapabilityRule> {
    let (set, unset, must) = match *check {
        Check::Capabilities { set, asked, mask } => (set, mask & !asked, mask & asked),
        Check::CapabilitiesWithin { set, allowed } => (set, capability::KNOWN & !allowed, 0),
        Check::CapabilitiesWithout { set, denied } => (set, capability::KNOWN & denied, 0),
        _ => return None,
    };
    Some(CapabilityRule { set, unset, must })
}

impl CapabilityRule {
    fn implies(&self, other: &Self) -> bool {
        self.set == other.set && other.unset & !self.unset == 0 && other.must & !self.must == 0
    }

    fn excludes(&self, other: &Self) -> bool {
        self.set == other.set && (self.must & other.unset != 0 || other.must & self.unset != 0)
    }
}

/// Numbers that may be there, but need not.
struct Numbers<'a> {
    what: &'static str,
    list: &'a [u32],
}

fn numbers(check: &Check) -> Option<Numbers<'_>> {
    let (what, list) = match check {
        Check::GroupsWithin(list) => ("groups", list.as_slice()),
        // Of none it does not matter who counts.
        Check::Groups(Some(list)) if list.is_empty() => ("groups", &[][..]),
        Check::Descriptors => ("descriptors", &[][..]),
        Check::DescriptorsWithin(list) => ("descriptors", list.as_slice()),
        _ => return None,
    };
    Some(Numbers { what, list })
}

/// A resource limit; `None` = whatever it is.
struct Rlimit {
    resource: u32,
    soft: Option<Bound<u64>>,
    hard: Option<Bound<u64>>,
}

fn rlimit(check: &Check) -> Option<Rlimit> {
    let exactly = |value| Some(Bound::new(Comparison::Exactly, value));
    let (resource, soft, hard) = match *check {
        Check::Rlimit {
            resource,
            soft,
            hard,
        } => (resource, exactly(soft), exactly(hard)),
        Check::RlimitBound {
            resource,
            soft,
            hard,
        } => (resource, soft, hard),
        _ => return None,
    };
    Some(Rlimit {
        resource,
        soft,
        hard,
    })
}

impl Rlimit {
    fn implies(&self, other: &Self) -> bool {
        let enough = |own: Option<Bound<u64>>, asked: Option<Bound<u64>>| match asked {
            None => true,
            Some(asked) => own.is_some_and(|own| own.implies(&asked)),
        };
        self.resource == other.resource
            && enough(self.soft, other.soft)
            && enough(self.hard, other.hard)
    }

    fn excludes(&self, other: &Self) -> bool {
        let no = |one: Option<Bound<u64>>, other: Option<Bound<u64>>| matches!((one, other), (Some(one), Some(other)) if one.excludes(&other));
        self.resource == other.resource && (no(self.soft, other.soft) || no(self.hard, other.hard))
    }
}

fn program(check: &Check) -> Option<&str> {
    match check {
        Check::Program(program) => Some(program),
        _ => None,
    }
}

fn last(program: &str) -> &str {
    program.rsplit('/').next().unwrap_or(program)
}

/// A path or suffix that fits what the other asks.
fn narrower(one: &PathPattern, other: &PathPattern) -> bool {
    match (one, other) {
        (PathPattern::Exactly(path), other) => other.matches(path),
        (PathPattern::Suffix(one), PathPattern::Suffix(_)) => other.matches(one),
        _ => false,
    }
}

fn apart(one: &PathPattern, other: &PathPattern) -> bool {
    match (one, other) {
        (PathPattern::Exactly(path), other) => !other.matches(path),
        (PathPattern::Suffix(own), PathPattern::Suffix(asked)) => {
            !one.matches(asked) && !other.matches(own)
        }
        _ => false,
    }
}
