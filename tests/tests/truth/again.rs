//! Numbers of namespaces that the kernel uses again: one that a stranger's namespace has got is not
//! taken for the one that was made in the run.

use tracer::event::{NamespaceKind, NamespaceSlot, NsId, Tgid};
use tracer::model::NamespaceOrigin;
use tracer_tests::shell::Shell;

use super::observe;
use super::reader::{namespace, unique_namespaces};

/// Numbers are given away lowest first, so that few are taken before a certain one that is free.
const ATTEMPTS: usize = 200;

/// Takes new UTS namespaces, and keeps them, until one has this number; gives who has it.
fn take(stranger: &mut Shell, number: u32) -> u32 {
    for _ in 0..ATTEMPTS {
        stranger.becomes("--uts --fork");
        stranger.begins("echo $$");
        let pid = stranger.answer();
        if namespace(&pid, "uts") == number {
            return pid.parse().expect("a number");
        }
    }
    panic!("the kernel has not used {number} again, {ATTEMPTS} times");
}

#[test]
#[ignore = "needs root"]
fn a_number_that_a_stranger_has_got_and_that_is_joined_was_not_made_here() {
    let mut stranger = Shell::new();
    let mut session = observe();
    let made = Shell::with(&["--uts"]);
    let number = namespace(&made.pid().to_string(), "uts");
    // Its last task is reaped, and with it the namespace goes.
    drop(made);
    session.pump();
    let origin = session.model.namespace(NamespaceKind::Uts, NsId(number));
    let made = *origin.expect("known");
    assert!(matches!(made, NamespaceOrigin::Made { .. }), "{made:?}");

    let holder = take(&mut stranger, number);
    let mut joined = Shell::new();
    joined.begins(&format!(
        "exec nsenter --uts=/proc/{holder}/ns/uts sh -c 'echo done; exec sh'"
    ));
    assert_eq!(joined.answer(), "done");
    session.pump();
    let state = session.model.leader(Tgid(joined.pid())).expect("known");
    let id = state.namespaces.get(NamespaceSlot::Uts);
    assert_eq!(id, Some(NsId(number)));
    let origin = session.model.namespace(NamespaceKind::Uts, NsId(number));
    let origin = *origin.expect("known");
    println!("{made:?}, then {origin:?}");
    if unique_namespaces("self").contains(&None) {
        // This kernel has nothing else to tell them apart by.
        assert_eq!(origin, made);
    } else {
        assert!(
            matches!(origin, NamespaceOrigin::Found { seq } if seq > made.seq()),
            "{origin:?}"
        );
    }
    joined.does("true");
}
