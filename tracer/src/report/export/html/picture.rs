//! The births as a picture: a lane for each task, a bar for the time that led up to each record.
//! Owns where things stand, in per cent of the width and pixels of the height, so that the page
//! zooms by width alone.

use crate::report::export::escape;
use crate::report::export::lanes::{Lane, Phase, lanes};
use crate::report::view::View;

/// Height of a lane.
const LANE: usize = 28;
/// Room for the scale above.
const TOP: usize = 26;
/// Bars at most: a browser draws that many at ease.
const BARS: usize = 4000;
/// Lanes at most.
const LANES: usize = 120;

/// What is drawn.
pub(super) struct Picture {
    pub height: usize,
    pub lanes: Vec<DrawnLane>,
    pub ticks: Vec<Tick>,
    pub links: Vec<Link>,
    pub phases: Vec<&'static str>,
    /// What there was no room for.
    pub left_out: usize,
}

pub(super) struct DrawnLane {
    pub y: usize,
    pub label: String,
    pub bars: Vec<DrawnBar>,
}

pub(super) struct DrawnBar {
    pub x: String,
    pub width: String,
    pub phase: &'static str,
    pub name: String,
    pub record: u64,
    pub at: String,
    pub took: String,
    pub text: String,
    pub who: String,
}

pub(super) struct Tick {
    pub x: String,
    pub label: String,
}

/// A clone: from the maker's lane to the made one's.
pub(super) struct Link {
    pub x: String,
    pub from: usize,
    pub to: usize,
}

pub(super) fn picture(view: &View) -> Picture {
    let all = lanes(view);
    let end = all
        .iter()
        .filter_map(|lane| lane.bars.last())
        .map(|bar| bar.to)
        .max()
        .unwrap_or_default()
        .max(1);
    let mut room = BARS;
    let mut left_out = 0;
    let mut drawn = Vec::new();
    let mut links = Vec::new();
    for (number, lane) in all.iter().enumerate() {
        let shown = if number < LANES {
            lane.bars.len().min(room)
        } else {
            0
        };
        room -= shown;
        left_out += lane.bars.len() - shown;
        if shown == 0 {
            continue;
        }
        let y = TOP + drawn.len() * LANE;
        links.extend(lane.born.and_then(|born| {
            let maker: &DrawnLane = drawn.get(born.by)?;
            Some(Link {
                x: percent(born.at, end),
                from: maker.y + LANE / 2,
                to: y + LANE / 2,
            })
        }));
        drawn.push(draw(lane, shown, y, end));
    }
    Picture {
        height: TOP + drawn.len() * LANE + 8,
        lanes: drawn,
        ticks: ticks(end),
        links,
        phases: Phase::ALL.iter().map(|phase| phase.name()).collect(),
        left_out,
    }
}

fn draw(lane: &Lane<'_>, shown: usize, y: usize, end: u64) -> DrawnLane {
    let label = escape(&format!("{}[{}]", lane.name, lane.tid));
    let bars = lane.bars.iter().take(shown).map(|bar| DrawnBar {
        x: percent(bar.from, end),
        width: percent(bar.to - bar.from, end),
        phase: bar.phase.name(),
        name: escape(&bar.step.event),
        record: bar.step.seq,
        at: duration(bar.to),
        took: duration(bar.to - bar.from),
        text: escape(&bar.step.text),
        who: label.clone(),
    });
    DrawnLane {
        y,
        bars: bars.collect(),
        label,
    }
}

/// Of the width, with four decimals, by whole numbers: the same on every machine.
fn percent(part: u64, whole: u64) -> String {
    let share = u128::from(part) * 1_000_000 / u128::from(whole);
    format!("{}.{:04}%", share / 10_000, share % 10_000)
}

fn duration(nanoseconds: u64) -> String {
    match nanoseconds {
        0..1_000_000 => format!("{}.{} µs", nanoseconds / 1000, nanoseconds % 1000 / 100),
        _ => format!(
            "{}.{:02} ms",
            nanoseconds / 1_000_000,
            nanoseconds % 1_000_000 / 10_000
        ),
    }
}

/// About eight, at round times.
fn ticks(end: u64) -> Vec<Tick> {
    let mut step = 1000_u64;
    while step.saturating_mul(8) < end {
        let first: String = step.to_string().chars().take(1).collect();
        step = match first.as_str() {
            "2" => step / 2 * 5,
            _ => step.saturating_mul(2),
        };
    }
    let times = (0..=8).map(|number| number * step);
    times
        .take_while(|time| *time <= end)
        .map(|time| Tick {
            x: percent(time, end),
            label: duration(time).replace(".0 ", " ").replace(".00 ", " "),
        })
        .collect()
}
