//! The formats, on whole runs.

use proptest::prelude::*;

use super::*;
use crate::event::sample::{self, HOST, INIT, STRANGER};
use crate::verdict::sample::{MEMORY, Scenario};
use crate::verdict::{Judgement, Verdict};

pub(super) fn report(scenario: &Scenario) -> Report {
    let outcome = scenario.play();
    let judgement = outcome.judge_final();
    build(scenario, &outcome, &judgement)
}

fn build(
    scenario: &Scenario,
    outcome: &crate::verdict::sample::Outcome,
    judgement: &Judgement,
) -> Report {
    let input = Input {
        version: "0.0.0",
        host: &scenario.host,
        spec: &scenario.spec,
        model: &outcome.model,
        observation: &outcome.observation,
        judgement,
        gate: None,
        payload: Payload::Exited { code: 0 },
        exit: 0,
        timing: Timing {
            attach_us: 20_000,
            detach_us: 400,
            total_us: 51_234,
        },
        hooks: vec![Hook {
            name: "sched_process_exec".to_owned(),
            chosen: Some("tp_btf".to_owned()),
            refused: Vec::new(),
        }],
        omitted: 0,
    };
    Report::new(
        input,
        outcome
            .events
            .iter()
            .map(|(event, changes)| (event, changes.as_slice())),
    )
}

fn text(format: Format, report: &Report, style: Style) -> String {
    let mut out = Vec::new();
    report
        .write(format, &mut out, style)
        .expect("memory takes everything");
    String::from_utf8(out).expect("text")
}

/// A run with two violations and a fact that the kernel does not tell.
pub(super) fn spoilt() -> Scenario {
    let mut scenario = Scenario::with_facts(|facts| {
        facts.namespaces.net = HOST.net;
        facts.valid &= !tracer_common::record::Certificate::SECCOMP_FILTERS;
    });
    scenario
        .attaches
        .push(sample::attach(STRANGER, INIT, MEMORY, 900, "/elsewhere"));
    scenario
}

#[test]
fn a_passing_run_as_a_table() {
    insta::assert_snapshot!(text(
        Format::Table,
        &report(&Scenario::good()),
        Style::default()
    ));
}

#[test]
fn a_failing_run_as_a_table() {
    insta::assert_snapshot!(text(Format::Table, &report(&spoilt()), Style::default()));
}

#[test]
fn a_failing_run_in_compact_lines() {
    insta::assert_snapshot!(text(Format::Compact, &report(&spoilt()), Style::default()));
}

/// Lists are cut to their first two: their other elements have the same shape.
fn shortened(value: &mut serde_json::Value) {
    match value {
        serde_json::Value::Array(items) => {
            items.truncate(2);
            items.iter_mut().for_each(shortened);
        }
        serde_json::Value::Object(fields) => fields.values_mut().for_each(shortened),
        _ => {}
    }
}

#[test]
fn a_passing_run_as_json() {
    let text = text(Format::Json, &report(&Scenario::good()), Style::default());
    let mut value: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    shortened(&mut value);
    insta::assert_json_snapshot!(value);
}

#[test]
fn a_fact_that_the_kernel_does_not_tell_is_null_in_json() {
    let scenario = Scenario::with_facts(|facts| *facts = crate::verdict::sample::nothing());
    let report = report(&scenario);
    assert_eq!(report.namespaces, None);
    let facts = report.certificate.expect("there");
    for name in [
        "ns",
        "cgroup",
        "capabilities",
        "no_new_privs",
        "root",
        "rlimits",
        "descriptors",
    ] {
        assert!(facts["linux"][name].is_null(), "{name}");
    }
    assert!(facts["process"]["vpid"].is_null());
}

#[test]
fn calls_that_make_mounts_share_a_line_and_a_failed_one_stands_alone() {
    let mut scenario = Scenario::good();
    let call = |number, path| sample::syscall(INIT, number, [0; 6], path);
    let mut failed = call(165, "/nowhere");
    failed.ret = -2;
    let records = [
        call(430, "tmpfs"),
        call(432, ""),
        call(429, ""),
        call(165, "/x"),
        failed,
    ];
    scenario
        .between
        .extend(records.iter().map(crate::verdict::sample::bytes));
    let table = text(Format::Table, &report(&scenario), Style::default());
    let line = |what: &str| {
        table
            .lines()
            .find(|line| line.contains(what))
            .expect("there")
    };
    assert!(line("mount calls x4").ends_with("fsopen tmpfs, fsmount, move_mount, mount /x"));
    assert!(line("failed: ENOENT").ends_with("failed: ENOENT in /nowhere"));
}

#[test]
fn every_json_line_is_a_value_of_a_known_type() {
    let report = report(&spoilt());
    let lines = text(Format::Jsonl, &report, Style::default());
    let types: Vec<String> = lines
        .lines()
        .map(|line| {
            let value: serde_json::Value = serde_json::from_str(line).expect("JSON");
            value["type"].as_str().expect("typed").to_owned()
        })
        .collect();
    let count = |name: &str| types.iter().filter(|one| *one == name).count();
    assert_eq!(count("event"), report.timeline.len());
    assert_eq!(count("item"), report.items.len());
    assert_eq!(types.last().map(String::as_str), Some("summary"));
    assert_eq!(count("event") + count("item") + 1, types.len());
}

