//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/>): a result for each expectation
//! that does not pass, at the line or word that asked for it. Owns rule ids, locations and
//! fingerprints: code scanning recognises a result of an earlier run by them.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use serde_json::{Map, Value, json};
use sha2::{Digest as _, Sha256};

use super::{Case, View, counts, escape, explained, reason};
use crate::expect::CATALOG;
use crate::expect::catalog::Family;
use crate::expect::preset::preset;
use crate::report::view::Place;
use crate::verdict::Verdict;

const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// Where words of the command line are shown, one a line: results must have a place in a file.
const COMMAND_LINE: &str = "command-line";

pub(super) fn text(view: &View) -> String {
    let cases = || {
        let suites = view
            .judged()
            .map(|suite| (suite.name.as_str(), &suite.cases));
        let all = suites.chain([("tracer", &view.troubles)]);
        all.flat_map(|(suite, cases)| cases.iter().map(move |case| (suite, case)))
    };
    let rules: BTreeSet<String> = cases().map(|(_, case)| rule_id(&case.id)).collect();
    let rules: Vec<String> = rules.into_iter().collect();
    let words: BTreeSet<&str> = cases()
        .flat_map(|(_, case)| case.places())
        .filter_map(|place| match place {
            Place::Word(word) => Some(word),
            Place::Line { .. } | Place::Preset { .. } => None,
        })
        .collect();
    let words: Vec<&str> = words.into_iter().collect();
    let results: Vec<Value> = cases()
        .filter(|(_, case)| case.verdict != Verdict::Pass)
        .map(|(suite, case)| result(suite, case, &rules, &words))
        .collect();
    let document = json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "tracer",
                "semanticVersion": view.version,
                "rules": rules.iter().map(|id| rule(id)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "artifacts": artifacts(cases().map(|(_, case)| case), &words),
            "invocations": [{
                "executionSuccessful": view.verdict != Verdict::Inconclusive,
                "exitCode": view.exit,
                "toolExecutionNotifications": notifications(view),
            }],
            "results": results,
            "properties": {
                "verdict": view.verdict.name(),
                "expectations": view.cases().count(),
                "passed": view.count(Verdict::Pass),
                "kernel": view.kernel,
                "records": view.counters.read,
                "lost": view.counters.lost,
            },
        }],
    });
    format!("{document:#}\n")
}

/// What is missing is said even where no single result tells.
fn notifications(view: &View) -> Vec<Value> {
    let counters = &view.counters;
    if counters.lost == 0 && counters.unknown == 0 && counters.scope_full == 0 {
        return Vec::new();
    }
    vec![json!({ "level": "warning", "message": { "text": counts(view) } })]
}

/// The id of the rule that a case is an instance of: its family's, without the part that varies.
fn rule_id(case: &str) -> String {
    let stems = || CATALOG.iter().flat_map(|family| stems(family));
    if stems().any(|stem| stem == case) {
        return case.to_owned();
    }
    let stem = case.split_once('.').map_or(case, |(stem, _)| stem);
    stem.to_owned()
}

/// `uid_map, gid_map` is two; `namespace.KIND (new)` is `namespace`.
fn stems(family: &Family) -> impl Iterator<Item = &'static str> + use<> {
    let id = family.id.split_once(" (").map_or(family.id, |(id, _)| id);
    id.split(", ").map(|id| match id.rsplit_once('.') {
        Some((stem, varying)) if varying.chars().all(|c| c.is_ascii_uppercase()) => stem,
        _ => id,
    })
}

fn rule(id: &str) -> Value {
    let families = CATALOG
        .iter()
        .filter(|family| stems(family).any(|stem| stem == id));
    let families: Vec<&Family> = families.copied().collect();
    let Some(first) = families.first() else {
        let short = match id {
            "rule" => "a condition of the user's own over the birth certificate",
            "containers" => "there is a container to judge",
            _ => "an expectation",
        };
        return json!({ "id": id, "name": name(id), "shortDescription": { "text": short } });
    };
    let mut help = String::new();
    for family in &families {
        // Writing to a String cannot fail.
        let _ = writeln!(
            help,
            "{}: observes {}. Passes: {}. Fails: {}. Cannot be known: {}.",
            family.id, family.observes, family.passes, family.fails, family.unknown
        );
    }
    json!({
        "id": id,
        "name": name(id),
        "shortDescription": { "text": first.observes },
        "fullDescription": { "text": format!("Passes: {}. Fails: {}.", first.passes, first.fails) },
        "help": { "text": help.trim_end() },
        "defaultConfiguration": { "level": "error" },
        "properties": { "tags": ["security", "isolation"] },
    })
}

