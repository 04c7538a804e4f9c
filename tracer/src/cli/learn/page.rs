//! A lesson as a page of 80 columns: text, evidence with its record numbers, what it means. Owns
//! the layout; must not know what a lesson is about.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};

use super::lesson::{Evidence, Lesson, Part, Records};
use crate::verdict::Verdict;

const WIDTH: usize = 80;
/// Where text stands.
const INDENT: usize = 2;
/// Room for the record numbers and for the event's name.
const NUMBERS: usize = 12;
const EVENT: usize = 20;

const BOLD: Style = Style::new().bold();
const DIM: Style = Style::new().dimmed();
const RECORD: Style = AnsiColor::Cyan.on_default();

/// The page; styles are in it and left out by whoever prints it where they don't belong.
#[must_use]
pub fn text(lesson: &Lesson) -> String {
    let mut page = format!("{BOLD}{}{BOLD:#}\n\n", lesson.title);
    paragraph(&mut page, Style::new(), "", &lesson.introduction);
    for (number, part) in (1..).zip(&lesson.parts) {
        page.push('\n');
        part_text(&mut page, number, part);
    }
    page.push('\n');
    paragraph(
        &mut page,
        Style::new(),
        "",
        &closing(lesson.verdict(), lesson.records),
    );
    page
}

fn part_text(page: &mut String, number: usize, part: &Part) {
    line(page, &format!("{BOLD}{number}. {}{BOLD:#}", part.title));
    paragraph(page, Style::new(), "", &part.text);
    page.push('\n');
    for evidence in &part.evidence {
        evidence_text(page, evidence);
    }
    page.push('\n');
    let (mark, style) = match part.verdict {
        Verdict::Pass => ("=> ", AnsiColor::Green.on_default()),
        Verdict::Fail => ("=> not so: ", AnsiColor::Red.on_default()),
        Verdict::Inconclusive => ("=> not shown: ", AnsiColor::Yellow.on_default()),
    };
    paragraph(page, style, mark, &part.meaning);
}

/// `#12 task_newtask   text`, the text wrapped in its own column.
fn evidence_text(page: &mut String, evidence: &Evidence) {
    let (numbers, event) = (numbers(&evidence.records), &evidence.event);
    let column = INDENT + NUMBERS + EVENT;
    for (index, shows) in wrap(&evidence.shows, WIDTH - column).iter().enumerate() {
        let text = if index == 0 {
            format!(
                "{:INDENT$}{RECORD}{numbers:<NUMBERS$}{RECORD:#}{DIM}{event:<EVENT$}{DIM:#}{shows}",
                ""
            )
        } else {
            format!("{:column$}{shows}", "")
        };
        line(page, &text);
    }
}

/// `#7`, `#7-#9`, or where they are not in a row `#7 +2`.
fn numbers(records: &[u64]) -> String {
    match records {
        [] => String::new(),
        [only] => format!("#{only}"),
        [first, .., last] => {
            let more = records.len() - 1;
            if last - first == more as u64 {
                format!("#{first}-{last}")
            } else {
                format!("#{first} +{more}")
            }
        }
    }
}

fn closing(verdict: Verdict, records: Records) -> String {
    let Records {
        read,
        lost,
        unknown,
    } = records;
    let counts = format!("{read} records read, {lost} lost, {unknown} not understood");
    match verdict {
        Verdict::Pass => format!("Shown from {counts}."),
        Verdict::Fail => format!("The kernel showed something else ({counts})."),
        Verdict::Inconclusive => format!("Not everything could be shown ({counts})."),
    }
}

/// Wrapped text; what follows the first line of a mark stands behind it.
fn paragraph(page: &mut String, style: Style, mark: &str, text: &str) {
    let hanging = if mark.is_empty() { 0 } else { 3 };
    let marked = format!("{mark}{text}");
    for (index, words) in wrap_hanging(&marked, WIDTH - INDENT, hanging)
        .iter()
        .enumerate()
    {
        let indent = if index == 0 { INDENT } else { INDENT + hanging };
        line(page, &format!("{:indent$}{style}{words}{style:#}", ""));
    }
}

fn line(page: &mut String, text: &str) {
    // Writing to a String cannot fail.
    let _infallible = writeln!(page, "{text}");
}

fn wrap(text: &str, width: usize) -> Vec<String> {
    wrap_hanging(text, width, 0)
}

/// Lines of at most `width` characters, all but the first shorter by `hanging`; a longer word
/// has a line to itself.
fn wrap_hanging(text: &str, width: usize, hanging: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut last = String::new();
    for word in text.split_whitespace() {
        let room = if lines.is_empty() {
            width
        } else {
            width - hanging
        };
        let length = last.chars().count() + 1 + word.chars().count();
        if !last.is_empty() && length > room {
            lines.push(std::mem::take(&mut last));
        }
        if !last.is_empty() {
            last.push(' ');
        }
        last.push_str(word);
    }
    lines.push(last);
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    fn page() -> String {
        let long = "a sentence that goes on and on ".repeat(9);
        let lesson = Lesson {
            name: "test",
            title: "What a page looks like",
            introduction: long.clone(),
            parts: vec![Part {
                title: "One".to_owned(),
                text: long.clone(),
                evidence: vec![Evidence {
                    records: vec![7, 8, 12],
                    event: "sched_process_exec".to_owned(),
                    shows: long.clone(),
                }],
                verdict: Verdict::Inconclusive,
                meaning: long,
            }],
            records: Records {
                read: 13,
                lost: 0,
                unknown: 0,
            },
        };
        anstream::adapter::strip_str(&text(&lesson)).to_string()
    }

    #[test]
    fn a_page_fits_80_columns() {
        for line in page().lines() {
            assert!(line.chars().count() <= WIDTH, "{line}");
            assert_eq!(line.trim_end(), line, "no blanks at the end");
        }
    }

    #[test]
    fn what_was_not_shown_is_said_in_words_and_not_by_colour_alone() {
        assert!(page().contains("=> not shown: a sentence"));
        assert!(page().contains("Not everything could be shown"));
    }

    #[test]
    fn record_numbers_in_a_row_are_a_range() {
        assert_eq!(numbers(&[7]), "#7");
        assert_eq!(numbers(&[7, 8, 9]), "#7-9");
        assert_eq!(numbers(&[7, 9, 12]), "#7 +2");
    }

    #[test]
    fn a_word_wider_than_the_line_stands_alone() {
        assert_eq!(wrap("a bcdefgh i", 4), ["a", "bcdefgh", "i"]);
    }
}
