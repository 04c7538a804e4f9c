//! One line for each event of the run and for each item that does not pass, then the last line.
//! Owns that format.

use std::io::{self, Write};

use crate::verdict::{Item, Verdict};

use super::escape::escape;
use super::{Report, Style, grid, summary};

/// Writes `report`.
pub fn write(report: &Report, out: &mut dyn Write, style: Style) -> io::Result<()> {
    for entry in report.timeline.iter().filter(|entry| entry.in_run) {
        let who = format!("{}[{}]", entry.process.name, entry.process.pid);
        writeln!(
            out,
            "#{} {} us {} {} {}",
            entry.seq,
            entry.t_us,
            escape(&who),
            escape(&entry.event),
            escape(&entry.text)
        )?;
    }
    for item in &report.items {
        failed_item("", item, out, style)?;
    }
    summary::last_line(report, out, style)
}

/// The line of an item that does not pass, with whose it is before its name.
pub(super) fn failed_item(
    whose: &str,
    item: &Item,
    out: &mut dyn Write,
    style: Style,
) -> io::Result<()> {
    if item.verdict == Verdict::Pass {
        return Ok(());
    }
    let verdict = item.verdict.name().to_uppercase();
    let verdict = grid::painted(&verdict, Some(summary::color(item.verdict)), style);
    let reason = item.reason.as_deref().unwrap_or_default();
    let evidence = summary::evidence_text(item.evidence.iter());
    writeln!(
        out,
        "{verdict} {whose}{}: asked {}, seen {}: {} {}",
        escape(&item.id),
        escape(&item.asked),
        escape(&item.seen),
        escape(reason),
        escape(&evidence)
    )
}
