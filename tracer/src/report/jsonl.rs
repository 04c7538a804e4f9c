//! JSON lines: one for each event, one for each item, the rest in the last. `type` tells them
//! apart. Owns that envelope.

use std::io::{self, Write};

use serde::Serialize;

use super::{Report, Style};

#[derive(Serialize)]
struct Line<'a, T> {
    r#type: &'static str,
    #[serde(flatten)]
    content: &'a T,
}

/// What is left once events and items have lines of their own.
#[derive(Serialize)]
struct Summary<'a> {
    schema_version: u32,
    tracer: &'a super::document::Tool,
    host: &'a super::document::Machine,
    container: &'a super::document::Container,
    verdict: crate::verdict::Verdict,
    exit: u8,
    payload: &'a super::Payload,
    gate: Option<crate::verdict::Verdict>,
    omitted: u64,
    namespaces: &'a Option<serde_json::Value>,
    certificate: &'a Option<serde_json::Value>,
    counters: &'a super::document::CounterReport,
    timing: &'a super::Timing,
    hooks: &'a [super::Hook],
    #[serde(skip_serializing_if = "Option::is_none")]
    replay: &'a Option<super::Replay>,
}

/// Writes `report`.
pub fn write(report: &Report, out: &mut dyn Write, _style: Style) -> io::Result<()> {
    for entry in &report.timeline {
        line("event", entry, out)?;
    }
    for item in &report.items {
        line("item", item, out)?;
    }
    let summary = Summary {
        schema_version: report.schema_version,
        tracer: &report.tracer,
        host: &report.host,
        container: &report.container,
        verdict: report.verdict,
        exit: report.exit,
        payload: &report.payload,
        gate: report.gate.as_ref().map(|gate| gate.verdict),
        omitted: report.omitted,
        namespaces: &report.namespaces,
        certificate: &report.certificate,
        counters: &report.counters,
        timing: &report.timing,
        hooks: &report.hooks,
        replay: &report.replay,
    };
    line("summary", &summary, out)
}

/// Writes one line.
pub(super) fn line<T: Serialize>(
    r#type: &'static str,
    content: &T,
    out: &mut dyn Write,
) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &Line { r#type, content })?;
    writeln!(out)
}
