//! Several runs side by side: a row for each expectation, a column for each container. Owns that
//! table and what counts as a difference.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use super::markdown::cell;
use super::{Case, View, escape};
use crate::report::view::Suite;

/// The table.
pub(super) struct Matrix {
    pub columns: Vec<Column>,
    pub rows: Vec<Row>,
    /// Rows in which not all are alike.
    pub differing: usize,
}

/// One container of one run.
pub(super) struct Column {
    pub run: String,
    pub container: String,
    /// Of the container; `fail` or `inconclusive` also where a run has none.
    pub verdict: &'static str,
    pub time: String,
}

/// One expectation.
pub(super) struct Row {
    pub id: String,
    pub differs: bool,
    pub cells: Vec<Cell>,
}

/// How it fared in one container.
pub(super) struct Cell {
    /// Empty where it was not asked.
    pub verdict: &'static str,
    pub seen: String,
}

pub(super) fn matrix(runs: &[(&str, &View)]) -> Matrix {
    let mut columns = Vec::new();
    let mut lists: Vec<&[Case]> = Vec::new();
    for (name, view) in runs {
        let column = |container: &str, verdict| Column {
            run: escape(name),
            container: escape(container),
            verdict,
            time: format!("{}.{} ms", view.total_us / 1000, view.total_us % 1000 / 100),
        };
        let judged: Vec<&Suite> = view.judged().collect();
        for suite in &judged {
            let verdict = suite.verdict.map_or("", |verdict| verdict.name());
            columns.push(column(&suite.name, verdict));
            lists.push(&suite.cases);
        }
        if judged.is_empty() {
            columns.push(column("no container", view.verdict.name()));
            lists.push(&view.troubles);
        }
    }
    let mut ids: Vec<&str> = Vec::new();
    for case in lists.iter().copied().flatten() {
        if !ids.contains(&case.id.as_str()) {
            ids.push(&case.id);
        }
    }
    let rows: Vec<Row> = ids.iter().map(|id| row(id, &lists)).collect();
    Matrix {
        columns,
        differing: rows.iter().filter(|row| row.differs).count(),
        rows,
    }
}

/// Numbers of namespaces differ in any two runs, so what was seen counts only in words.
fn row(id: &str, lists: &[&[Case]]) -> Row {
    let cells = lists.iter().map(|cases| {
        let case = cases.iter().find(|case| case.id == id);
        Cell {
            verdict: case.map_or("", |case| case.verdict.name()),
            seen: case.map(|case| escape(&case.seen)).unwrap_or_default(),
        }
    });
    let cells: Vec<Cell> = cells.collect();
    // Who was not asked has no outcome that could be another.
    let outcomes = cells.iter().map(|cell| cell.verdict);
    let outcomes: BTreeSet<&str> = outcomes.filter(|verdict| !verdict.is_empty()).collect();
    Row {
        id: escape(id),
        differs: outcomes.len() > 1,
        cells,
    }
}

/// The comparison alone, for a pull request.
pub(super) fn text(runs: &[(&str, &View)]) -> String {
    let matrix = matrix(runs);
    let mut text = format!(
        "### {} runs compared: {} expectations, {} with different outcomes\n\n| expectation |",
        runs.len(),
        matrix.rows.len(),
        matrix.differing
    );
    // Writing to a String cannot fail.
    for column in &matrix.columns {
        let _ = write!(text, " {} {} |", cell(&column.run), cell(&column.container));
    }
    text.push_str("\n|---|");
    text.push_str(&"---|".repeat(matrix.columns.len()));
    text.push_str("\n| **verdict** |");
    for column in &matrix.columns {
        let _ = write!(text, " **{}** |", column.verdict);
    }
    text.push_str("\n| time |");
    for column in &matrix.columns {
        let _ = write!(text, " {} |", column.time);
    }
    text.push('\n');
    for differs in [true, false] {
        for row in matrix.rows.iter().filter(|row| row.differs == differs) {
            let mark = if differs { " ≠" } else { "" };
            let _ = write!(text, "| {}{mark} |", cell(&row.id));
            for one in &row.cells {
                let verdict = if one.verdict.is_empty() {
                    "—"
                } else {
                    one.verdict
                };
                let _ = write!(text, " {verdict} |");
            }
            text.push('\n');
        }
    }
    text
}
