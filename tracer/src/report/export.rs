//! Formats for other programs and for pages, each from the same view. Owns their list and what a
//! case says in words; one file a format.

mod attest;
mod compare;
pub mod github;
mod html;
mod junit;
mod lanes;
mod markdown;
mod sarif;
mod tap;
mod trace;

#[cfg(test)]
pub(in crate::report) mod tests;

use std::fmt::Write as _;

use thiserror::Error;

use super::View;
use super::escape::escape;
use super::view::Case;

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Export {
    /// XML for CI servers.
    Junit,
    /// Test Anything Protocol, version 14.
    Tap,
    /// For pull requests.
    Markdown,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// One page, whole in itself.
    Html,
    /// Chrome's trace format, for Perfetto.
    Trace,
    /// An in-toto statement, to be signed.
    Attest,
}

/// Why a view has no such form.
#[derive(Debug, Error)]
pub enum ExportError {
    /// The writer of XML.
    #[error("writing XML failed: {0}")]
    Xml(#[from] quick_junit::SerializeError),
    /// A template.
    #[error("writing HTML failed: {0}")]
    Html(#[from] askama::Error),
}

impl Export {
    /// The bytes, which depend on `view` alone.
    pub fn bytes(self, view: &View) -> Result<Vec<u8>, ExportError> {
        match self {
            Self::Junit => junit::bytes(view),
            Self::Tap => Ok(tap::text(view).into_bytes()),
            Self::Markdown => Ok(markdown::text(view).into_bytes()),
            Self::Sarif => Ok(sarif::text(view).into_bytes()),
            Self::Html => html::page(&[("tracer", view)]),
            Self::Trace => Ok(trace::text(view).into_bytes()),
            Self::Attest => Ok(attest::text(view).into_bytes()),
        }
    }
}

/// Several documents as one page that compares them, each with the name that it is told by.
pub fn merged_html(runs: &[(&str, &View)]) -> Result<Vec<u8>, ExportError> {
    html::page(runs)
}

/// The comparison of several documents as Markdown.
pub fn merged_markdown(runs: &[(&str, &View)]) -> String {
    compare::text(runs)
}

/// A verdict with its counts, as every page begins: `FAIL: 12 expectations, 2 fail`.
fn headline(view: &View) -> String {
    let verdict = view.verdict.name().to_uppercase();
    let mut text = format!("{verdict}: {} expectations", view.cases().count());
    for verdict in [
        crate::verdict::Verdict::Fail,
        crate::verdict::Verdict::Inconclusive,
    ] {
        let count = view.count(verdict);
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, ", {count} {}", verdict.name());
        }
    }
    text
}

/// Counts of records, and what was lost.
fn counts(view: &View) -> String {
    let counters = &view.counters;
    let mut text = format!(
        "{} records, {} lost, {} unknown",
        counters.read, counters.lost, counters.unknown
    );
    if counters.scope_full > 0 {
        let _ = write!(text, ", {} tasks or cgroups left out", counters.scope_full);
    }
    text
}

/// Why a case does not pass, in one line.
fn reason(case: &Case) -> String {
    let reason = case.reason.as_deref().unwrap_or("it was not judged");
    escape(&format!(
        "asked {}, seen {}: {reason}",
        case.asked, case.seen
    ))
}

/// What there is to say of a case, a line each.
fn explained(case: &Case) -> String {
    let mut lines = vec![
        format!("asked: {}", case.asked),
        format!("seen: {}", case.seen),
    ];
    lines.extend(case.reason.iter().map(|reason| format!("reason: {reason}")));
    lines.push(format!("asked by: {}", case.origin));
    for one in &case.evidence {
        let record = one.seq.map(|seq| format!("#{seq} ")).unwrap_or_default();
        lines.push(format!("evidence: {record}{}: {}", one.source, one.detail));
    }
    let lines: Vec<String> = lines.iter().map(|line| escape(line)).collect();
    lines.join("\n")
}

/// What there is to say of a suite beyond its cases, a line each.
fn remarks(suite: &super::view::Suite) -> Vec<String> {
    let drift = suite.drift.iter();
    let drift = drift.map(|one| format!("drift #{}: {} by {}", one.seq, one.what, one.by));
    let notes = suite.notes.iter().cloned();
    notes.chain(drift).map(|line| escape(&line)).collect()
}

/// Bytes in hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
