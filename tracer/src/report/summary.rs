//! The last line, and the lines of items that do not pass. Owns their words.

use std::io::{self, Write};

use anstyle::{AnsiColor, Style as Color};

use crate::verdict::{Evidence, Item, Verdict};

use super::document::{Payload, Report};
use super::escape::escape;
use super::{Style, grid, replay};

pub(super) fn color(verdict: Verdict) -> Color {
    let color = match verdict {
        Verdict::Pass => AnsiColor::Green,
        Verdict::Fail => AnsiColor::Red,
        Verdict::Inconclusive => AnsiColor::Yellow,
    };
    Color::new().fg_color(Some(color.into())).bold()
}

/// The verdict and the counts, the payload's end, the time it took.
pub(super) fn last_line(report: &Report, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let verdict = report.verdict.name().to_uppercase();
    let counters = &report.counters;
    let mut counts = format!("{} expectations", report.items.len());
    for verdict in [Verdict::Fail, Verdict::Inconclusive] {
        let count = report.count(verdict);
        if count > 0 {
            counts = format!("{counts}, {count} {}", verdict.name());
        }
    }
    let payload = match &report.payload {
        Payload::NeverRan => "payload never ran".to_owned(),
        Payload::NotExecuted { error } => format!("payload not executed: {error}"),
        Payload::Exited { code } => format!("payload exit {code}"),
        Payload::Signaled { signal } => format!("payload killed by signal {signal}"),
        Payload::Unknown => "payload's end not known".to_owned(),
    };
    replay::lines(report.replay.as_ref(), out)?;
    writeln!(
        out,
        "{}  {counts}; events {}, lost {}, unknown {}; {}; {}.{} ms",
        grid::painted(&verdict, Some(color(report.verdict)), style),
        counters.read,
        counters.lost,
        counters.unknown,
        escape(&payload),
        report.timing.total_us / 1000,
        report.timing.total_us % 1000 / 100,
    )
}

/// Numbers of the records that an item rests on, ascending: `#4 #7-9`; for other sources, their
/// name.
pub(super) fn evidence_text<'a>(evidence: impl Iterator<Item = &'a Evidence>) -> String {
    records_text(evidence.map(|one| (one.seq, one.source.as_str())))
}

/// The same of numbers and sources.
pub(super) fn records_text<'a>(evidence: impl Iterator<Item = (Option<u64>, &'a str)>) -> String {
    let mut records: Vec<u64> = Vec::new();
    let mut others: Vec<String> = Vec::new();
    for (seq, source) in evidence {
        match seq {
            Some(seq) => records.push(seq),
            None if !others.iter().any(|known| known == source) => others.push(source.to_owned()),
            None => {}
        }
    }
    records.sort_unstable();
    records.dedup();
    let mut runs: Vec<(u64, u64)> = Vec::new();
    for seq in records {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(seq) => *last = seq,
            _ => runs.push((seq, seq)),
        }
    }
    let runs = runs.into_iter().map(|(first, last)| match last - first {
        0 => format!("#{first}"),
        1 => format!("#{first} #{last}"),
        _ => format!("#{first}-{last}"),
    });
    runs.chain(others).collect::<Vec<_>>().join(" ")
}

/// Why an item does not pass, and each piece of evidence.
pub(super) fn notes(item: &Item) -> Vec<String> {
    let mut notes: Vec<String> = item.reason.iter().cloned().collect();
    if item.verdict == Verdict::Fail {
        notes.extend(item.evidence.iter().map(|one| {
            let record = one.seq.map(|seq| format!("#{seq} ")).unwrap_or_default();
            format!("{record}{}: {}", one.source, one.detail)
        }));
    }
    notes
}
