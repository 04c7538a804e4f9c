//! A status as Prometheus reads it: the text format 0.0.4. Owns names, types and words of the metrics.

use std::fmt::Write as _;

use crate::verdict::kinds;

use super::loss::name;
use super::status::Status;

/// What `Content-Type` says of it.
pub const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The metrics.
#[must_use]
pub fn text(status: &Status) -> String {
    let mut text = Text(String::new());
    text.one(
        "tracer_audit_info",
        "gauge",
        "What audits, and what is audited.",
        &[
            ("version", env!("CARGO_PKG_VERSION")),
            ("kernel", &status.kernel),
            ("mode", status.mode),
        ],
        "1",
    );
    counters(&mut text, status);
    if !status.tally.unwritten.is_empty() {
        unwritten(&mut text, status);
    }
    containers(&mut text, status);
    hooks(&mut text, status);
    resources(&mut text, status);
    text.0
}

fn counters(text: &mut Text, status: &Status) {
    let counters = &status.counters;
    text.family(
        "tracer_audit_events_total",
        "counter",
        "Records of the kernel side that were read, by kind.",
    );
    for kind in kinds() {
        let read = counters.read.get(kind).to_string();
        text.sample("tracer_audit_events_total", &[("kind", name(kind))], &read);
    }
    let lost = "tracer_audit_lost_events_total";
    text.family(
        lost,
        "counter",
        "Records that are missing, by kind and cause: the ring had no room, the kernel did not run the program, they were not understood, or the table of processes was full and an end may be missing.",
    );
    for kind in kinds() {
        let not_run = counters.not_run.get(kind);
        let causes = [
            ("ring_full", counters.lost.get(kind).saturating_sub(not_run)),
            ("not_run", not_run),
            ("not_understood", counters.unknown.get(kind)),
        ];
        for (cause, count) in causes {
            let labels = [("kind", name(kind)), ("cause", cause)];
            text.sample(lost, &labels, &count.to_string());
        }
    }
    let labels = [("kind", "sched_process_exit"), ("cause", "not_marked")];
    text.sample(lost, &labels, &counters.scope_full.to_string());
    let put_out = "tracer_audit_marks_put_out_total";
    text.family(
        put_out,
        "counter",
        "Processes in namespaces of their own that were put out of the table of processes to make room.",
    );
    text.sample(put_out, &[], &counters.put_out.to_string());
    let records = "tracer_audit_records_total";
    text.family(
        records,
        "counter",
        "Records of the stream, by type, before filters.",
    );
    for kind in super::record::NAMES {
        let count = status.tally.of(kind).to_string();
        text.sample(records, &[("type", kind)], &count);
    }
}

fn unwritten(text: &mut Text, status: &Status) {
    let unwritten = "tracer_audit_unwritten_records_total";
    text.family(
        unwritten,
        "counter",
        "Records of the stream that could not be written, by the kind of place.",
    );
    for (place, count) in &status.tally.unwritten {
        text.sample(unwritten, &[("output", place)], &count.to_string());
    }
}

fn containers(text: &mut Text, status: &Status) {
    text.one(
        "tracer_audit_containers",
        "gauge",
        "Containers in which somebody lives.",
        &[],
        &status.living.to_string(),
    );
    text.one(
        "tracer_audit_containers_born_total",
        "counter",
        "Births that were told of.",
        &[],
        &status.tally.of("container_born").to_string(),
    );
    let verdicts = "tracer_audit_verdicts_total";
    text.family(
        verdicts,
        "counter",
        "Births that were judged, by the outcome.",
    );
    for result in ["pass", "fail", "inconclusive"] {
        let count = status.tally.verdicts.get(result).copied();
        let count = count.unwrap_or_default().to_string();
        text.sample(verdicts, &[("result", result)], &count);
    }
}

fn hooks(text: &mut Text, status: &Status) {
    let attached = "tracer_audit_hook_attached";
    text.family(
        attached,
        "gauge",
        "Whether a hook was attached at the start, and by which way.",
    );
    for (hook, way) in &status.hooks {
        let labels = [("hook", &**hook), ("way", way.as_deref().unwrap_or("none"))];
        text.sample(attached, &labels, if way.is_some() { "1" } else { "0" });
    }
    if let Some(gone) = &status.gone {
        text.one(
            "tracer_audit_programs_detached",
            "gauge",
            "Programs that are not attached any more.",
            &[],
            &gone.len().to_string(),
        );
    }
    if status.runs.is_empty() {
        return;
    }
    let runs = "tracer_audit_program_runs_total";
    text.family(
        runs,
        "counter",
        "How often a program has run, since the kernel measures it.",
    );
    for one in &status.runs {
        text.sample(runs, &[("program", &one.program)], &one.count.to_string());
    }
    let seconds = "tracer_audit_program_run_seconds_total";
    text.family(
        seconds,
        "counter",
        "For how long a program has run, since the kernel measures it.",
    );
    for one in &status.runs {
        let time = one.time.as_secs_f64().to_string();
        text.sample(seconds, &[("program", &one.program)], &time);
    }
}