#[test]
fn no_line_of_the_table_is_wider_than_the_terminal() {
    for width in [80, 100, 140] {
        let style = Style {
            color: false,
            width,
        };
        for report in [report(&Scenario::good()), report(&spoilt())] {
            let table = text(Format::Table, &report, style);
            // The last line is one sentence, whatever its length.
            let body = table.trim_end().rsplit_once('\n').expect("several lines").0;
            for line in body.lines() {
                assert!(line.chars().count() <= width, "{width}: {line}");
            }
        }
    }
}

#[test]
fn colour_changes_no_text() {
    let report = report(&spoilt());
    for format in [Format::Compact, Format::Table, Format::Json, Format::Jsonl] {
        let plain = text(
            format,
            &report,
            Style {
                color: false,
                width: 100,
            },
        );
        let colored = text(
            format,
            &report,
            Style {
                color: true,
                width: 100,
            },
        );
        let mut stripped = String::new();
        let mut rest = colored.as_str();
        while let Some((before, after)) = rest.split_once('\x1b') {
            stripped.push_str(before);
            rest = after.split_once('m').expect("a colour").1;
        }
        stripped.push_str(rest);
        assert_eq!(stripped, plain);
    }
}

#[test]
fn a_task_cannot_write_to_the_terminal_by_its_name() {
    let mut scenario = Scenario::good();
    let evil = sample::task(INIT.tgid, INIT.tid, "\x1b[2Jinit");
    scenario
        .after
        .push(crate::verdict::sample::bytes(&sample::syscall(
            evil, 165, [0; 6], "/a\nb",
        )));
    let report = report(&scenario);
    for format in [Format::Compact, Format::Table, Format::Json, Format::Jsonl] {
        let text = text(format, &report, Style::default());
        assert!(!text.contains('\x1b'), "{format:?}");
        assert!(!text.contains("/a\nb"), "{format:?}");
    }
}

#[test]
fn strangers_are_counted_and_not_in_the_timeline_for_people() {
    let mut scenario = Scenario::good();
    let record = sample::mkdir(STRANGER, MEMORY, 1234, "/not-ours");
    scenario
        .between
        .push(crate::verdict::sample::bytes(&record));
    let report = report(&scenario);
    assert!(
        report
            .timeline
            .iter()
            .any(|entry| entry.text.contains("/not-ours"))
    );
    assert!(!text(Format::Table, &report, Style::default()).contains("/not-ours"));
    assert!(!text(Format::Compact, &report, Style::default()).contains("/not-ours"));
}

#[test]
fn the_timeline_starts_at_the_clone() {
    let report = report(&Scenario::good());
    let clone = report
        .timeline
        .iter()
        .find(|entry| entry.event == "task_newtask")
        .expect("there");
    assert_eq!(clone.t_us, 0);
    let first = report
        .timeline
        .iter()
        .find(|entry| entry.in_run)
        .expect("there");
    assert_eq!(
        (first.event.as_str(), first.t_us < 0),
        ("cgroup_mkdir", true)
    );
}

#[test]
fn the_last_line_tells_verdict_and_counts() {
    let table = text(Format::Table, &report(&spoilt()), Style::default());
    let last = table.trim_end().rsplit_once('\n').expect("several lines").1;
    assert_eq!(
        last,
        "FAIL  43 expectations, 2 fail, 1 inconclusive; events 30, lost 0, unknown 0; payload exit 0; 51.2 ms"
    );
}

#[test]
fn a_full_disk_is_an_error_and_not_a_pass() {
    struct Full;
    impl io::Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::ErrorKind::StorageFull.into())
        }
        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
    let report = report(&Scenario::good());
    assert_eq!(report.verdict, Verdict::Pass);
    for format in [Format::Compact, Format::Table, Format::Json, Format::Jsonl] {
        let error = report
            .write(format, &mut Full, Style::default())
            .expect_err("nothing fits");
        assert_eq!(error.kind(), io::ErrorKind::StorageFull, "{format:?}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Records come from another program: whatever they hold, a run ends with a report.
    #[test]
    fn no_content_of_records_stops_a_report(
        flips in proptest::collection::vec((0_usize..64, 8_usize..4096, any::<u8>()), 1..200),
    ) {
        let scenario = Scenario::good();
        let mut records = scenario.records();
        for (record, at, value) in flips {
            let count = records.len();
            let record = &mut records[record % count];
            let at = at % record.len();
            record[at] = value;
        }
        let outcome = scenario.play_of(&records, &[]);
        let judgement = outcome.judge_final();
        let report = build(&scenario, &outcome, &judgement);
        for format in [Format::Compact, Format::Table, Format::Json, Format::Jsonl] {
            prop_assert!(!text(format, &report, Style::default()).is_empty());
        }
    }
}
