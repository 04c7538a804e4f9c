//! Markdown as GitHub and GitLab have it: a short table, then what does not pass, and the rest
//! folded. Owns that form. Whatever others chose stands in code spans, where no markup is read.

use std::fmt::Write as _;

use super::{Case, View, counts, escape, headline, remarks};
use crate::report::view::Suite;
use crate::verdict::Verdict;

/// Rows of one table at most: what is longer, nobody reads in a pull request.
const ROWS: usize = 200;

pub(super) fn text(view: &View) -> String {
    let mut text = String::new();
    let sign = sign(view.verdict);
    // Writing to a String cannot fail.
    let _ = writeln!(text, "### {sign} tracer: {}\n", headline(view));
    if view.judged().next().is_some() {
        text.push_str("| container | verdict | expectations | fail | inconclusive |\n");
        text.push_str("|---|---|---:|---:|---:|\n");
        for suite in view.judged() {
            summary(&mut text, suite);
        }
        text.push('\n');
    }
    let whole = ("the whole", &view.troubles);
    let suites = view
        .judged()
        .map(|suite| (suite.name.as_str(), &suite.cases));
    for (name, cases) in suites.chain([whole]) {
        not_passed(&mut text, name, cases);
    }
    for suite in view.judged() {
        let passed = suite.count(Verdict::Pass);
        if passed > 0 {
            let title = format!("{} — {passed} passed", suite.title());
            folded(&mut text, &title, |text| {
                table(text, suite.cases.iter());
            });
        }
        let remarks = remarks(suite);
        if !remarks.is_empty() {
            folded(
                &mut text,
                &format!("{} — remarks", suite.title()),
                |text| {
                    for remark in remarks {
                        let _ = writeln!(text, "- {}", code(&remark));
                    }
                },
            );
        }
    }
    folded(&mut text, "how it was observed", |text| {
        observed(text, view);
    });
    text
}

fn sign(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Pass => "✅",
        Verdict::Fail => "❌",
        Verdict::Inconclusive => "❔",
    }
}

fn summary(text: &mut String, suite: &Suite) {
    let verdict = suite.verdict.unwrap_or(Verdict::Inconclusive);
    let _ = writeln!(
        text,
        "| {} | {} {} | {} | {} | {} |",
        cell(&suite.name),
        sign(verdict),
        verdict.name(),
        suite.cases.len(),
        suite.count(Verdict::Fail),
        suite.count(Verdict::Inconclusive),
    );
}

fn not_passed(text: &mut String, name: &str, cases: &[Case]) {
    let cases: Vec<&Case> = cases
        .iter()
        .filter(|case| case.verdict != Verdict::Pass)
        .collect();
    if cases.is_empty() {
        return;
    }
    let _ = writeln!(text, "**Not passed in** {}\n", code(name));
    text.push_str("| | expectation | asked | seen | why | asked by | records |\n");
    text.push_str("|---|---|---|---|---|---|---|\n");
    for case in cases.iter().take(ROWS) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} | {} | {} |",
            sign(case.verdict),
            cell(&case.id),
            cell(&case.asked),
            cell(&case.seen),
            cell(case.reason.as_deref().unwrap_or_default()),
            cell(&case.origin),
            cell(&case.records()),
        );
    }
    more(text, cases.len());
    text.push('\n');
}

fn table<'a>(text: &mut String, cases: impl Iterator<Item = &'a Case>) {
    let cases: Vec<&Case> = cases.filter(|case| case.verdict == Verdict::Pass).collect();
    text.push_str("| expectation | asked | seen | asked by | records |\n|---|---|---|---|---|\n");
    for case in cases.iter().take(ROWS) {
        let _ = writeln!(
            text,
            "| {} | {} | {} | {} | {} |",
            cell(&case.id),
            cell(&case.asked),
            cell(&case.seen),
            cell(&case.origin),
            cell(&case.records()),
        );
    }
    more(text, cases.len());
}

fn more(text: &mut String, rows: usize) {
    if rows > ROWS {
        let _ = writeln!(text, "\nand {} more.", rows - ROWS);
    }
}

fn observed(text: &mut String, view: &View) {
    let _ = writeln!(text, "- {}; {}", code(&view.ended), counts(view));
    let _ = writeln!(
        text,
        "- tracer {}, Linux {}, {}",
        code(&view.version),
        code(&view.kernel),
        code(&view.machine)
    );
    for kind in view.counters.kinds.iter().filter(|kind| kind.lost > 0) {
        let _ = writeln!(text, "- {} of {} lost", kind.lost, code(&kind.event));
    }
    for hook in view.hooks.iter().filter(|hook| hook.chosen.is_none()) {
        let _ = writeln!(text, "- no hook for {}", code(&hook.name));
    }
}

fn folded(text: &mut String, title: &str, body: impl FnOnce(&mut String)) {
    // An empty line before the body makes it Markdown again; the title is HTML.
    let _ = writeln!(text, "<details><summary>{}</summary>\n", html(title));
    body(text);
    text.push_str("\n</details>\n\n");
}

/// Text as HTML text that Markdown does not read either.
fn html(text: &str) -> String {
    let mut safe = String::new();
    for character in escape(text).chars() {
        if character.is_ascii_punctuation() {
            let _ = write!(safe, "&#{};", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// A code span in a cell, which a bar would end.
pub(super) fn cell(text: &str) -> String {
    code(text).replace('|', "\\|")
}

/// A code span, which backticks would end.
fn code(text: &str) -> String {
    let text = escape(text);
    if text.trim().is_empty() {
        return String::new();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}
