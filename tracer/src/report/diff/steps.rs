//! The steps of set-up of two containers, and the time they took. Owns which events are steps.

use serde::Serialize;
use serde_json::Value;
use similar::{ChangeTag, TextDiff};

use super::Subject;
use super::names::of_any_run;

/// A step, or several alike in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Step {
    /// Whose it is.
    pub side: Side,
    /// Event, and what it changed.
    pub text: String,
    /// How often in a row.
    pub times: usize,
}

/// Whose a step is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// Of the first alone.
    A,
    /// Of the second alone.
    B,
    /// Of both.
    Both,
}

impl Side {
    pub(super) fn mark(self) -> char {
        match self {
            Self::A => 'A',
            Self::B => 'B',
            Self::Both => ' ',
        }
    }
}

/// Both lists as one, in which each step is marked with whose it is.
pub(super) fn differences(one: &Subject, other: &Subject) -> Vec<Step> {
    let (mine, theirs) = (steps(one), steps(other));
    let (mine, theirs): (Vec<&str>, Vec<&str>) = (
        mine.iter().map(String::as_str).collect(),
        theirs.iter().map(String::as_str).collect(),
    );
    let mut steps: Vec<Step> = Vec::new();
    for change in TextDiff::from_slices(&mine, &theirs).iter_all_changes() {
        let side = match change.tag() {
            ChangeTag::Delete => Side::A,
            ChangeTag::Insert => Side::B,
            ChangeTag::Equal => Side::Both,
        };
        match steps.last_mut() {
            Some(last) if last.side == side && last.text == change.value() => last.times += 1,
            _ => steps.push(Step {
                side,
                text: change.value().to_owned(),
                times: 1,
            }),
        }
    }
    steps
}

/// Parts of the run, in microseconds.
pub(super) fn times(subject: &Subject) -> [(&'static str, Option<i64>); 3] {
    let at = |entry: &Value| entry["t_us"].as_i64();
    let run = run(subject);
    let first = run.first().and_then(|entry| at(entry));
    let namespaces = run.iter().find(|entry| !kinds(entry).is_empty());
    let namespaces = namespaces.and_then(|entry| at(entry));
    let exec = run.last().filter(|entry| is_exec(entry));
    let exec = exec.and_then(|entry| at(entry));
    let end = subject.timeline.iter().find(|entry| {
        entry["event"] == "sched_process_exit"
            && entry["process"]["pid"].as_u64() == Some(subject.payload)
            && at(entry) >= exec
    });
    let between = |from: Option<i64>, to: Option<i64>| Some(to? - from?);
    [
        ("first event to first namespace", between(first, namespaces)),
        ("first namespace to payload", between(namespaces, exec)),
        ("payload to its end", between(exec, end.and_then(at))),
    ]
}

fn is_exec(entry: &Value) -> bool {
    entry["event"] == "sched_process_exec"
}

/// The entries up to the payload's exec.
fn run(subject: &Subject) -> Vec<&Value> {
    let payload = |entry: &&Value| match subject.record {
        Some(record) => entry["seq"].as_u64() == Some(record),
        None => is_exec(entry) && entry["process"]["pid"].as_u64() == Some(subject.payload),
    };
    let timeline = subject.timeline.iter();
    let in_run: Vec<&Value> = timeline
        .filter(|entry| entry["in_run"] == true && entry["event"] != "task_snapshot")
        .collect();
    let last = in_run.iter().position(payload).unwrap_or(in_run.len());
    in_run.into_iter().take(last.saturating_add(1)).collect()
}

/// Each step in words that hold no number of this run; ends of helpers and moves between cgroups
/// of one path are many, and one step.
fn steps(subject: &Subject) -> Vec<String> {
    let mut steps: Vec<String> = Vec::new();
    for entry in run(subject) {
        let event = entry["event"].as_str().unwrap_or_default();
        let thread = entry["text"]
            .as_str()
            .is_some_and(|text| text.starts_with("thread "));
        if thread || matches!(event, "sched_process_exit" | "cgroup_rmdir") {
            continue;
        }
        let text = match event {
            "task_newtask" | "unshare" | "setns" => kinds(entry).join(" "),
            "cgroup_mkdir" | "cgroup_attach_task" => String::new(),
            "sched_process_exec" if is_payload(entry, subject) => "of the payload".to_owned(),
            _ => {
                let text = plain(entry["text"].as_str().unwrap_or_default());
                of_any_run(&text, subject.id.as_deref())
            }
        };
        let step = format!("{event} {text}").trim_end().to_owned();
        let once = event.starts_with("cgroup_") && steps.last() == Some(&step);
        if !once {
            steps.push(step);
        }
    }
    steps
}

fn is_payload(entry: &Value, subject: &Subject) -> bool {
    entry["process"]["pid"].as_u64() == Some(subject.payload)
        && subject
            .record
            .is_none_or(|record| entry["seq"].as_u64() == Some(record))
}

/// Namespaces that an entry changed, by the names of their slots.
fn kinds(entry: &Value) -> Vec<&str> {
    let changes = entry["changes"].as_array().into_iter().flatten();
    let texts = changes.filter(|change| change["kind"] == "namespace");
    let words = texts.filter_map(|change| change["name"].as_str());
    words.collect()
}

/// Without words that are numbers, or hold those of descriptors and processes.
fn plain(text: &str) -> String {
    let words = text
        .split(' ')
        .filter(|word| word.parse::<i64>().is_err() && !word.starts_with("/proc/"));
    words.collect::<Vec<_>>().join(" ")
}
