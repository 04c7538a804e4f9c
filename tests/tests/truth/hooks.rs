//! The hooks themselves: each way of attaching tells the same, what rests on one that is missing is
//! inconclusive, and none costs more to load than it may.

use std::collections::BTreeMap;
use std::fs;

use tracer::collect::cast::Reads;
use tracer::collect::hooks::{HOOKS, Way};
use tracer::collect::wanted::Wants;
use tracer::collect::{CollectError, Collector, Options};
use tracer::event::{Body, Event};
use tracer::run::Outcome;
use tracer::session::Session;
use tracer::verdict::Verdict;
use tracer_tests::cgroup::{Leftover, any_hierarchy};
use tracer_tests::need;
use tracer_tests::require_root;
use tracer_tests::shell::Shell;
use tracer_tests::spec::{everything, new_id};
use tracer_tests::trial::Trial;

/// What the verifier may walk at most, of all programs of one way together: loading takes time
/// in proportion.
const VERIFIED: u32 = 50_000;

/// With hooks as `--hooks` has them.
fn options(hooks: &str) -> Options {
    Options {
        hooks: wants(hooks),
        ..Options::for_this_process()
    }
}

/// Nothing is asked for where the text is empty.
fn wants(hooks: &str) -> Wants {
    if hooks.is_empty() {
        return Wants::default();
    }
    hooks.parse().expect(hooks)
}

/// Every hook with each of its ways that tell all, as `--hooks` has it.
fn single_ways() -> impl Iterator<Item = (&'static str, Way)> {
    let means = |hook: &'static tracer::collect::hooks::Hook| {
        let whole = hook.ways.iter().filter(|means| means.lacks.is_empty());
        whole.map(|means| (hook.name, means.way))
    };
    HOOKS.iter().flat_map(means)
}

/// What each process did, in the order in which they appear: numbers of this run alone are left
/// out, what the kernel said of namespaces and cgroups is kept as whether it is the host's.
fn scenario(hooks: &str) -> Vec<Vec<String>> {
    require_root();
    let mut session = Session::start(&options(hooks)).expect("a session");
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
    let told_by_others = |step: &&tracer::session::Step| !leaves_out(hooks, &step.event.body);
    for step in session.steps.iter().filter(told_by_others) {
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
        Body::Snapshot(_)
        | Body::TaskSeen(_)
        | Body::DeviceProgram(_)
        | Body::Lineage(_)
        | Body::Unknown(_) => String::new(),
    };
    format!("{} {detail} {own:?} {elsewhere:?}", event.body.name())
}

/// What a scenario leaves out that is to be compared with what fexit tells.
fn leaves_out(hooks: &str, body: &Body) -> bool {
    hooks == AS_FEXIT && matches!(body, Body::Syscall(_))
}

/// The usual way, without what fexit does not tell.
const AS_FEXIT: &str = "sys_exit=tp_btf";

fn run(hooks: &str) -> Outcome {
    let mut trial = Trial::new(everything(&["/bin/true"]));
    trial.collect.hooks = wants(hooks);
    trial.run().0
}

/// Which items of a run are inconclusive.
fn inconclusive(outcome: &Outcome) -> Vec<&str> {
    let items = outcome.judgement.items.iter();
    for item in items.clone() {
        assert_ne!(item.verdict, Verdict::Fail, "{item:?}");
    }
    let unknown = items.filter(|item| item.verdict == Verdict::Inconclusive);
    unknown.map(|item| &*item.id).collect()
}

#[test]
#[ignore = "needs root"]
fn the_fallback_of_every_hook_tells_the_same() {
    assert_eq!(scenario(""), scenario("raw_tp"));
}

#[test]
#[ignore = "needs root"]
fn each_way_of_each_hook_by_itself_tells_the_same() {
    let usual = scenario("");
    for (hook, way) in single_ways() {
        let hooks = format!("{hook}={}", way.name());
        if hooks != AS_FEXIT {
            assert_eq!(scenario(&hooks), usual, "{hooks}");
        }
    }
}

/// How programs read, with this asked for; `None` where the kernel cannot do that, or would panic.
fn reads(hooks: &str) -> Option<Reads> {
    match Collector::start(&options(hooks)) {
        Ok(collector) => Some(collector.reads.chosen),
        Err(CollectError::Reads(_) | CollectError::Interpreted) => None,
        Err(error) => panic!("{error}"),
    }
}

#[test]
#[ignore = "needs root"]
fn reading_by_instructions_and_by_the_helper_tells_the_same() {
    // bpf_rdonly_cast came with 6.2.
    let best = if need::kernel_is_at_least((6, 2)) {
        Reads::Instruction
    } else {
        Reads::Helper
    };
    assert_eq!(reads(""), Some(best));
    assert_eq!(reads("reads=helper"), Some(Reads::Helper));
    let by_instruction = (best == Reads::Instruction).then_some(best);
    assert_eq!(reads("reads=instruction"), by_instruction);
    let usual = scenario("");
    assert_eq!(scenario("reads=helper"), usual);
    assert_eq!(scenario("reads=helper,raw_tp"), usual);
    assert_eq!(run("reads=helper").judgement.verdict, Verdict::Pass);
}

/// Whether programs are compiled, and not interpreted.
const COMPILED: &str = "/proc/sys/net/core/bpf_jit_enable";