fn resources(text: &mut Text, status: &Status) {
    if let Some(ring) = status.ring {
        text.one(
            "tracer_audit_ring_used_bytes",
            "gauge",
            "Bytes of the ring that wait to be read.",
            &[],
            &ring.used.to_string(),
        );
        text.one(
            "tracer_audit_ring_size_bytes",
            "gauge",
            "Bytes of the ring.",
            &[],
            &ring.size.to_string(),
        );
    }
    if let Some(marked) = status.marked {
        let labels = [("map", "SCOPE")];
        text.one(
            "tracer_audit_map_entries",
            "gauge",
            "Entries of a table of the kernel side.",
            &labels,
            &marked.used.to_string(),
        );
        text.one(
            "tracer_audit_map_size_entries",
            "gauge",
            "Entries that it has room for.",
            &labels,
            &marked.size.to_string(),
        );
    }
    if let Some(resident) = status.resident {
        text.one(
            "process_resident_memory_bytes",
            "gauge",
            "Resident memory size in bytes.",
            &[],
            &resident.to_string(),
        );
    }
}

struct Text(String);

impl Text {
    fn one(&mut self, name: &str, kind: &str, help: &str, labels: &[(&str, &str)], value: &str) {
        self.family(name, kind, help);
        self.sample(name, labels, value);
    }

    // Writing to a String cannot fail.
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: &str) {
        self.0.push_str(name);
        for (number, (label, text)) in labels.iter().enumerate() {
            let open = if number == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{open}{label}=\"{}\"", escaped(text));
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }
}

fn escaped(text: &str) -> String {
    let text = text.replace('\\', "\\\\").replace('"', "\\\"");
    text.replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use openmetrics_parser::{PrometheusType, prometheus::parse_prometheus};
    use tracer_common::Kind;

    use super::*;
    use crate::audit::status::{Fill, Runs};

    fn status() -> Status {
        let mut status = Status {
            kernel: "6.1.0-\"\\\n".to_owned(),
            mode: "exact",
            hooks: [
                ("sys_exit".to_owned(), None),
                ("task_newtask".to_owned(), Some("tp_btf".to_owned())),
            ]
            .into(),
            gone: Some(Vec::new()),
            living: 3,
            runs: vec![Runs {
                program: "exec".to_owned(),
                count: 7,
                time: Duration::from_micros(5),
            }],
            ring: Some(Fill {
                used: 0,
                size: 1 << 22,
            }),
            marked: Some(Fill { used: 2, size: 9 }),
            resident: Some(1 << 24),
            ..Status::default()
        };
        status.counters.lost.set(Kind::FORK, 5);
        status.counters.not_run.set(Kind::FORK, 1);
        status.tally.verdicts.insert("pass".to_owned(), 2);
        status
    }

    #[test]
    fn a_parser_of_prometheus_reads_it_back() {
        let read = parse_prometheus(&text(&status())).expect("valid");
        let family = |name: &str| read.families.get(name).unwrap_or_else(|| panic!("{name}"));
        for (name, family) in &read.families {
            let counts = name.ends_with("_total");
            let is_counter = family.family_type == PrometheusType::Counter;
            assert_eq!(counts, is_counter, "{name}");
            assert!(!family.help.is_empty(), "{name}");
        }
        let value = |name: &str, labels: &[(&str, &str)]| {
            let all = family(name).iter_samples().filter(|sample| {
                let known = sample.get_labelset().expect("labels");
                let mut wanted = labels.iter();
                wanted.all(|(label, text)| known.get_label_value(label) == Some(*text))
            });
            let all: Vec<String> = all.map(|sample| format!("{:?}", sample.value)).collect();
            assert_eq!(all.len(), 1, "{name} {labels:?}: {all:?}");
            all.concat()
        };
        let lost = [("kind", name(Kind::FORK)), ("cause", "ring_full")];
        assert!(value("tracer_audit_lost_events_total", &lost).contains('4'));
        let not_run = [("kind", name(Kind::FORK)), ("cause", "not_run")];
        assert!(value("tracer_audit_lost_events_total", &not_run).contains('1'));
        assert!(value("tracer_audit_verdicts_total", &[("result", "pass")]).contains('2'));
        assert!(value("tracer_audit_containers", &[]).contains('3'));
        assert!(value("tracer_audit_program_runs_total", &[("program", "exec")]).contains('7'));
    }

    #[test]
    fn no_series_is_there_twice() {
        let text = text(&status());
        let mut seen = std::collections::BTreeSet::new();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (series, _) = line.rsplit_once(' ').expect("a value");
            assert!(seen.insert(series), "{series}");
        }
    }

    #[test]
    fn what_is_not_measured_is_not_told() {
        let text = text(&Status::default());
        for name in [
            "program_runs",
            "detached",
            "ring_used",
            "map_entries",
            "resident",
        ] {
            assert!(!text.contains(name), "{name}");
        }
        assert!(parse_prometheus(&text).is_ok());
    }
}
