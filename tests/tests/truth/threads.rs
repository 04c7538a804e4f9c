//! Threads: what one does to itself is seen of that one alone.

use std::fs::File;
use std::sync::mpsc::{Sender, channel};

use nix::sched::{CloneFlags, setns, unshare};
use tracer::event::{NamespaceSlot, Tgid, Tid};
use tracer::model::Change;
use tracer::session::Session;
use tracer_tests::shell::Shell;

use super::observe;
use super::reader::namespaces_agree;

fn tid() -> u32 {
    rustix::thread::gettid()
        .as_raw_nonzero()
        .get()
        .cast_unsigned()
}

/// A thread of this process that does what it is told and stands still in between.
struct Thread {
    tid: u32,
    orders: Sender<Order>,
}

/// Something to do, and where to say that it is done.
type Order = (Box<dyn FnOnce() + Send>, Sender<()>);

impl Thread {
    fn new() -> Self {
        let (orders, todo) = channel::<Order>();
        let (say, said) = channel();
        std::thread::spawn(move || {
            say.send(tid()).expect("heard");
            for (deed, done) in todo {
                deed();
                done.send(()).expect("heard");
            }
        });
        Self {
            tid: said.recv().expect("a thread"),
            orders,
        }
    }

    fn does(&self, deed: impl FnOnce() + Send + 'static) {
        let (done, wait) = channel();
        self.orders.send((Box::new(deed), done)).expect("told");
        wait.recv().expect("done");
    }
}

/// Every thread has in the model what its links below /proc say.
fn all_agree(session: &mut Session, threads: &[Thread]) {
    session.settle().expect("counters");
    for Thread { tid, .. } in threads {
        let state = session.model.task(Tid(*tid)).expect("known");
        assert_eq!(state.task.tgid, Tgid(std::process::id()));
        namespaces_agree(&state.namespaces, &format!("self/task/{tid}"));
    }
    let leader = session
        .model
        .leader(Tgid(std::process::id()))
        .expect("this process");
    namespaces_agree(&leader.namespaces, "self");
}

fn changes(session: &Session, tid: u32) -> Vec<NamespaceSlot> {
    let steps = session.steps.iter();
    let changes = steps
        .flat_map(|step| &step.changes)
        .filter_map(|change| match change {
            Change::Namespace { tid: own, slot, .. } if own.0 == tid => Some(*slot),
            _ => None,
        });
    changes.collect()
}

#[test]
#[ignore = "needs root"]
fn setns_by_one_thread_of_many_changes_that_thread_alone() {
    let stranger = Shell::with(&["--uts", "--net"]);
    let mut session = observe();
    let threads: Vec<Thread> = (0..4).map(|_| Thread::new()).collect();
    all_agree(&mut session, &threads);
    let link = format!("/proc/{}/ns/net", stranger.pid());
    threads[1].does(move || {
        let net = File::open(link).expect("a namespace");
        setns(net, CloneFlags::CLONE_NEWNET).expect("joined");
    });
    threads[2].does(|| unshare(CloneFlags::CLONE_NEWUTS).expect("left"));
    all_agree(&mut session, &threads);
    let found: Vec<Vec<NamespaceSlot>> = threads
        .iter()
        .map(|thread| changes(&session, thread.tid))
        .collect();
    let none = Vec::new();
    assert_eq!(
        found,
        [
            none.clone(),
            vec![NamespaceSlot::Net],
            vec![NamespaceSlot::Uts],
            none.clone()
        ]
    );
    assert_eq!(changes(&session, std::process::id()), none);
}

/// A thread's child has what the thread has, not what its process has.
#[test]
#[ignore = "needs root"]
fn a_child_of_a_thread_has_that_threads_namespaces() {
    let mut session = observe();
    let thread = Thread::new();
    let (say, said) = channel();
    thread.does(move || {
        unshare(CloneFlags::CLONE_NEWUTS | CloneFlags::CLONE_NEWIPC).expect("left");
        say.send(Shell::new()).expect("heard");
    });
    let shell = said.recv().expect("a shell");
    session.settle().expect("counters");
    let child = session.model.leader(Tgid(shell.pid())).expect("known");
    namespaces_agree(&child.namespaces, &shell.pid().to_string());
    namespaces_agree(&child.namespaces, &format!("self/task/{}", thread.tid));
    assert_eq!(changes(&session, shell.pid()), []);
}
