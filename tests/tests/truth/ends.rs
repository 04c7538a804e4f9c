//! Who a task is, and how it ends.

use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;

use procfs::process::Process;
use tracer::event::{Body, Tgid};
use tracer_tests::shell::Shell;

use super::{observe, steps_of};

#[test]
#[ignore = "needs root"]
fn an_end_is_told_as_the_parent_learns_it() {
    let mut session = observe();
    for script in [
        "exit 0",
        "exit 3",
        "exit 255",
        "kill -KILL $$",
        "kill -TERM $$",
    ] {
        let mut child = Command::new("sh")
            .args(["-c", script])
            .spawn()
            .expect("a shell");
        let status = child.wait().expect("its end");
        session.settle().expect("counters");
        let state = session.model.leader(Tgid(child.id())).expect("known");
        let ended = state.ended.as_deref();
        let code = ended.expect("its end").code;
        // The dump flag is wait(2)'s as well.
        assert_eq!(code.cast_signed(), status.into_raw(), "{script}");
        let steps = steps_of(&session, child.id());
        let Some(Body::Exit(exit)) = steps.last().map(|step| &step.event.body) else {
            panic!("its last record is another")
        };
        assert!(exit.group_dead);
        assert_eq!(exit.signal(), status.signal().map(i32::cast_unsigned));
        assert_eq!(
            exit.status().cast_signed(),
            status.code().unwrap_or(code.cast_signed() + 128)
        );
    }
}

#[test]
#[ignore = "needs root"]
fn a_task_is_named_as_proc_names_it() {
    let mut session = observe();
    let mut shell = Shell::new();
    shell.does("( : )");
    session.settle().expect("counters");
    let process = Process::new(shell.pid().cast_signed()).expect("a process");
    let stat = process.stat().expect("its numbers");
    let step = *steps_of(&session, shell.pid()).last().expect("a fork");
    let task = &step.event.task;
    assert_eq!((task.tgid.0, task.tid.0), (shell.pid(), shell.pid()));
    assert_eq!(task.comm, stat.comm);
    let ticks = procfs::ticks_per_second();
    assert_eq!(
        u128::from(task.start_ns) * u128::from(ticks) / 1_000_000_000,
        stat.starttime.into()
    );
    let Body::Fork(fork) = &step.event.body else {
        panic!("another record")
    };
    assert_eq!(fork.parent, Tgid(shell.pid()));
    assert_eq!(fork.vpid, fork.child.tid.0);
}
