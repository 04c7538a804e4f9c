//! Truth: what the records say of a task is what an independent reader says of it, and what the
//! model makes of them is what happened.

mod again;
mod btf;
mod calls;
mod certificate;
mod covered;
mod ends;
mod hooks;
mod leaks;
mod nested;
mod not_run;
mod quiet;
mod reader;
mod threads;
mod ways;

use tracer::collect::Options;
use tracer::event::{Body, Certificate, Tgid};
use tracer::session::{Session, Step};
use tracer_tests::require_root;

/// A session over the descendants of this process.
fn observe() -> Session {
    require_root();
    Session::start(&Options::for_this_process()).expect("a session")
}

/// The certificate of a task that stands still.
fn certificate(session: &mut Session, pid: u32) -> Certificate {
    session.snapshot(Tgid(pid)).expect("a snapshot");
    let found = session
        .steps
        .iter()
        .rev()
        .find_map(|step| match &step.event.body {
            Body::Snapshot(certificate) if step.event.task.tgid == Tgid(pid) => Some(certificate),
            _ => None,
        });
    found.cloned().expect("its certificate")
}

/// What a process did, in order.
fn steps_of(session: &Session, pid: u32) -> Vec<&Step> {
    session
        .steps
        .iter()
        .filter(|step| step.event.task.tgid == Tgid(pid))
        .collect()
}
