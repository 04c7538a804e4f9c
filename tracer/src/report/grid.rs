//! Columns of text that fit a width. Owns measuring, wrapping and the escaping of every cell, so
//! that nothing reaches a terminal unescaped.

use std::io::{self, Write};

use anstyle::Style as Color;

use super::Style;
use super::escape::escape;

/// Between two columns.
const GAP: usize = 2;

/// A column.
pub(super) struct Column {
    pub title: &'static str,
    /// The least width that it can be squeezed to.
    pub min: usize,
    /// Numbers stand on the right.
    pub right: bool,
}

impl Column {
    /// Of words.
    pub(super) const fn left(title: &'static str, min: usize) -> Self {
        Self {
            title,
            min,
            right: false,
        }
    }

    /// Of numbers.
    pub(super) const fn right(title: &'static str, min: usize) -> Self {
        Self {
            title,
            min,
            right: true,
        }
    }
}

/// What stands in one column of one row: paragraphs, each starting on a line of its own.
#[derive(Clone, Debug, Default)]
pub(super) struct Cell {
    pub lines: Vec<String>,
    pub color: Option<Color>,
}

impl Cell {
    pub(super) fn new(text: impl Into<String>) -> Self {
        Self {
            lines: vec![text.into()],
            color: None,
        }
    }
}

/// A row, and what is said about it below: indented, across all columns.
#[derive(Clone, Debug, Default)]
pub(super) struct Row {
    pub cells: Vec<Cell>,
    pub notes: Vec<String>,
}

/// Writes a head and the rows.
pub(super) fn write(
    columns: &[Column],
    rows: &[Row],
    out: &mut dyn Write,
    style: Style,
) -> io::Result<()> {
    let head = Row {
        cells: columns
            .iter()
            .map(|column| Cell::new(column.title))
            .collect(),
        notes: Vec::new(),
    };
    let rows: Vec<Row> = rows.iter().map(escaped).collect();
    let widths = widths(columns, &head, &rows, style.width);
    let bold = Some(Color::new().bold());
    let title = head
        .cells
        .into_iter()
        .map(|cell| Cell {
            color: bold,
            ..cell
        })
        .collect();
    line(
        columns,
        &widths,
        &Row {
            cells: title,
            notes: Vec::new(),
        },
        out,
        style,
    )?;
    for row in &rows {
        line(columns, &widths, row, out, style)?;
        for note in &row.notes {
            for text in wrap(note, style.width.saturating_sub(4).max(20)) {
                writeln!(out, "    {text}")?;
            }
        }
    }
    Ok(())
}

fn escaped(row: &Row) -> Row {
    let cell = |cell: &Cell| Cell {
        lines: cell.lines.iter().map(|text| escape(text)).collect(),
        color: cell.color,
    };
    Row {
        cells: row.cells.iter().map(cell).collect(),
        notes: row.notes.iter().map(|note| escape(note)).collect(),
    }
}

fn length(text: &str) -> usize {
    text.chars().count()
}

/// Natural widths, of which the widest are squeezed until the row fits.
fn widths(columns: &[Column], head: &Row, rows: &[Row], total: usize) -> Vec<usize> {
    let mut widths = vec![0; columns.len()];
    for row in std::iter::once(head).chain(rows) {
        for (width, cell) in widths.iter_mut().zip(&row.cells) {
            *width = cell
                .lines
                .iter()
                .map(|text| length(text))
                .fold(*width, usize::max);
        }
    }
    let room = total.saturating_sub(GAP * columns.len().saturating_sub(1));
    // On a very narrow terminal nothing is spared.
    let floors = [|column: &Column| column.min, |_: &Column| 4];
    for floor in floors {
        while widths.iter().sum::<usize>() > room {
            let squeezable = widths
                .iter()
                .zip(columns)
                .enumerate()
                .filter(|(_, (width, column))| **width > floor(column))
                .max_by_key(|(_, (width, _))| **width)
                .map(|(at, _)| at);
            let Some(at) = squeezable else { break };
            widths[at] -= 1;
        }
    }
    widths
}

