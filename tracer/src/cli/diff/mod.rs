//! `tracer diff`: two reports read, compared, and written. Owns the reading.

use std::fs;

use clap::Args;
use serde_json::Value;

use super::run::{Format, format};
use super::{Failure, exit, sink};
use crate::report::diff::{Comparison, Subject};

/// Compare two containers by their reports, which `tracer run --json FILE` and `tracer verify
/// --json FILE` write.
#[derive(Args, Debug)]
pub struct DiffArguments {
    /// A report; FILE:NUMBER names one of several containers in it
    #[arg(value_name = "A")]
    one: String,
    /// Another
    #[arg(value_name = "B")]
    other: String,
    /// For people or for programs
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// The command: 0 whether they differ or not.
///
/// # Errors
/// A report that cannot be read or compared.
pub fn run(arguments: &DiffArguments) -> Result<u8, Failure> {
    let (one, other) = (subject(&arguments.one)?, subject(&arguments.other)?);
    let comparison = Comparison::new(&one, &other);
    sink::print(format(arguments.output), &comparison)?;
    Ok(exit::PASS)
}

fn subject(name: &str) -> Result<Subject, Failure> {
    let (path, number) = match name.rsplit_once(':') {
        Some((path, number)) if !fs::exists(name).unwrap_or(false) => match number.parse() {
            Ok(number) => (path, Some(number)),
            Err(_) => (name, None),
        },
        _ => (name, None),
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(exit::ERROR, format!("comparing {path} failed: {error}"))
    };
    let text = fs::read_to_string(path).map_err(|error| failed(&error))?;
    let report: Value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    Subject::new(name, &report, number).map_err(|error| failed(&error))
}
