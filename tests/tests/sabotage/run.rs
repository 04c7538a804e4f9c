//! The payload itself: another program, or none.

use std::ffi::CString;

use tracer::container::spec::GateMode;
use tracer::run::Payload;
use tracer_tests::spec::everything;
use tracer_tests::trial::Trial;

use crate::case::sabotage;

sabotage! {
    fn another_program_fails_the_payload_alone() fails [] then ["payload.exec"] {
        let mut trial = Trial::new(everything(&["/bin/true"]));
        trial.sabotage(|plan, aids| {
            let another = CString::new("/bin/false").expect("no NUL");
            plan.exec.candidates = vec![another];
            aids.shows("payload.exec", "/bin/false");
            aids.rests_on("payload.exec", "sched_process_exec", "/bin/false");
        });
        trial
    }
}

/// Its container is judged by the facts at the gate; that nothing ran is one of them.
#[test]
#[ignore = "needs root"]
fn no_program_leaves_no_exec_behind() {
    for gate in [GateMode::Enforce, GateMode::Warn] {
        let mut trial = Trial::new(everything(&["/bin/true"]));
        trial.gate = gate;
        trial.sabotage(|plan, _| plan.exec.candidates.clear());
        let (outcome, _) = trial.run();
        assert!(
            matches!(outcome.payload, Payload::NotExecuted(_)),
            "{:?}",
            outcome.payload
        );
        assert!(outcome.session.observation.exec.is_none());
        let mut items = outcome.judgement.items.iter();
        let payload = items
            .find(|item| item.id == "payload.exec")
            .expect("judged");
        assert_eq!(payload.seen, "no exec of init");
    }
}
