//! The trace, by the rules that its readers hold it to.

use serde_json::Value;

use super::*;

fn events(view: &View) -> Vec<Value> {
    let document: Value = serde_json::from_str(&of(Export::Trace, view)).expect("JSON");
    document["traceEvents"].as_array().expect("events").clone()
}

#[test]
fn a_failing_run_as_a_trace() {
    insta::assert_json_snapshot!(events(&spoilt_run()));
}

#[test]
fn bars_of_a_task_follow_one_another() {
    let events = events(&passing_run());
    let bars: Vec<&Value> = events.iter().filter(|event| event["ph"] == "X").collect();
    let view = passing_run();
    assert_eq!(
        bars.len(),
        view.timeline.iter().filter(|step| step.in_run).count()
    );
    for pair in bars.windows(2) {
        let [one, other] = pair else { unreachable!() };
        if one["tid"] == other["tid"] {
            let end = one["ts"].as_f64().expect("µs") + one["dur"].as_f64().expect("µs");
            let gap = (other["ts"].as_f64().expect("µs") - end).abs();
            assert!(gap < 0.001, "{one} {other}");
        }
    }
}

#[test]
fn every_task_has_a_named_track_and_every_arrow_two_ends() {
    let events = events(&passing_run());
    let named: Vec<&Value> = events
        .iter()
        .filter(|event| event["name"] == "thread_name")
        .map(|event| &event["tid"])
        .collect();
    assert!(events.iter().all(|event| named.contains(&&event["tid"])));
    let ends = |phase: &str| events.iter().filter(|event| event["ph"] == phase).count();
    assert_eq!(ends("s"), ends("f"));
    assert!(ends("s") > 0);
}
