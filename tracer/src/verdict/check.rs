//! One check for each kind of expectation, a file for each field. Owns the choice of the check.

mod attribute;
mod cgroup;
mod credential;
mod device;
mod files;
mod inside;
mod limit;
mod mount;
mod namespace;
mod reading;
mod run;
mod schedule;
mod walk;

use crate::expect::Check;

use super::finding::{Facts, Finding};

/// Looks at what `check` asks for. Losses are weighed by the caller.
pub(super) fn find(check: &Check, facts: &Facts<'_>) -> Finding {
    match check {
        Check::NamespaceNew(kind) => namespace::new(*kind, facts),
        Check::NamespaceShared(kind) => namespace::shared(*kind, facts),
        Check::NamespacePrivate(kind) => namespace::private(*kind, facts),
        Check::NamespaceIs { kind, id } => namespace::is(*kind, *id, facts),
        Check::RootIsNotHostRoot(map) => inside::root(*map, facts),
        Check::CgroupPrivate => cgroup::private(facts),
        Check::CgroupPath(pattern) => cgroup::path(pattern, facts),
        Check::MemoryBound(bound) => limit::memory_bound(*bound, facts),
        Check::PidsBound(bound) => limit::pids_bound(*bound, facts),
        Check::CpuBound(bound) => limit::cpu_bound(*bound, facts),
        Check::CpusetWithin(cpus) => limit::cpuset_within(cpus, facts),
        Check::CpusAllowedWithin(cpus) => limit::cpus_allowed_within(cpus, facts),
        Check::CapabilitiesWithin { set, allowed } => {
            credential::capabilities_without(*set, !*allowed, facts)
        }
        Check::CapabilitiesWithout { set, denied } => {
            credential::capabilities_without(*set, *denied, facts)
        }
        Check::IdInside { map, rule } => inside::id(*map, *rule, facts),
        Check::GroupsWithin(groups) => inside::groups(groups, facts),
        Check::NoNewPrivsUnset => credential::no_new_privs_unset(facts),
        Check::SeccompFiltered => credential::seccomp_filtered(facts),
        Check::RlimitBound {
            resource,
            soft,
            hard,
        } => limit::rlimit_bound(*resource, *soft, *hard, facts),
        Check::Program(program) => run::program(program, facts),
        Check::Drift => run::drift(facts),
        Check::IdMap { map, lines } => credential::id_map(*map, lines, facts),
        Check::Cgroup {
            hierarchy,
            name,
            way,
        } => cgroup::member(*hierarchy, name, *way, facts),
        Check::MemoryMax(bytes) => limit::memory(*bytes, facts),
        Check::PidsMax(tasks) => limit::pids(*tasks, facts),
        Check::CpuMax {
            quota_ns,
            period_ns,
        } => limit::cpu(*quota_ns, *period_ns, facts),
        Check::CpusetCpus(cpus) => limit::cpuset(cpus, facts),
        Check::CpusAllowed(cpus) => limit::cpus_allowed(cpus, facts),
        Check::Capabilities { set, asked, mask } => {
            credential::capabilities(*set, *asked, *mask, facts)
        }
        Check::Ids { uid, gid } => credential::ids(*uid, *gid, facts),
        Check::Groups(groups) => credential::groups(groups.as_deref(), facts),
        Check::Securebits(bits) => credential::securebits(*bits, facts),
        Check::NoNewPrivs => credential::no_new_privs(facts),
        Check::SeccompFilter => credential::seccomp_filter(facts),
        Check::SeccompUnconfined => credential::seccomp_unconfined(facts),
        Check::RootPivoted => files::root_pivoted(facts),
        Check::RootNotHost => files::root_not_host(facts),
        Check::RootReadOnly => files::root_read_only(facts),
        Check::Cwd => files::cwd(facts),
        Check::Exe => files::exe(facts),
        Check::Descriptors => files::descriptors(&[], facts),
        Check::DescriptorsWithin(allowed) => files::descriptors(allowed, facts),
        Check::Rlimit {
            resource,
            soft,
            hard,
        } => limit::rlimit(*resource, *soft, *hard, facts),
        Check::OomScoreAdj(bound) => attribute::oom_score_adj(*bound, facts),
        Check::Umask(bits) => attribute::umask(*bits, facts),
        Check::SessionKeyringPrivate => attribute::session_keyring(facts),
        Check::TimeOffset { clock, offset } => attribute::time_offset(*clock, *offset, facts),
        Check::Terminal(asked) => attribute::terminal(*asked, facts),
        Check::Scheduler(asked) => schedule::scheduler(asked, facts),
        Check::IoPriority(asked) => schedule::io_priority(*asked, facts),
        Check::Personality(asked) => attribute::personality(*asked, facts),
        Check::MemoryPolicy(asked) => schedule::memory_policy(asked, facts),
        Check::CpusetMems(nodes) => schedule::cpuset_mems(nodes, facts),
        Check::CpusetMemsWithin(nodes) => schedule::cpuset_mems_within(nodes, facts),
        Check::Devices(asked) => device::devices(asked, facts),
        Check::CgroupFile(asked) => reading::cgroup_file(asked, facts),
        Check::Sysctl { key, value } => reading::sysctl(key, value, facts),
        Check::DeviceNode(asked) => reading::device_node(asked, facts),
        Check::NetDevice(name) => reading::net_device(name, facts),
        Check::Label { module, label } => reading::label(*module, label, facts),
        Check::Hostname(name) => files::hostname(name, facts),
        Check::Domainname(name) => attribute::domainname(name, facts),
        Check::Mount(asked) => mount::asked(asked, facts),
        Check::MountRule(rule) => walk::rule(rule, facts),
        Check::PathMasked { path, absent } => walk::masked(path, *absent, facts),
        Check::PathReadOnly { path, absent } => walk::read_only(path, *absent, facts),
        Check::RootPropagation(mode) => walk::root_propagation(*mode, facts),
        Check::HostMountsReadOnly { except } => mount::host_read_only(except, facts),
        Check::PayloadExec { program } => run::payload_exec(program, facts),
        Check::Complete => run::complete(facts),
    }
}
