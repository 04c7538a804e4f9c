//! GitHub's workflow commands and step summary, within the limits that GitHub sets. Owns both
//! texts; where they go is the command line's.

use std::fmt::Write as _;

use super::{Case, View, headline, markdown, reason};
use crate::report::view::Place;
use crate::verdict::Verdict;

/// Annotations of one type that GitHub shows of one step.
const ANNOTATIONS: usize = 10;
/// Bytes of a step's summary (<https://docs.github.com/actions/reference/workflow-commands-for-github-actions>).
const SUMMARY: usize = 1 << 20;

/// A line for each case that does not pass: errors and, for what cannot be known, warnings.
pub fn annotations(view: &View) -> String {
    let mut text = String::new();
    for (verdict, command) in [(Verdict::Fail, "error"), (Verdict::Inconclusive, "warning")] {
        let suites = view
            .judged()
            .map(|suite| (suite.name.as_str(), &suite.cases));
        let all = suites.chain([("tracer", &view.troubles)]);
        let cases = all.flat_map(|(suite, cases)| cases.iter().map(move |case| (suite, case)));
        let cases: Vec<(&str, &Case)> = cases.filter(|(_, case)| case.verdict == verdict).collect();
        let room = if cases.len() > ANNOTATIONS {
            ANNOTATIONS - 1
        } else {
            ANNOTATIONS
        };
        for (suite, case) in cases.iter().take(room) {
            let mut properties = format!("title={}", property(&format!("{}: {suite}", case.id)));
            if let Some((file, line)) = line(case) {
                properties = format!("file={},line={line},{properties}", property(file));
            }
            // Writing to a String cannot fail.
            let _ = writeln!(text, "::{command} {properties}::{}", data(&reason(case)));
        }
        if cases.len() > room {
            let left = cases.len() - room;
            let _ = writeln!(
                text,
                "::{command} title=tracer::{left} more {} expectations are in the summary",
                verdict.name()
            );
        }
    }
    text
}

/// The summary of a step that has `used` bytes in it already: all of it, or what fits.
pub fn summary(view: &View, used: usize) -> String {
    let room = SUMMARY.saturating_sub(used);
    let whole = markdown::text(view);
    if whole.len() <= room {
        return whole;
    }
    let short = format!(
        "### tracer: {}\n\nThe whole has {} bytes, more than a summary may have; `--markdown FILE` writes it.\n",
        headline(view),
        whole.len()
    );
    if short.len() <= room {
        short
    } else {
        String::new()
    }
}

fn line(case: &Case) -> Option<(&str, u32)> {
    case.places().find_map(|place| match place {
        Place::Line { file, line, .. } => Some((file, line)),
        Place::Preset { .. } | Place::Word(_) => None,
    })
}

/// As the runner decodes it (actions/toolkit, packages/core/src/command.ts).
fn data(text: &str) -> String {
    text.replace('%', "%25")
        .replace('\r', "%0D")
        .replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&super::escape(text))
        .replace(':', "%3A")
        .replace(',', "%2C")
}
