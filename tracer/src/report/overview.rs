//! `tracer top`: one screen of who lives now. Owns its words and what of it fits; must not know the terminal.

use super::Style;
use super::grid::{self, Cell, Column, Row};
use crate::audit::overview::{Overview, Resident};

const COLUMNS: [Column; 9] = [
    Column::right("AGE", 5),
    Column::right("PID", 5),
    Column::left("PROCESS", 8),
    Column::left("ID", 16),
    Column::left("NAME", 6),
    Column::left("VERDICT", 7),
    Column::right("CHANGED", 7),
    Column::right("ENTERED", 7),
    Column::left("APART BY", 12),
];

/// A screen of so many columns and lines.
#[derive(Clone, Copy, Debug)]
pub struct Screen {
    /// Columns.
    pub width: usize,
    /// Lines.
    pub height: usize,
    /// Containers that were scrolled past.
    pub above: usize,
    /// With colours.
    pub color: bool,
}

/// The lines of a screen, none longer and none more than there is room for. `now_ns` is the time since the
/// machine was started; `mode` says how setns and unshare are seen.
pub fn lines(overview: &Overview, mode: &str, now_ns: u64, screen: Screen) -> Vec<String> {
    let living = overview.living();
    let mut lines = vec![
        format!(
            "tracer top ({mode}): {} live, {} born, {} ended, {} violations, {} records lost",
            living.len(),
            overview.born,
            overview.ended,
            overview.violations,
            overview.lost
        ),
        "q ends it, up and down scroll".to_owned(),
        String::new(),
    ];
    let above = screen.above.min(living.len().saturating_sub(1));
    let rows: Vec<Row> = living
        .into_iter()
        .skip(above)
        .take(screen.height)
        .map(|one| row(one, now_ns))
        .collect();
    let mut table = Vec::new();
    let style = Style {
        color: screen.color,
        width: screen.width,
    };
    // Writing to memory cannot fail.
    let _ = grid::write(&COLUMNS, &rows, &mut table, style);
    lines.extend(String::from_utf8_lossy(&table).lines().map(str::to_owned));
    for line in lines.iter_mut().take(2) {
        *line = line.chars().take(screen.width).collect();
    }
    lines.truncate(screen.height);
    lines
}

fn row(one: &Resident, now_ns: u64) -> Row {
    let seconds = now_ns.saturating_sub(one.since_ns) / 1_000_000_000;
    let age = super::census::age_text(seconds);
    let verdict = one.verdict.as_deref().map(str::to_uppercase);
    let cells = [
        // Of one that was there before, it is known that it is older.
        if one.found { format!(">{age}") } else { age },
        one.pid.to_string(),
        one.process.clone(),
        one.id.clone(),
        one.name.clone().unwrap_or_default(),
        match verdict {
            Some(verdict) if one.incomplete => format!("{verdict} incomplete"),
            Some(verdict) => verdict,
            None if one.incomplete => "incomplete".to_owned(),
            None => String::new(),
        },
        one.changes.to_string(),
        one.entered.to_string(),
        match &one.by {
            Some(by) => format!("{} < {by}", one.apart),
            None => one.apart.clone(),
        },
    ];
    Row {
        cells: cells.into_iter().map(Cell::new).collect(),
        notes: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_screen_has_as_much_as_there_is_room_for_and_can_be_scrolled() {
        let overview = Overview::sample(&["first", "second", "third"]);
        let screen = Screen {
            width: 100,
            height: 6,
            above: 0,
            color: false,
        };
        let now = 65_000_000_000;
        let all = lines(&overview, "exact", now, screen);
        assert_eq!(all.len(), 6);
        assert!(all[0].contains("3 live, 3 born"), "{all:?}");
        assert!(
            all[3].contains("AGE") && all[4].contains("third"),
            "{all:?}"
        );
        let below = Screen { above: 2, ..screen };
        let all = lines(&overview, "exact", now, below);
        assert!(all[4].contains("first") && all.len() == 5, "{all:?}");
        let narrow = Screen {
            width: 60,
            height: 40,
            ..screen
        };
        let all = lines(&overview, "exact", now, narrow);
        assert!(all.iter().take(2).all(|line| line.chars().count() <= 60));
        let hostile = Overview::sample(&["a\u{1b}[2J"]);
        let all = lines(&hostile, "exact", now, screen).concat();
        assert!(!all.contains('\u{1b}'), "{all:?}");
    }
}
