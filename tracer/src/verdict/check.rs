//! One check for each kind of expectation, a file for each field. Owns the choice of the check.

mod cgroup;
mod credential;
mod files;
mod limit;
mod mount;
mod namespace;
mod run;

use crate::expect::Check;

use super::finding::{Facts, Finding};

/// Looks at what `check` asks for. Losses are weighed by the caller.
pub(super) fn find(check: &Check, facts: &Facts<'_>) -> Finding {
    match check {
        Check::NamespaceNew(kind) => namespace::new(*kind, facts),
        Check::NamespaceShared(kind) => namespace::shared(*kind, facts),
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
        Check::Descriptors => files::descriptors(facts),
        Check::Rlimit {
            resource,
            soft,
            hard,
        } => limit::rlimit(*resource, *soft, *hard, facts),
        Check::Hostname(name) => files::hostname(name, facts),
        Check::Mount(asked) => mount::asked(asked, facts),
        Check::HostMountsReadOnly { except } => mount::host_read_only(except, facts),
        Check::PayloadExec { program } => run::payload_exec(program, facts),
        Check::Complete => run::complete(facts),
    }
}
