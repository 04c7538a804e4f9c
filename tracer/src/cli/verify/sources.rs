//! Where the expectations of a verification come from: files, presets, bundles. Owns the reading
//! of bundles; what they mean is `expect`'s.

use std::path::Path;

use super::arguments::SourceArguments;
use crate::{
    cli::{Failure, exit, expect as command, say},
    expect::{
        Check, Expectation, FindDevices, from_bundle,
        infer::{Inferred, infer},
        rule::Rule,
    },
    host::{HostFacts, bundle::Bundle},
    report,
};

/// All expectations, with the one that every verification has: that nothing was lost.
pub fn expectations(
    sources: &SourceArguments,
    words: &[String],
    host: &HostFacts,
    find: FindDevices<'_>,
) -> Result<Vec<Expectation>, Failure> {
    let mut lists = command::sources(&sources.expect, &sources.preset)?;
    for folder in &sources.bundle {
        lists.push(of_bundle(folder, host)?);
    }
    if sources.infer {
        lists.push(inferred(words, host, find)?);
    }
    if lists.iter().all(Vec::is_empty) && sources.rule.is_empty() {
        return Err(Failure::new(
            exit::USAGE,
            "nothing is expected of the containers; name --expect FILE, --preset NAME, \
             --bundle DIR, --rule CEL or --infer",
        ));
    }
    let mut expectations = command::merged(&lists)?;
    expectations.push(Expectation {
        id: "complete".to_owned(),
        asked: "every record read".to_owned(),
        origin: "always".to_owned(),
        check: Check::Complete,
    });
    Ok(expectations)
}

/// Conditions of the user's own. What they name must be in every certificate.
pub fn rules(rules: &[String], host: &HostFacts) -> Result<Vec<Rule>, Failure> {
    let template = report::certificate::template(host);
    rules
        .iter()
        .map(|text| Rule::new(text, &template).map_err(|error| Failure::new(exit::USAGE, error)))
        .collect()
}

/// What the command's own words ask for.
fn inferred(
    words: &[String],
    host: &HostFacts,
    find: FindDevices<'_>,
) -> Result<Vec<Expectation>, Failure> {
    let inferred = infer(words, host, find).map_err(|error| Failure::new(exit::USAGE, error))?;
    let inference = match inferred {
        Inferred::Bundle(folder) => return of_bundle(&folder, host),
        Inferred::Flags(inference) => inference,
    };
    if !inference.not_inferred.is_empty() {
        say(&format!(
            "nothing is inferred from {}",
            inference.not_inferred.join(" ")
        ));
    }
    Ok(inference.expectations)
}

/// What the `config.json` of a bundle asks for.
fn of_bundle(folder: &Path, host: &HostFacts) -> Result<Vec<Expectation>, Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(exit::ERROR, error);
    let bundle = Bundle::read(folder).map_err(|error| failed(&error))?;
    let unread = from_bundle::unread(&bundle.config, &bundle.spec);
    if !unread.is_empty() {
        say(&format!(
            "{}: nothing is expected of properties that tracer does not know: {}",
            folder.join("config.json").display(),
            unread.join(", ")
        ));
    }
    bundle.expectations(host).map_err(|error| failed(&error))
}