fn line(
    columns: &[Column],
    widths: &[usize],
    row: &Row,
    out: &mut dyn Write,
    style: Style,
) -> io::Result<()> {
    let cells: Vec<Vec<String>> = row
        .cells
        .iter()
        .zip(widths)
        .map(|(cell, width)| {
            cell.lines
                .iter()
                .flat_map(|text| wrap(text, *width))
                .collect()
        })
        .collect();
    let height = cells.iter().map(Vec::len).max().unwrap_or(0);
    for at in 0..height {
        let mut text = String::new();
        // Spaces are owed until something follows them: no line ends with one.
        let mut owed = 0;
        for (((column, cell), lines), width) in
            columns.iter().zip(&row.cells).zip(&cells).zip(widths)
        {
            let part = lines.get(at).map_or("", String::as_str);
            let fill = width.saturating_sub(length(part));
            let (before, after) = if column.right { (fill, 0) } else { (0, fill) };
            if part.is_empty() {
                owed += before;
            } else {
                text.extend(std::iter::repeat_n(' ', owed + before));
                owed = 0;
                text.push_str(&painted(part, cell.color, style));
            }
            owed += after + GAP;
        }
        writeln!(out, "{text}")?;
    }
    Ok(())
}

/// With its colour, when colours are wanted.
pub(super) fn painted(text: &str, color: Option<Color>, style: Style) -> String {
    match color {
        Some(color) if style.color => format!("{color}{text}{color:#}"),
        _ => text.to_owned(),
    }
}

/// Breaks at spaces, and inside a word only when it is longer than the width.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let width = width.max(1);
    let mut lines = Vec::new();
    let mut current = String::new();
    for word in text.split(' ') {
        let mut word = word;
        let needed = length(&current) + usize::from(!current.is_empty()) + length(word);
        if needed <= width {
            if !current.is_empty() {
                current.push(' ');
            }
            current.push_str(word);
            continue;
        }
        if !current.is_empty() {
            lines.push(std::mem::take(&mut current));
        }
        while let Some((at, _)) = word.char_indices().nth(width) {
            lines.push(word[..at].to_owned());
            word = &word[at..];
        }
        word.clone_into(&mut current);
    }
    lines.push(current);
    lines
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const COLUMNS: [Column; 2] = [Column::right("N", 3), Column::left("TEXT", 10)];

    fn grid(rows: &[Row], style: Style) -> String {
        let mut out = Vec::new();
        write(&COLUMNS, rows, &mut out, style).expect("memory takes everything");
        String::from_utf8(out).expect("text")
    }

    fn row(number: &str, text: &str) -> Row {
        Row {
            cells: vec![Cell::new(number), Cell::new(text)],
            notes: Vec::new(),
        }
    }

    #[test]
    fn long_text_wraps_under_its_own_column() {
        let style = Style {
            color: false,
            width: 20,
        };
        assert_eq!(
            grid(&[row("7", "four words in here and more")], style),
            "N  TEXT\n7  four words in\n   here and more\n"
        );
    }

    #[test]
    fn a_cell_cannot_break_out_of_its_line() {
        let text = grid(&[row("1", "a\nb\x1b[31m")], Style::default());
        assert_eq!(text, "N  TEXT\n1  a\\u{a}b\\u{1b}[31m\n");
    }

    #[test]
    fn colour_changes_no_layout() {
        let mut colored = row("1", "red");
        colored.cells[1].color = Some(Color::new().bold());
        let rows = [colored];
        let plain = grid(
            &rows,
            Style {
                color: false,
                width: 40,
            },
        );
        let painted = grid(
            &rows,
            Style {
                color: true,
                width: 40,
            },
        );
        assert!(painted.contains('\x1b'));
        let stripped = painted.replace("\x1b[1m", "").replace("\x1b[0m", "");
        assert_eq!(stripped, plain);
    }

    proptest! {
        #[test]
        fn wrapping_loses_nothing_and_keeps_the_width(text in "[a-c ]{0,60}", width in 1_usize..20) {
            let lines = wrap(&text, width);
            prop_assert!(lines.iter().all(|line| length(line) <= width));
            let joined: String = lines.concat().replace(' ', "");
            prop_assert_eq!(joined, text.replace(' ', ""));
        }
    }
}
