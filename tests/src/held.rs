//! A tracer that is stopped before it opens the gate, whichever moment before that it is. Owns no
//! claims.

use std::fs;
use std::process::{Child, Command};

use rustix::process::{Pid, Signal, WaitOptions, kill_process, waitpid};

use crate::binary::{Runs, finish, path};

/// Attempts at stopping a tracer in time, which takes it some milliseconds to miss.
const ATTEMPTS: usize = 100;

/// A stopped tracer whose init waits for a word of it.
pub struct Held {
    tracer: Child,
    /// The container's init.
    pub init: u32,
}

impl Held {
    /// Starts the command until one could be stopped in time. Each payload of another is let run
    /// to its end; `forget` undoes what it did.
    pub fn before_the_gate(runs: &Runs, command: &mut Command, forget: impl Fn()) -> Self {
        for _ in 0..ATTEMPTS {
            let mut tracer = runs.start(command);
            let Some(init) = first_child(&mut tracer) else {
                finish(tracer);
                forget();
                continue;
            };
            signal(&tracer, Signal::STOP);
            let stopped = waitpid(Some(id(&tracer)), WaitOptions::UNTRACED).expect("a wait");
            if !stopped.is_some_and(|(_, status)| status.stopped()) {
                forget();
                continue;
            }
            if waits(init) {
                return Self { tracer, init };
            }
            signal(&tracer, Signal::CONT);
            finish(tracer);
            forget();
        }
        panic!("tracer has opened the gate before it could be stopped, {ATTEMPTS} times");
    }

    /// Sends a signal to the stopped tracer.
    pub fn signal(&self, number: Signal) {
        signal(&self.tracer, number);
    }

    /// Lets it go on.
    pub fn go_on(self) -> Child {
        self.signal(Signal::CONT);
        self.tracer
    }
}

fn id(tracer: &Child) -> Pid {
    Pid::from_child(tracer)
}

fn signal(tracer: &Child, number: Signal) {
    kill_process(id(tracer), number).expect("a signal");
}

/// The first process that it clones; `None` when it ends without one, or its only one has ended.
fn first_child(tracer: &mut Child) -> Option<u32> {
    let list = format!("/proc/{0}/task/{0}/children", tracer.id());
    loop {
        let children = fs::read_to_string(&list).expect("a kernel with CONFIG_PROC_CHILDREN");
        if let Some(child) = children.split_whitespace().next() {
            return child.parse().ok();
        }
        if fs::read_to_string(format!("/proc/{}/stat", tracer.id()))
            .is_ok_and(|stat| stat.contains(") Z "))
        {
            return None;
        }
        std::thread::yield_now();
    }
}

/// Whether init comes to wait for a word of its tracer, which says none, or has executed its
/// payload meanwhile.
fn waits(init: u32) -> bool {
    let program = fs::canonicalize(path()).expect("the program");
    loop {
        let (Ok(own), Ok(call)) = (
            fs::read_link(format!("/proc/{init}/exe")),
            fs::read_to_string(format!("/proc/{init}/syscall")),
        ) else {
            return false;
        };
        if own != program {
            return false;
        }
        // 0 is read(2) on x86_64, 63 on the others.
        let read = if cfg!(target_arch = "x86_64") {
            "0 "
        } else {
            "63 "
        };
        if call.starts_with(read) {
            return true;
        }
        std::thread::yield_now();
    }
}
