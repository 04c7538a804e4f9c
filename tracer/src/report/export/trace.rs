//! Chrome's trace format
//! (<https://docs.google.com/document/d/1CvAClvFfyA5R-PhYUmn5OOQtYMH4h6I0nSsKchNAySU>), which
//! Perfetto opens: a track for each task, an arrow for each clone. Owns that mapping.

use serde_json::{Value, json};

use super::lanes::{Lane, lanes};
use super::{View, escape, headline};

pub(super) fn text(view: &View) -> String {
    let lanes = lanes(view);
    let mut events: Vec<Value> = Vec::new();
    for (number, lane) in lanes.iter().enumerate() {
        events.extend(names(number, lane));
        events.extend(
            lane.born
                .map(|born| arrow("s", number, &lanes[born.by], born.at)),
        );
        events.extend(lane.born.map(|born| arrow("f", number, lane, born.at)));
        events.extend(lane.bars.iter().map(|bar| {
            json!({
                "ph": "X",
                "name": bar.step.event,
                "cat": bar.phase.name(),
                "pid": lane.pid,
                "tid": lane.tid,
                "ts": micros(bar.from),
                "dur": micros(bar.to.saturating_sub(bar.from)),
                "args": { "record": bar.step.seq, "cpu": bar.step.cpu, "what": escape(&bar.step.text) },
            })
        }));
    }
    let document = json!({
        "displayTimeUnit": "ns",
        "otherData": {
            "tracer": view.version,
            "kernel": view.kernel,
            "verdict": headline(view),
            "omitted": view.omitted,
            "bars": "a bar is the time from a task's record before, or its birth, to the record that it is named after",
        },
        "traceEvents": events,
    });
    format!("{document}\n")
}

/// The format counts in microseconds, with decimals.
#[expect(
    clippy::cast_precision_loss,
    reason = "a run of 104 days loses a nanosecond"
)]
fn micros(nanoseconds: u64) -> f64 {
    nanoseconds as f64 / 1000.0
}

fn names(number: usize, lane: &Lane<'_>) -> Vec<Value> {
    let name = format!("{}[{}]", escape(lane.name), lane.tid);
    let meta = |what: &str, args: Value| json!({ "ph": "M", "name": what, "pid": lane.pid, "tid": lane.tid, "args": args });
    let mut events = vec![
        meta("thread_name", json!({ "name": name })),
        meta("thread_sort_index", json!({ "sort_index": number })),
    ];
    if lane.pid == lane.tid {
        events.push(meta("process_name", json!({ "name": name })));
        events.push(meta("process_sort_index", json!({ "sort_index": number })));
    }
    events
}

fn arrow(phase: &str, number: usize, lane: &Lane<'_>, at: u64) -> Value {
    let mut event = json!({
        "ph": phase,
        "name": "clone",
        "cat": "clone",
        "id": number,
        "pid": lane.pid,
        "tid": lane.tid,
        "ts": micros(at),
    });
    if phase == "f" {
        event["bp"] = json!("e");
    }
    event
}
