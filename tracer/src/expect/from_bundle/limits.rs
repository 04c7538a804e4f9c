//! Limits that a bundle asks for: of its cgroup and of its process. Owns what counts as no limit.

use oci_spec::runtime::{LinuxResources, Spec};

use crate::event::certificate::UNLIMITED;
use crate::host::HostFacts;

use super::super::wording::{bytes_text, cpu_text, cpu_time_text};
use super::super::{Check, cpu_list, rlimit};
use super::{BundleError, List};

/// The kernel's default for CPU bandwidth, in microseconds.
const PERIOD: u64 = 100_000;

pub(super) fn all(spec: &Spec, host: &HostFacts, list: &mut List) -> Result<(), BundleError> {
    let linux = spec.linux().as_ref();
    if let Some(resources) = linux.and_then(|linux| linux.resources().as_ref()) {
        cgroup(resources, host, list);
        processors(resources, list)?;
    }
    let process = spec.process().as_ref();
    for limit in process
        .and_then(|process| process.rlimits().as_ref())
        .into_iter()
        .flatten()
    {
        // As in `RLIMIT_NOFILE`.
        let name = limit.typ().to_string().to_lowercase();
        let name = name.strip_prefix("rlimit_").unwrap_or(&name);
        let Some(resource) = rlimit::number(name) else {
            continue;
        };
        let (soft, hard) = (limit.soft(), limit.hard());
        let text = format!("{}:{}", rlimit::value(soft), rlimit::value(hard));
        let check = Check::Rlimit {
            resource,
            soft,
            hard,
        };
        list.add(format!("rlimit.{name}"), text, "process.rlimits", check);
    }
    Ok(())
}

/// An amount; 0 is not asked for, and -1 asks for no limit.
fn amount(value: Option<i64>) -> Option<u64> {
    match value? {
        0 => None,
        value => Some(u64::try_from(value).unwrap_or(UNLIMITED)),
    }
}

fn cgroup(resources: &LinuxResources, host: &HostFacts, list: &mut List) {
    let memory = resources.memory().as_ref();
    if let Some(limit) = memory.and_then(|memory| amount(memory.limit())) {
        // The kernel counts pages: page_counter_memparse() divides (mm/page_counter.c).
        let (limit, text) = if limit == UNLIMITED {
            (limit, "no limit".to_owned())
        } else {
            let whole = limit - limit % host.page_size.max(1);
            (whole, bytes_text(whole))
        };
        let property = "linux.resources.memory.limit";
        list.add("memory.max", text, property, Check::MemoryMax(limit));
    }
    let pids = resources.pids().as_ref();
    if let Some(limit) = pids.and_then(|pids| amount(Some(pids.limit()))) {
        let text = if limit == UNLIMITED {
            "no limit".to_owned()
        } else {
            format!("{limit} tasks")
        };
        let property = "linux.resources.pids.limit";
        list.add("pids.max", text, property, Check::PidsMax(limit));
    }
    let Some(cpu) = resources.cpu() else {
        return;
    };
    let quota = amount(cpu.quota()).filter(|quota| *quota != UNLIMITED);
    if let Some(quota) = quota {
        let period = cpu.period().filter(|period| *period > 0);
        let period = period.unwrap_or(PERIOD);
        let check = Check::CpuMax {
            quota_ns: quota.saturating_mul(1000),
            period_ns: period.saturating_mul(1000),
        };
        let text = cpu_time_text(quota, period);
        list.add("cpu.max", text, "linux.resources.cpu.quota", check);
    }
}

fn processors(resources: &LinuxResources, list: &mut List) -> Result<(), BundleError> {
    let property = "linux.resources.cpu.cpus";
    let asked = resources.cpu().as_ref().and_then(|cpu| cpu.cpus().as_ref());
    let Some(asked) = asked.filter(|asked| !asked.is_empty()) else {
        return Ok(());
    };
    let cpus = cpu_list(asked).ok_or_else(|| BundleError::Value {
        property,
        value: asked.clone(),
        must: "a list of processors as in 0-3,8",
    })?;
    let text = cpu_text(&cpus);
    let check = Check::CpusetCpus(cpus.clone());
    list.add("cpuset.cpus", text.clone(), property, check);
    list.add("cpus_allowed", text, property, Check::CpusAllowed(cpus));
    Ok(())
}
