//! SIGKILL of tracer at any moment of a run: whatever it was doing, every process of the
//! container ends by itself or with the next sweep, and that leaves nothing. As root.

#[path = "launch/support.rs"]
#[allow(dead_code, reason = "the other test binary uses the rest")]
mod support;

use std::io::{BufRead as _, BufReader, Lines};
use std::path::Path;
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rustix::event::Timespec;
use rustix::process::{Pid, WaitOptions};
use support::*;
use tracer::container::plan::RUN_DIRECTORY;
use tracer::container::{plan, sweep};
use tracer::event::NamespaceKind;

/// Makes this test binary a tracer that is going to be killed.
const VICTIM: &str = "TRACER_TEST_VICTIM";

#[test]
#[ignore = "a part of the test below"]
fn victim() {
    let Some(kind) = std::env::var_os(VICTIM) else {
        return;
    };
    let script = "sleep 1000 & sleep 1000";
    // With a PID namespace the end of init is the end of all; without it the children of a
    // killed init live on until the sweep.
    let spec = if kind == "all" {
        shell(script)
    } else {
        only(&[NamespaceKind::Uts], script)
    };
    println!("\nrun {}", spec.id);
    let plan = plan(&spec, &facts()).expect("a plan");
    block_on(async {
        let mut init = start(&plan).expect("an init");
        init.wait_ready().await.expect("at the gate");
        init.open_gate().expect("an open gate");
        init.exec_outcome().await.expect("an exec");
        println!("executed");
        init.wait().await.expect("an end");
    });
}

/// A victim, what it says, and its run's name: it is about to begin it.
struct Victim {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
    id: String,
}

impl Victim {
    fn start(kind: &str) -> Self {
        let this = std::env::current_exe().expect("this binary");
        let mut process = Command::new(this)
            .args(["--ignored", "--exact", "victim", "--nocapture"])
            .env(VICTIM, kind)
            .stdout(Stdio::piped())
            .spawn()
            .expect("a victim");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        let id = lines
            .by_ref()
            .map_while(Result::ok)
            .find_map(|line| line.strip_prefix("run ").map(str::to_owned))
            .expect("the name of its run");
        Self { process, lines, id }
    }

    fn await_exec(&mut self) {
        let mut lines = self.lines.by_ref().map_while(Result::ok);
        assert!(lines.any(|line| line == "executed"));
    }

    fn kill(&mut self) {
        self.process.kill().expect("SIGKILL");
        self.process.wait().expect("the victim's end");
    }
}

/// Orphans come to this process, so that the end of the last of them can be waited for. One test
/// at a time: any child is waited for.
fn become_reaper() -> MutexGuard<'static, ()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let guard = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    rustix::process::set_child_subreaper(Some(Pid::INIT)).expect("orphans come here");
    guard
}

/// Waits until every orphan that came to this process has ended.
fn reap_orphans() {
    while rustix::process::wait(WaitOptions::empty()).is_ok() {}
}

#[test]
#[ignore = "needs root"]
fn sigkill_at_any_moment_leaves_nothing_after_the_next_sweep() {
    let _reaper = become_reaper();
    let hierarchies = facts().hierarchies;
    let mut victim = Victim::start("all");
    let begun = Instant::now();
    victim.await_exec();
    let whole = begun.elapsed();
    victim.kill();
    sweep(Path::new(RUN_DIRECTORY), &hierarchies).expect("a sweep");

    let mut swept = 0;
    for round in 0..40 {
        let mut victim = Victim::start(if round % 2 == 0 { "all" } else { "few" });
        // A moment of the run, from before its first effect to after exec: no event marks it.
        let moment = Timespec::try_from(whole * round / 30).expect("a moment");
        rustix::event::poll(&mut [], Some(&moment)).expect("a moment");
        victim.kill();
        let removed = sweep(Path::new(RUN_DIRECTORY), &hierarchies).expect("a sweep");
        swept += usize::from(removed.contains(&victim.id));
        assert_eq!(left_of(&victim.id), [""; 0], "round {round}");
        // Ends only when each process of the container has: nothing else of it is left.
        reap_orphans();
    }
    assert!(swept > 0, "no run had begun when it was killed");
}

#[test]
#[ignore = "needs root"]
fn a_sweep_leaves_the_run_of_a_living_tracer_alone() {
    let _reaper = become_reaper();
    let hierarchies = facts().hierarchies;
    let mut victim = Victim::start("few");
    victim.await_exec();
    let before = left_of(&victim.id);
    let removed = sweep(Path::new(RUN_DIRECTORY), &hierarchies).expect("a sweep");
    assert!(!removed.contains(&victim.id));
    assert_eq!(left_of(&victim.id), before);
    assert_eq!(before.len(), hierarchies.len() + 1);
    victim.kill();
    let removed = sweep(Path::new(RUN_DIRECTORY), &hierarchies).expect("a sweep");
    assert!(removed.contains(&victim.id));
    assert_eq!(left_of(&victim.id), [""; 0]);
    reap_orphans();
}
