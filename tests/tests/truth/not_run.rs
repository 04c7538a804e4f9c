//! Programs that the kernel does not run, as they run on the same processor already: what they would have told is lost,
//! and counted.

use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use nix::sched::{CloneFlags, CpuSet, sched_setaffinity, unshare};
use nix::unistd::{Pid, gettid};
use rustix::event::{Timespec, poll};
use tracer::collect::{Options, hooks::Way};
use tracer::session::Session;
use tracer_common::Kind;
use tracer_tests::require_root;

/// Calls of the one that comes in between.
const INTERRUPTIONS: u64 = 2_000;

/// Where returns of functions are observed, if this kernel lets them be: other tasks may run meanwhile.
fn by_return() -> Session {
    require_root();
    let hooks = "sys_exit=fexit".parse().expect("hooks");
    let options = Options {
        hooks,
        ..Options::for_this_process()
    };
    let session = Session::start(&options).expect("a session");
    let chosen = session.hooks.iter().find(|hook| hook.name == "sys_exit");
    if chosen.is_some_and(|hook| hook.chosen == Some(Way::Fexit)) {
        return session;
    }
    drop(session);
    Session::start(&Options::for_this_process()).expect("a session")
}

fn on_the_first_processor() {
    let mut first = CpuSet::new();
    first.set(0).expect("a processor");
    sched_setaffinity(Pid::from_raw(0), &first).expect("allowed there");
}

/// Has the thread run before all that are not so.
fn comes_first() {
    let thread = gettid().to_string();
    let chrt = Command::new("chrt")
        .args(["-f", "-p", "10", &thread])
        .status();
    // Where the cgroup has no time for it, it comes in between less often.
    println!("chrt: {chrt:?}");
}

#[test]
#[ignore = "needs root"]
fn every_call_is_a_record_or_counted_as_lost() {
    let mut session = by_return();
    let submitted = |session: &mut Session| {
        session.settle().expect("counters");
        session.observation.counters.submitted.get(Kind::NAMESPACE)
    };
    let before = submitted(&mut session);
    let (calls, done) = (AtomicU64::new(0), AtomicBool::new(false));
    let call = || {
        unshare(CloneFlags::empty()).expect("nothing changes");
        calls.fetch_add(1, Ordering::Relaxed);
    };
    thread::scope(|scope| {
        scope.spawn(|| {
            on_the_first_processor();
            while !done.load(Ordering::Acquire) {
                call();
            }
        });
        scope.spawn(|| {
            on_the_first_processor();
            comes_first();
            let pause = Timespec {
                tv_sec: 0,
                tv_nsec: 100_000,
            };
            for _ in 0..INTERRUPTIONS {
                poll(&mut [], Some(&pause)).expect("a pause");
                call();
            }
            done.store(true, Ordering::Release);
        });
        while !done.load(Ordering::Acquire) {
            session.pump();
        }
    });
    let made = submitted(&mut session) - before;
    let counts = session.collector.counters().expect("counters");
    let of_calls = |count: &&tracer::collect::KindCount| count.kind == Kind::NAMESPACE;
    let not_run = counts.kinds.iter().find(of_calls).expect("a kind").not_run;
    let calls = calls.into_inner();
    println!("{calls} calls, {made} counted, {not_run} of them not run");
    // What others call is told of nobody, but counted where the program did not run.
    assert!(
        calls <= made && made - calls <= not_run,
        "{calls} {made} {not_run}"
    );
    let counters = &session.observation.counters;
    assert_eq!(
        counters.submitted.get(Kind::NAMESPACE),
        counters.read.get(Kind::NAMESPACE) + counters.lost.get(Kind::NAMESPACE)
    );
}
