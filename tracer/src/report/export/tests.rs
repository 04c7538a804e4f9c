//! Every format, on whole documents: as snapshots, and read back by programs that others wrote.

use crate::event::{NamespaceKind, Tgid};
use crate::report::tests::{report, spoilt};
use crate::report::verification::{Command, Container, Outcome, Payload, Verification};
use crate::report::{Document, Export, Format, Style, View};
use crate::verdict::sample::Scenario;
use crate::verdict::{Evidence, Item, Verdict};

mod attest;
mod compare;
mod github;
mod html;
mod junit;
mod markdown;
mod sarif;
mod tap;
mod trace;

/// Markup of every format, what ends its strings, and what a terminal obeys.
pub(in crate::report) const HOSTILE: &str =
    "<script>alert('x')</script>&amp;\"`|`` # skip ]]> \\ **b** [l](u) @all \x1b[2J\nno line";

pub(in crate::report) fn item(id: &str, verdict: Verdict, text: &str) -> Item {
    Item {
        id: id.to_owned(),
        asked: text.to_owned(),
        seen: text.to_owned(),
        verdict,
        origin: "expect.yaml:3".to_owned(),
        reason: (verdict != Verdict::Pass).then(|| text.to_owned()),
        evidence: vec![Evidence {
            seq: Some(22),
            source: "sched_process_exec".to_owned(),
            detail: text.to_owned(),
        }],
    }
}

/// A verification of two containers, one of which was named by somebody hostile.
pub(in crate::report) fn hostile() -> Verification {
    let run = report(&spoilt());
    let container = |number, id: &str, items: Vec<Item>, verdict| Container {
        number,
        id: Some(id.to_owned()),
        runtime: Some("runc".to_owned()),
        payload: Payload {
            pid: Tgid(200),
            vpid: Some(1),
            name: "sh".to_owned(),
            executable: Some(id.to_owned()),
        },
        record: 22,
        within: None,
        stage: false,
        stages: Vec::new(),
        own_namespaces: vec![NamespaceKind::Mnt],
        verdict,
        items,
        created: None,
        enforced: None,
        drift: vec![crate::model::Drift {
            seq: 28,
            what: id.to_owned(),
            by: format!("{id}[200]"),
        }],
        ended: Some(0x300),
        namespaces: run.namespaces.clone(),
        certificate: run.certificate.clone(),
    };
    let bad = vec![
        item("memory.max", Verdict::Pass, HOSTILE),
        item(&format!("mount./{HOSTILE}"), Verdict::Fail, HOSTILE),
        item("seccomp", Verdict::Inconclusive, HOSTILE),
    ];
    let good = vec![item("hostname", Verdict::Pass, "box")];
    Verification {
        schema_version: run.schema_version,
        tracer: run.tracer,
        host: run.host,
        command: Command {
            args: vec!["runc".to_owned(), HOSTILE.to_owned()],
            code: Some(0),
            signal: None,
        },
        verdict: Verdict::Fail,
        outcome: Outcome::Judged,
        exit: 120,
        containers: vec![
            container(1, "/bin/true", good, Some(Verdict::Pass)),
            container(2, HOSTILE, bad, Some(Verdict::Fail)),
            container(3, "/bin/stage", Vec::new(), None),
        ],
        never_started: Vec::new(),
        timeline: run.timeline,
        omitted: 3,
        counters: run.counters,
        timing: run.timing,
        hooks: run.hooks,
        subjects: Vec::new(),
        replay: None,
    }
}

/// A command that made no container.
pub(in crate::report) fn nothing_made() -> Verification {
    Verification {
        containers: Vec::new(),
        outcome: Outcome::NoContainer,
        ..hostile()
    }
}

pub(super) fn of(export: Export, view: &View) -> String {
    String::from_utf8(export.bytes(view).expect("bytes")).expect("text")
}

pub(super) fn spoilt_run() -> View {
    View::of(&report(&spoilt())).expect("a view")
}

pub(super) fn passing_run() -> View {
    View::of(&report(&Scenario::good())).expect("a view")
}

pub(super) fn hostile_view() -> View {
    View::of(&hostile()).expect("a view")
}

const ALL: [Export; 7] = [
    Export::Junit,
    Export::Tap,
    Export::Markdown,
    Export::Sarif,
    Export::Html,
    Export::Trace,
    Export::Attest,
];

#[test]
fn a_document_that_was_written_gives_every_format_byte_for_byte() {
    let document = hostile();
    let mut json = Vec::new();
    document
        .write(Format::Json, &mut json, Style::default())
        .expect("memory takes everything");
    let read = View::read(serde_json::from_slice(&json).expect("JSON")).expect("a view");
    for export in ALL {
        assert_eq!(of(export, &hostile_view()), of(export, &read), "{export:?}");
    }
}

#[test]
fn no_format_has_a_terminal_sequence_or_a_line_that_a_name_began() {
    for export in ALL {
        let text = of(export, &hostile_view());
        assert!(!text.contains('\x1b'), "{export:?}");
        assert!(
            !text
                .lines()
                .any(|line| line.trim_start().starts_with("no line")),
            "{export:?}"
        );
    }
}
