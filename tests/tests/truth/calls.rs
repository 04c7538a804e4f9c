//! Ordinary failures and calls without effect: records, and no change.

use std::fs::File;
use std::process::Command;

use nix::errno::Errno;
use nix::sched::{CloneFlags, setns, unshare};
use tracer::event::{Body, NamespaceCall};
use tracer::session::{Session, Step};

use super::observe;

/// The calls that returned `ret`, all of which must have changed nothing.
fn calls(session: &mut Session, ret: i64) -> Vec<NamespaceCall> {
    session.settle().expect("counters");
    let call = |step: &Step| match &step.event.body {
        Body::Namespace(call) if call.ret == ret => {
            assert_eq!(step.changes, [], "{call:?}");
            Some(NamespaceCall::clone(call))
        }
        _ => None,
    };
    session.steps.iter().filter_map(call).collect()
}

#[test]
#[ignore = "needs root"]
fn unshare_with_flags_that_are_none_changes_nothing() {
    let mut session = observe();
    // CSIGNAL is clone's alone.
    let refused = unshare(CloneFlags::from_bits_retain(1));
    assert_eq!(refused, Err(Errno::EINVAL));
    let calls = calls(&mut session, -i64::from(Errno::EINVAL as i32));
    assert_eq!(calls.len(), 1);
    assert_eq!(calls[0].arguments[0], 1);
}

#[test]
#[ignore = "needs root"]
fn unshare_without_permission_changes_nothing() {
    let mut session = observe();
    let mut unshare = Command::new("setpriv");
    unshare.args([
        "--reuid=65534",
        "--inh-caps=-all",
        "unshare",
        "--uts",
        "true",
    ]);
    assert!(!unshare.output().expect("unshare").status.success());
    assert_eq!(
        calls(&mut session, -i64::from(Errno::EPERM as i32)).len(),
        1
    );
}

#[test]
#[ignore = "needs root"]
fn unshare_of_nothing_changes_nothing() {
    let mut session = observe();
    unshare(CloneFlags::empty()).expect("nothing");
    assert_eq!(calls(&mut session, 0).len(), 1);
}

#[test]
#[ignore = "needs root"]
fn setns_into_the_same_namespace_is_not_a_change() {
    let mut session = observe();
    for (name, flag) in [
        ("uts", CloneFlags::CLONE_NEWUTS),
        ("net", CloneFlags::CLONE_NEWNET),
    ] {
        let own = File::open(format!("/proc/self/ns/{name}")).expect("a namespace");
        setns(own, flag).expect("joined");
    }
    assert_eq!(calls(&mut session, 0).len(), 2);
}

#[test]
#[ignore = "needs root"]
fn setns_with_a_descriptor_that_is_none_changes_nothing() {
    let mut session = observe();
    let file = File::open("/dev/null").expect("a file");
    assert_eq!(setns(file, CloneFlags::CLONE_NEWUTS), Err(Errno::EINVAL));
    assert_eq!(
        calls(&mut session, -i64::from(Errno::EINVAL as i32)).len(),
        1
    );
}