/// An interpreter takes no calls of the kernel's functions, whatever the kernel's BTF says. That of arm64 is given no
/// program at all: 6.12 panics on its first call of `bpf_get_current_task`.
#[test]
#[ignore = "needs root"]
fn where_programs_are_interpreted_they_read_by_the_helper() {
    let usual = reads("");
    if fs::write(COMPILED, "0").is_err() {
        println!("skipped: this kernel interprets no programs");
        return;
    }
    let interpreted = (reads(""), reads("reads=instruction"));
    fs::write(COMPILED, "1").expect("as before");
    let expected = cfg!(target_arch = "x86_64").then_some(Reads::Helper);
    assert_eq!(interpreted, (expected, None));
    assert_eq!(reads(""), usual);
}

#[test]
#[ignore = "needs root"]
fn a_run_passes_by_the_fallbacks_too() {
    let outcome = run("raw_tp");
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
fn a_run_comes_to_the_same_verdicts_by_each_way_of_each_hook() {
    let verdicts = |outcome: &Outcome| {
        let items = outcome.judgement.items.iter();
        items
            .map(|item| (item.id.clone(), item.verdict))
            .collect::<Vec<_>>()
    };
    let usual = run("");
    assert_eq!(usual.judgement.verdict, Verdict::Pass);
    for (hook, way) in single_ways() {
        let outcome = run(&format!("{hook}={}", way.name()));
        let mut choices = outcome.session.hooks.iter();
        let choice = choices.find(|choice| choice.name == hook).expect("there");
        assert_eq!(choice.chosen, Some(way), "{choice:?}");
        assert_eq!(verdicts(&outcome), verdicts(&usual), "{choice:?}");
    }
}

/// Whether an item of a run rests on this hook. The gate stays shut where one of those that are
/// judged there does, and then there was no exec to be seen.
fn rests_on(hook: &str, item: &str) -> bool {
    let (namespace, cgroup) = (item.starts_with("namespace."), item.starts_with("cgroup."));
    match hook {
        "sched_process_exit" => item == "complete",
        "task_newtask" => namespace || cgroup || ["payload.exec", "complete"].contains(&item),
        // All but what is read from elsewhere than its certificate.
        "sched_process_exec" => !item.starts_with("mount") && item != "complete",
        "cgroup_mkdir" | "cgroup_attach_task" => cgroup,
        "cgroup_rmdir" => false,
        "sys_exit" => namespace,
        other => panic!("{other} is not in this list"),
    }
}

#[test]
#[ignore = "needs root"]
fn without_a_hook_what_rests_on_it_is_inconclusive_and_nothing_else() {
    let usual = run("");
    let items: Vec<&str> = usual.judgement.items.iter().map(|item| &*item.id).collect();
    for hook in HOOKS.iter().filter(|hook| hook.name != "task") {
        let outcome = run(&format!("{}=none", hook.name));
        let rests = items.iter().filter(|item| rests_on(hook.name, item));
        let rests: Vec<&str> = rests.copied().collect();
        assert_eq!(inconclusive(&outcome), rests, "{}", hook.name);
        let verdict = if rests.is_empty() {
            Verdict::Pass
        } else {
            Verdict::Inconclusive
        };
        assert_eq!(outcome.judgement.verdict, verdict, "{}", hook.name);
        let kinds = outcome.session.observation.unattached.iter();
        let kinds: Vec<_> = kinds.map(|missing| missing.kind).collect();
        assert_eq!(kinds, hook.kinds, "{}", hook.name);
    }
}

/// Some kernels refuse it, and then it says so: never anything in between.
#[test]
#[ignore = "needs root"]
fn fexit_tells_the_same_of_setns_and_unshare_or_nothing() {
    let session = Session::start(&options("sys_exit=fexit")).expect("a session");
    let choice = session.hooks.iter().find(|one| one.name == "sys_exit");
    let choice = choice.expect("in the list").clone();
    let outcome = run("sys_exit=fexit");
    let namespaces = inconclusive(&outcome);
    if need::guest_takes_programs_on_functions() {
        assert_eq!(choice.chosen, Some(Way::Fexit), "{choice:?}");
    }
    if choice.chosen == Some(Way::Fexit) {
        // Ends of threads that loaded are none of the scenario.
        drop(session);
        assert_eq!(scenario("sys_exit=fexit"), scenario(AS_FEXIT));
        assert!(namespaces.is_empty(), "{namespaces:?}");
        assert_eq!(outcome.judgement.verdict, Verdict::Pass);
        let kinds = outcome.session.observation.unattached.iter();
        let kinds: Vec<_> = kinds.map(|missing| missing.kind).collect();
        assert_eq!(kinds, [tracer_common::Kind::SYSCALL]);
    } else {
        assert_eq!(choice.chosen, None);
        let (way, why) = choice.refused.last().expect("a reason");
        assert_eq!(*way, Way::Fexit);
        // Refused as it is loaded, or, where the kernel has no way to call it, as it is attached.
        let calls = ["BPF_PROG_LOAD", "bpf_raw_tracepoint_open"];
        assert!(calls.iter().any(|call| why.contains(call)), "{why}");
        assert!(!namespaces.is_empty());
        assert!(namespaces.iter().all(|item| rests_on("sys_exit", item)));
    }
}

#[test]
#[ignore = "needs root"]
fn what_the_verifier_walks_stays_under_a_bound() {
    require_root();
    for hooks in ["", "raw_tp", "reads=helper"] {
        let mut session = Session::start(&options(hooks)).expect("a session");
        assert!(session.observation.unattached.is_empty());
        let walked = session.collector.verified_instructions().expect("counts");
        assert_eq!(walked.len(), HOOKS.len(), "{walked:?}");
        let sum: u32 = walked.iter().map(|(_, count)| count).sum();
        println!("{sum} instructions: {walked:?}");
        assert!((1..VERIFIED).contains(&sum), "{walked:?}");
    }
}
