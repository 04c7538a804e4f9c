//! One page of HTML, whole in itself: verdicts, the births as a picture, namespaces, cgroups,
//! certificates, drift, losses. Owns what stands on it; how it looks is in the templates, which
//! escape whatever is put into them. A policy in the page lets no script run but its own, and
//! nothing be loaded.

mod certificate;
mod picture;

use askama::Template;
use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use sha2::{Digest as _, Sha256};

use super::compare::{self, Matrix};
use super::{Case, ExportError, View, counts, escape, headline};
use crate::report::view::Suite;
use crate::verdict::Verdict;
use certificate::{CgroupTree, Fact, NamespaceMatrix};
use picture::Picture;

const STYLE: &str = include_str!("../../../templates/report.css");
const SCRIPT: &str = include_str!("../../../templates/report.js");

/// The page. What is marked as safe is the project's own.
#[derive(Template)]
#[template(path = "report.html")]
struct Page<'a> {
    title: String,
    policy: String,
    style: &'a str,
    script: &'a str,
    /// Several runs are compared first.
    matrix: Option<Matrix>,
    runs: Vec<Run>,
}

/// One document.
struct Run {
    /// Prefix of ids on the page.
    key: String,
    name: String,
    verdict: &'static str,
    headline: String,
    command: String,
    facts: Vec<(String, String)>,
    suites: Vec<Section>,
    troubles: Vec<Row>,
    picture: Picture,
    namespaces: Option<NamespaceMatrix>,
    cgroups: Vec<CgroupTree>,
    losses: Vec<[String; 4]>,
    lossless: bool,
    omitted: u64,
    missing_hooks: Vec<String>,
}

/// One container.
struct Section {
    name: String,
    id: String,
    /// Empty when it was not judged.
    verdict: &'static str,
    rows: Vec<Row>,
    passed: usize,
    failed: usize,
    unknown: usize,
    notes: Vec<String>,
    drift: Vec<[String; 3]>,
    certificate: Vec<(String, Vec<Fact>)>,
}

/// One expectation.
struct Row {
    verdict: &'static str,
    id: String,
    asked: String,
    seen: String,
    reason: String,
    origin: String,
    records: String,
    evidence: Vec<String>,
}

/// The page of these documents, each with the name that it is told by.
pub(super) fn page(runs: &[(&str, &View)]) -> Result<Vec<u8>, ExportError> {
    let mut sections = Vec::new();
    for (number, (name, view)) in runs.iter().enumerate() {
        sections.push(run(number, name, view));
    }
    let title = match runs {
        [(_, only)] => headline(only),
        several => format!("{} runs", several.len()),
    };
    let digest = BASE64_STANDARD.encode(Sha256::digest(SCRIPT.as_bytes()));
    let page = Page {
        title: format!("tracer: {title}"),
        policy: format!(
            "default-src 'none'; style-src 'unsafe-inline'; script-src 'sha256-{digest}'; \
             base-uri 'none'; form-action 'none'"
        ),
        style: STYLE,
        script: SCRIPT,
        matrix: (runs.len() > 1).then(|| compare::matrix(runs)),
        runs: sections,
    };
    Ok(page.render()?.into_bytes())
}

fn run(number: usize, name: &str, view: &View) -> Run {
    let words = view.command.iter().map(|word| escape(word));
    let command = words.collect::<Vec<_>>().join(" ");
    let counters = &view.counters;
    let lossless = counters.lost == 0 && counters.unknown == 0 && counters.scope_full == 0;
    let facts = [
        ("ended", view.ended.clone()),
        ("exit code", view.exit.to_string()),
        ("records", counts(view)),
        ("kernel", format!("Linux {} {}", view.kernel, view.machine)),
        ("time", milliseconds(view.total_us)),
        ("tracer", view.version.clone()),
    ];
    let losses = counters
        .kinds
        .iter()
        .filter(|kind| kind.submitted + kind.read + kind.lost > 0)
        .map(|kind| {
            [
                escape(&kind.event),
                kind.submitted.to_string(),
                kind.read.to_string(),
                kind.lost.to_string(),
            ]
        });
    Run {
        key: format!("r{number}"),
        name: escape(name),
        verdict: view.verdict.name(),
        headline: headline(view),
        command,
        facts: facts
            .into_iter()
            .map(|(name, value)| (name.to_owned(), escape(&value)))
            .collect(),
        suites: view.suites.iter().map(section).collect(),
        troubles: view.troubles.iter().map(row).collect(),
        picture: picture::picture(view),
        namespaces: certificate::namespaces(view),
        cgroups: certificate::cgroups(view),
        losses: losses.collect(),
        lossless,
        omitted: view.omitted,
        missing_hooks: view
            .hooks
            .iter()
            .filter(|hook| hook.chosen.is_none())
            .map(|hook| escape(&hook.name))
            .collect(),
    }
}

fn milliseconds(microseconds: u64) -> String {
    format!("{}.{} ms", microseconds / 1000, microseconds % 1000 / 100)
}

fn section(suite: &Suite) -> Section {
    Section {
        name: escape(&suite.name),
        id: escape(suite.id.as_deref().unwrap_or_default()),
        verdict: suite.verdict.map_or("", Verdict::name),
        rows: suite.cases.iter().map(row).collect(),
        passed: suite.count(Verdict::Pass),
        failed: suite.count(Verdict::Fail),
        unknown: suite.count(Verdict::Inconclusive),
        notes: suite.notes.iter().map(|note| escape(note)).collect(),
        drift: suite
            .drift
            .iter()
            .map(|one| [format!("#{}", one.seq), escape(&one.what), escape(&one.by)])
            .collect(),
        certificate: certificate::facts(suite),
    }
}

fn row(case: &Case) -> Row {
    Row {
        verdict: case.verdict.name(),
        id: escape(&case.id),
        asked: escape(&case.asked),
        seen: escape(&case.seen),
        reason: escape(case.reason.as_deref().unwrap_or_default()),
        origin: escape(&case.origin),
        records: escape(&case.records()),
        evidence: case
            .evidence
            .iter()
            .map(|one| {
                let record = one.seq.map(|seq| format!("#{seq} ")).unwrap_or_default();
                escape(&format!("{record}{}: {}", one.source, one.detail))
            })
            .collect(),
    }
}
