//! What GitHub Actions is told when tracer runs in a step of it: annotations and the step's summary.
//! Owns the variables that GitHub sets; the texts are `report`'s.

use std::{
    env, fs,
    io::{self, Write as _},
    path::PathBuf,
};

use serde::Serialize;

use super::{Failure, exit};
use crate::report::{View, github};

/// Tells GitHub, if that is where tracer runs. The runner reads commands from both streams, so
/// standard output is left alone where it belongs to a `program`.
pub fn tell(report: &impl Serialize, program: bool) -> Vec<Failure> {
    if env::var_os("GITHUB_ACTIONS").is_none_or(|value| value != "true") {
        return Vec::new();
    }
    let failed = |what: &str, error: &dyn std::fmt::Display| {
        Failure::new(exit::ERROR, format!("{what} for GitHub failed: {error}"))
    };
    let view = match View::of(report) {
        Ok(view) => view,
        Err(error) => return vec![failed("making a summary", &error)],
    };
    let mut failures = Vec::new();
    let text = github::annotations(&view);
    let told = if program {
        io::stderr().lock().write_all(text.as_bytes())
    } else {
        io::stdout().lock().write_all(text.as_bytes())
    };
    failures.extend(
        told.err()
            .map(|error| failed("writing annotations", &error)),
    );
    if let Some(path) = env::var_os("GITHUB_STEP_SUMMARY").filter(|path| !path.is_empty()) {
        let path = PathBuf::from(path);
        failures.extend(
            append(&path, &view)
                .err()
                .map(|error| failed(&format!("writing the summary {}", path.display()), &error)),
        );
    }
    failures
}

fn append(path: &PathBuf, view: &View) -> io::Result<()> {
    let mut file = fs::File::options().append(true).create(true).open(path)?;
    let used = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    file.write_all(github::summary(view, used).as_bytes())
}
