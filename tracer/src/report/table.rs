//! For people: the timeline, the table of expectations, the last line. Owns that format.

use std::io::{self, Write};

use anstyle::Style as Color;

use crate::verdict::{Item, Verdict};

use super::grid::{self, Cell, Column, Row};
use super::timeline::{self, Line};
use super::{Report, Style, summary};

const TIMELINE: [Column; 5] = [
    Column::right("RECORD", 6),
    Column::right("T+us", 6),
    Column::left("WHO", 14),
    Column::left("EVENT", 18),
    Column::left("WHAT CHANGED", 20),
];

/// Floors that leave the longest name and two records whole on 80 columns.
const ITEMS: [Column; 5] = [
    Column::left("EXPECTATION", 24),
    Column::left("ASKED", 15),
    Column::left("SEEN", 17),
    Column::left("VERDICT", 12),
    Column::left("EVIDENCE", 9),
];

/// Writes `report`.
pub fn write(report: &Report, out: &mut dyn Write, style: Style) -> io::Result<()> {
    let lines = timeline::lines(&report.timeline);
    let rows: Vec<Row> = lines.iter().map(timeline_row).collect();
    grid::write(&TIMELINE, &rows, out, style)?;
    if report.omitted > 0 {
        writeln!(out, "{} further events are not shown", report.omitted)?;
    }
    writeln!(out)?;
    items(&report.items, out, style)?;
    writeln!(out)?;
    summary::last_line(report, out, style)
}

/// Writes the table of expectations.
pub(super) fn items(items: &[Item], out: &mut dyn Write, style: Style) -> io::Result<()> {
    let rows: Vec<Row> = groups(items).iter().map(|group| item_row(group)).collect();
    grid::write(&ITEMS, &rows, out, style)
}

fn timeline_row(line: &Line<'_>) -> Row {
    let first = line.entries[0];
    Row {
        cells: vec![
            Cell {
                lines: vec![line.records()],
                color: Some(Color::new().dimmed()),
            },
            Cell::new(first.t_us.to_string()),
            Cell::new(format!("{}[{}]", first.process.name, first.process.pid)),
            Cell::new(line.event()),
            Cell {
                lines: line.what(),
                color: None,
            },
        ],
        notes: Vec::new(),
    }
}

/// Items that pass alike and differ in their hierarchy alone share a row.
fn groups(items: &[Item]) -> Vec<Vec<&Item>> {
    let mut groups: Vec<Vec<&Item>> = Vec::new();
    for item in items {
        match groups.last_mut() {
            Some(group) if alike(group[0], item) => group.push(item),
            _ => groups.push(vec![item]),
        }
    }
    groups
}

const CGROUP: &str = "cgroup.";

fn alike(one: &Item, other: &Item) -> bool {
    one.id.starts_with(CGROUP)
        && other.id.starts_with(CGROUP)
        && one.verdict == Verdict::Pass
        && (one.verdict, &one.asked, &one.seen) == (other.verdict, &other.asked, &other.seen)
}

fn item_row(group: &[&Item]) -> Row {
    let first = group[0];
    let id = match group {
        [only] => only.id.clone(),
        several => {
            let names: Vec<&str> = several
                .iter()
                .filter_map(|item| item.id.strip_prefix(CGROUP))
                .collect();
            format!("{CGROUP}{{{}}}", names.join(" "))
        }
    };
    let evidence = summary::evidence_text(group.iter().flat_map(|item| &item.evidence));
    let verdict = Some(summary::color(first.verdict));
    Row {
        cells: vec![
            Cell::new(id),
            Cell::new(&first.asked),
            Cell::new(&first.seen),
            Cell {
                lines: vec![first.verdict.name().to_owned()],
                color: verdict,
            },
            Cell::new(evidence),
        ],
        notes: summary::notes(first),
    }
}