/// `memory.max` as the words of an identifier: `MemoryMax`.
fn name(id: &str) -> String {
    let words = id.split(['.', '_']);
    let capital = |word: &str| {
        let mut letters = word.chars();
        let first = letters.next().map(|first| first.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    };
    words.map(capital).collect()
}

fn result(suite: &str, case: &Case, rules: &[String], words: &[&str]) -> Value {
    let id = rule_id(&case.id);
    let places: Vec<Value> = case.places().map(|place| location(place, words)).collect();
    let related = places.iter().skip(1);
    let related: Vec<&Value> = related.collect();
    let text = format!(
        "{} in {}: {}",
        escape(&case.id),
        escape(suite),
        reason(case)
    );
    let mut result = json!({
        "ruleId": id,
        "ruleIndex": rules.iter().position(|known| *known == id),
        "level": if case.verdict == Verdict::Fail { "error" } else { "warning" },
        "message": { "text": text },
        "locations": &places[..places.len().min(1)],
        "partialFingerprints": { "tracerExpectation/v1": fingerprint(suite, case) },
        "properties": {
            "verdict": case.verdict.name(),
            "container": suite,
            "expectation": case.id,
            "explanation": explained(case),
        },
    });
    if !related.is_empty() {
        result["relatedLocations"] = json!(related);
    }
    result
}

/// The same as long as the same is asked of the same container, whatever the kernel shows.
fn fingerprint(suite: &str, case: &Case) -> String {
    let mut hash = Sha256::new();
    for part in [suite, &case.id, &case.asked] {
        hash.update(part.len().to_le_bytes());
        hash.update(part.as_bytes());
    }
    super::hex(&hash.finalize())
}

fn location(place: Place<'_>, words: &[&str]) -> Value {
    let physical = |uri: String, line: u32| {
        json!({
            "artifactLocation": { "uri": uri },
            "region": { "startLine": line },
        })
    };
    match place {
        Place::Line {
            file,
            line,
            property,
        } => {
            let mut location = json!({ "physicalLocation": physical(uri(file), line) });
            if let Some(property) = property {
                location["logicalLocations"] =
                    json!([{ "fullyQualifiedName": property, "kind": "property" }]);
            }
            location
        }
        Place::Preset { name, line } => {
            json!({ "physicalLocation": physical(preset_uri(name), line) })
        }
        Place::Word(word) => {
            let at = words.iter().position(|known| *known == word);
            let line = at.and_then(|at| u32::try_from(at + 1).ok()).unwrap_or(1);
            json!({
                "physicalLocation": physical(COMMAND_LINE.to_owned(), line),
                "logicalLocations": [{ "name": word, "kind": "parameter" }],
            })
        }
    }
}

fn preset_uri(name: &str) -> String {
    format!("presets/{}.yaml", uri(name))
}

/// A path as a URI reference (RFC 3986): relative as it is, absolute as a file's.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    if path.starts_with('/') {
        uri.push_str("file://");
    }
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            let _ = write!(uri, "%{byte:02X}");
        }
    }
    uri
}

/// What is no file of the user's stands in the report itself.
fn artifacts<'a>(cases: impl Iterator<Item = &'a Case>, words: &[&str]) -> Vec<Value> {
    let mut embedded: Map<String, Value> = Map::new();
    for place in cases.flat_map(Case::places) {
        match place {
            Place::Line { .. } => {}
            Place::Preset { name, .. } => {
                if let Some(text) = preset(name) {
                    embedded.insert(preset_uri(name), json!(text));
                }
            }
            Place::Word(_) => {
                let lines: Vec<String> = words.iter().map(|word| escape(word)).collect();
                embedded.insert(COMMAND_LINE.to_owned(), json!(lines.join("\n")));
            }
        }
    }
    let artifact = |(uri, text): (String, Value)| json!({ "location": { "uri": uri }, "contents": { "text": text } });
    embedded.into_iter().map(artifact).collect()
}
