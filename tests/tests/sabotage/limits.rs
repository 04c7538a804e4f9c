//! Limits that are wider than asked for, narrower, or not set; of cgroups and of resources.

use rustix::thread::{CpuSet, sched_setaffinity};
use tracer::container::plan::Step;
use tracer::container::spec::Resources;
use tracer_tests::edit::{self, leave_out, leave_out_setting, replace, set};
use tracer_tests::need::affinity_outlasts_a_move;
use tracer_tests::shell::Shell;
use tracer_tests::spec::{NOFILE, everything, facts};
use tracer_tests::trial::Trial;

use crate::case::sabotage;

/// A limit of memory, as v1 and v2 call it; and so on.
const MEMORY: [&str; 2] = ["memory.limit_in_bytes", "memory.max"];
const PIDS: [&str; 1] = ["pids.max"];
const CPUSET: [&str; 1] = ["cpuset.cpus"];

/// Another quota and period, in microseconds.
fn set_cpu(plan: &mut tracer::container::Plan, quota: u64, period: u64) {
    if facts().hierarchy_of("cpu").expect("a cpu controller").id == 0 {
        set(plan, &["cpu.max"], &format!("{quota} {period}"));
    } else {
        set(plan, &["cpu.cfs_period_us"], &period.to_string());
        set(plan, &["cpu.cfs_quota_us"], &quota.to_string());
    }
}

/// The processors that this thread, and whom it clones, may run on.
fn stay_on(cpu: usize) {
    let mut cpus = CpuSet::new();
    cpus.set(cpu);
    sched_setaffinity(None, &cpus).expect("a processor of this machine");
}

/// Asks for these processors and nothing else of the cgroups; needs a machine with two.
fn on_processors(cpus: &[u32]) -> Trial {
    let mut spec = everything(&["/bin/true"]);
    spec.resources = Resources {
        cpuset_cpus: Some(cpus.to_vec()),
        ..Resources::default()
    };
    let trial = Trial::new(spec);
    assert!(
        trial.host.cpus_online.starts_with(&[0, 1]),
        "it takes processors 0 and 1"
    );
    trial
}

fn limits(
    sabotage: fn(&mut tracer::container::Plan),
    id: &'static str,
    seen: &'static str,
) -> Trial {
    let mut trial = Trial::new(everything(&["/bin/true"]));
    trial.sabotage(move |plan, aids| {
        sabotage(plan);
        aids.shows(id, seen);
    });
    trial
}

sabotage! {
    fn a_larger_memory_limit_fails_it_alone() fails ["memory.max"] {
        limits(|plan| set(plan, &MEMORY, "536870912"), "memory.max", "512 MiB")
    }
    fn a_smaller_memory_limit_fails_it_alone() fails ["memory.max"] {
        limits(|plan| set(plan, &MEMORY, "134217728"), "memory.max", "128 MiB")
    }
    fn no_memory_limit_fails_it_alone() fails ["memory.max"] {
        limits(|plan| leave_out_setting(plan, &MEMORY), "memory.max", "no limit")
    }
    /// While init is frozen.
    fn a_stranger_who_raises_the_memory_limit_before_the_gate_fails_it_alone() fails ["memory.max"] {
        let mut trial = Trial::new(everything(&["/bin/true"]));
        let id = trial.spec.id.clone();
        trial.sabotage(|plan, aids| {
            edit::hold(plan);
            aids.strangers.push(Shell::new());
            aids.shows("memory.max", "512 MiB");
        });
        let memory = trial.host.hierarchy_of("memory").expect("a memory controller").clone();
        trial.meanwhile(move |aids| {
            let directory = memory.mount_point.join(&id);
            let file = MEMORY.map(|file| directory.join(file)).into_iter().find(|file| file.exists());
            let file = file.expect("the limit's file");
            aids.strangers[0].does(&format!("echo 536870912 > {}", file.display()));
            aids.strangers[0].does(&edit::release(&id));
        });
        trial
    }
    fn a_larger_limit_of_tasks_fails_it_alone() fails ["pids.max"] {
        limits(|plan| set(plan, &PIDS, "65"), "pids.max", "65 tasks")
    }
    fn no_limit_of_tasks_fails_it_alone() fails ["pids.max"] {
        limits(|plan| leave_out_setting(plan, &PIDS), "pids.max", "no limit")
    }
    fn a_larger_quota_fails_cpu_time_alone() fails ["cpu.max"] {
        limits(|plan| set_cpu(plan, 60_000, 100_000), "cpu.max", "60000/100000 us")
    }
    fn the_same_share_in_another_period_fails_cpu_time_alone() fails ["cpu.max"] {
        limits(|plan| set_cpu(plan, 25_000, 50_000), "cpu.max", "25000/50000 us")
    }
    fn no_quota_fails_cpu_time_alone() fails ["cpu.max"] {
        limits(
            |plan| leave_out_setting(plan, &["cpu.cfs_quota_us", "cpu.max"]),
            "cpu.max",
            "no limit",
        )
    }
    /// Where a task may run follows from its cpuset, so both show it.
    fn a_larger_processor_set_fails_it_and_what_follows_from_it() fails
        ["cpuset.cpus", "cpus_allowed"]
    {
        let mut trial = on_processors(&[0]);
        trial.sabotage(|plan, aids| {
            set(plan, &CPUSET, "0-1");
            aids.shows("cpuset.cpus", "cpu 0-1");
            aids.shows("cpus_allowed", "also 1");
        });
        trial
    }
    /// Init's own affinity hides it: where it may run is as asked for.
    fn a_larger_processor_set_behind_an_affinity_fails_it_alone() fails ["cpuset.cpus"]
        before_6_2 ["cpuset.cpus", "cpus_allowed"]
    {
        let mut trial = on_processors(&[0]);
        trial.sabotage(|plan, aids| {
            set(plan, &CPUSET, "0-1");
            stay_on(0);
            aids.shows("cpuset.cpus", "cpu 0-1");
        });
        trial
    }
    fn an_affinity_that_nobody_asked_for_fails_the_allowed_processors_alone() fails
        ["cpus_allowed"] before_6_2 []
    {
        let mut trial = on_processors(&[0, 1]);
        trial.sabotage(|_, aids| {
            stay_on(1);
            if affinity_outlasts_a_move() {
                aids.shows("cpus_allowed", "lacks 0");
            }
        });
        trial
    }

    fn a_higher_hard_limit_fails_the_resource_alone() fails ["rlimit.nofile"] {
        limits(|plan| set_nofile(plan, 256, 1024), "rlimit.nofile", "256:1024")
    }
    fn another_soft_limit_fails_the_resource_alone() fails ["rlimit.nofile"] {
        limits(|plan| set_nofile(plan, 255, 512), "rlimit.nofile", "255:512")
    }
    fn leaving_out_a_resource_limit_fails_it_alone() fails ["rlimit.nofile"] {
        limits(
            |plan| leave_out(plan, |step| matches!(step, Step::Rlimit { resource: NOFILE, .. })),
            "rlimit.nofile",
            "it is not the one asked for",
        )
    }
}

fn set_nofile(plan: &mut tracer::container::Plan, soft: u64, hard: u64) {
    replace(plan, |step| match step {
        Step::Rlimit {
            resource: NOFILE, ..
        } => Some(vec![Step::Rlimit {
            resource: NOFILE,
            soft,
            hard,
        }]),
        _ => None,
    });
}
