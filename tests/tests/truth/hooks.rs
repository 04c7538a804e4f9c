//! The hooks themselves: each way of attaching tells the same, and none costs more to load than
//! it may.

use std::collections::BTreeMap;

use tracer::collect::Options;
use tracer::collect::hooks::Way;
use tracer::event::{Body, Event};
use tracer::session::Session;
use tracer::verdict::Verdict;
use tracer_tests::cgroup::{Leftover, any_hierarchy};
use tracer_tests::require_root;
use tracer_tests::shell::Shell;
use tracer_tests::spec::{everything, new_id};
use tracer_tests::trial::Trial;

/// What the verifier may walk at most, of all programs of one way together: loading takes time
/// in proportion.
const VERIFIED: u32 = 100_000;

fn options(fallback: bool) -> Options {
    Options {
        fallback,
        ..Options::for_this_process()
    }
}

/// What each process did, in the order in which they appear: numbers of this run alone are left
/// out, what the kernel said of namespaces and cgroups is kept as whether it is the host's.
fn scenario(fallback: bool) -> Vec<Vec<String>> {
    require_root();
    let mut session = Session::start(options(fallback)).expect("a session");
    let host = session.observation.host().expect("tracer's own").clone();
    let cgroup = Leftover::make(any_hierarchy().mount_point.join(new_id()));
    let mut shell = Shell::new();
    shell.does(&format!(
        "echo 0 > {}/cgroup.procs",
        cgroup.path().display()
    ));
    shell.does(&format!(
        "mkdir {0}/inner && rmdir {0}/inner",
        cgroup.path().display()
    ));
    shell.becomes("--mount --uts --ipc");
    shell.does("mount -t tmpfs none /mnt");
    shell.does("umount /mnt");
    shell.does("(exit 3) || true");
    drop(shell);
    drop(cgroup);
    session.settle().expect("counters");
    let mut order: BTreeMap<u32, usize> = BTreeMap::new();
    let mut told: Vec<Vec<String>> = Vec::new();
    for step in &session.steps {
        let next = order.len();
        let index = *order.entry(step.event.task.tid.0).or_insert(next);
        told.resize(order.len(), Vec::new());
        told[index].push(format!(
            "{} {}",
            words(&step.event, &host),
            step.changes.len()
        ));
    }
    // Which of two processes comes first is the scheduler's affair.
    told.sort();
    told
}

fn words(event: &Event, host: &tracer::event::Certificate) -> String {
    let (namespaces, cgroups) = match &event.body {
        Body::Fork(fork) => (Some(fork.namespaces), Some(fork.cgroups.clone())),
        Body::Exec(exec) => (exec.certificate.namespaces(), exec.certificate.cgroups()),
        Body::Namespace(call) => (Some(call.namespaces), None),
        _ => (None, None),
    };
    let own = namespaces.map(|set| {
        let host = host.namespaces().expect("namespaces");
        host.changes_to(&set)
            .map(|(slot, ..)| slot.name())
            .collect::<Vec<_>>()
    });
    let elsewhere = cgroups.map(|set| {
        let host = host.cgroups().expect("cgroups");
        set.members
            .iter()
            .filter(|one| !host.members.contains(one))
            .count()
    });
    let detail = match &event.body {
        Body::Fork(fork) => format!("{:#x}", fork.flags),
        Body::Exec(exec) => {
            let facts = exec.certificate.wire();
            let path = exec.certificate.filename().expect("a path");
            format!(
                "{} valid {:#x}, {} open",
                path.text, facts.valid, facts.descriptor_count
            )
        }
        Body::Exit(exit) => format!("{} {}", exit.status(), exit.group_dead),
        // The second argument is unshare's not: it is what was in the register.
        Body::Namespace(call) => format!("{} {:#x}", call.ret, call.arguments[0]),
        Body::CgroupMkdir(made) | Body::CgroupRmdir(made) => {
            format!("level {}", made.cgroup.level)
        }
        Body::CgroupAttach(attach) => format!("whole {}", attach.threadgroup),
        Body::Syscall(call) => format!("{} {}", call.ret, call.path.text),
        Body::Snapshot(_) | Body::TaskSeen(_) | Body::Unknown(_) => String::new(),
    };
    format!("{} {detail} {own:?} {elsewhere:?}", event.body.name())
}

#[test]
#[ignore = "needs root"]
fn the_fallback_of_every_hook_tells_the_same() {
    assert_eq!(scenario(false), scenario(true));
}

#[test]
#[ignore = "needs root"]
fn a_run_passes_by_the_fallbacks_too() {
    let mut trial = Trial::new(everything(&["/bin/true"]));
    trial.collect.fallback = true;
    let (outcome, _) = trial.run();
    for choice in &outcome.session.hooks {
        let way = if choice.name == "task" {
            Way::Iter
        } else {
            Way::RawTp
        };
        assert_eq!(choice.chosen, Some(way), "{choice:?}");
    }
    assert_eq!(outcome.judgement.verdict, Verdict::Pass);
}

#[test]
#[ignore = "needs root"]
fn what_the_verifier_walks_stays_under_a_bound() {
    require_root();
    for fallback in [false, true] {
        let mut session = Session::start(options(fallback)).expect("a session");
        assert!(session.observation.unattached.is_empty());
        let walked = session.collector.verified_instructions().expect("counts");
        let programs = tracer::collect::hooks::HOOKS.len();
        assert_eq!(walked.len(), programs, "{walked:?}");
        let sum: u32 = walked.iter().map(|(_, count)| count).sum();
        println!("{sum} instructions: {walked:?}");
        assert!((1..VERIFIED).contains(&sum), "{walked:?}");
    }
}
