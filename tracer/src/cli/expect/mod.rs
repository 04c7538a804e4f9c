//! `tracer expect`: expectation files, looked at and made. Owns the reading of
//! files and presets, for every command that takes them, and the two forms of the answer.

mod observe;

use std::fmt::Write as _;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use clap::{Args, Subcommand, builder::PossibleValuesParser};

use super::{Failure, exit};
use crate::expect::file::{self, FileError, MAX_BYTES};
use crate::expect::{Expectation, merge, preset};
use crate::report::escape::escape;

/// Look at expectation files, make one, or print what they may hold.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct ExpectArguments {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Print the JSON Schema of expectation files, for editors
    Schema,
    /// Observe one run, and print the file that its container would have passed
    #[command(after_help = exit::HELP)]
    From(Box<observe::ObserveArguments>),
    /// Check files, and print what they ask for together, one expectation a line
    #[command(after_help = exit::HELP)]
    Check {
        /// Expectation files
        #[arg(value_name = "FILE", required_unless_present = "preset")]
        files: Vec<PathBuf>,
        /// Expectations that come with the program
        #[arg(long, value_name = "NAME", value_parser = presets())]
        preset: Vec<String>,
    },
}

/// Accepts the names of presets.
pub fn presets() -> PossibleValuesParser {
    PossibleValuesParser::new(preset::names())
}

/// The command.
///
/// # Errors
/// A file that cannot be read or understood, or files that contradict each other.
pub fn run(arguments: &ExpectArguments) -> Result<u8, Failure> {
    let text = match &arguments.what {
        What::Schema => format!("{:#}\n", file::schema()),
        What::From(arguments) => return observe::run(arguments),
        What::Check { files, preset } => lines(&merged(&sources(files, preset)?)?),
    };
    super::print(&text).map(|()| exit::PASS)
}

/// What each file and each preset asks for.
///
/// # Errors
/// A file that cannot be read or understood; a preset that is not there.
pub fn sources(files: &[PathBuf], presets: &[String]) -> Result<Vec<Vec<Expectation>>, Failure> {
    let of_files = files.iter().map(|path| of_file(path));
    let of_presets = presets.iter().map(|name| of_preset(name));
    of_files.chain(of_presets).collect()
}

/// Several sources as one list.
///
/// # Errors
/// A contradiction.
pub fn merged(sources: &[Vec<Expectation>]) -> Result<Vec<Expectation>, Failure> {
    merge::merge(sources).map_err(|conflict| Failure::new(exit::USAGE, conflict))
}

/// What a file asks for.
fn of_file(path: &Path) -> Result<Vec<Expectation>, Failure> {
    let name = path.display().to_string();
    let unread = |error| Failure::new(exit::ERROR, format!("reading {name} failed: {error}"));
    let mut bytes = Vec::new();
    // One more than is accepted: a file of any size, or a device without end, is told by it.
    let limit = u64::try_from(MAX_BYTES).map_or(u64::MAX, |limit| limit.saturating_add(1));
    File::open(path)
        .and_then(|file| file.take(limit).read_to_end(&mut bytes))
        .map_err(unread)?;
    let text = String::from_utf8(bytes)
        .map_err(|error| Failure::new(exit::USAGE, format!("{name} is not text: {error}")))?;
    file::parse(&text, &name).map_err(|error| not_understood(&error))
}

fn of_preset(name: &str) -> Result<Vec<Expectation>, Failure> {
    let Some(text) = preset::preset(name) else {
        let names: Vec<&str> = preset::names().collect();
        let text = format!(
            "there is no preset `{name}`; there are {}",
            names.join(", ")
        );
        return Err(Failure::new(exit::USAGE, text));
    };
    file::parse(text, &format!("preset {name}")).map_err(|error| not_understood(&error))
}

fn not_understood(error: &FileError) -> Failure {
    Failure::lines(exit::USAGE, error)
}

/// Columns of id, what is asked, and the origin.
fn lines(list: &[Expectation]) -> String {
    let rows: Vec<[String; 3]> = list
        .iter()
        .map(|one| [&one.id, &one.asked, &one.origin].map(|text| escape(text)))
        .collect();
    let width = |column: usize| {
        let widths = rows.iter().map(|row| row[column].chars().count());
        widths.max().unwrap_or(0)
    };
    let (first, second) = (width(0), width(1));
    let mut text = String::new();
    for [id, asked, origin] in rows {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{id:first$}  {asked:second$}  {origin}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_read_like_files() {
        for name in preset::names() {
            let list = of_preset(name).expect("a preset");
            let text = lines(&list);
            assert_eq!(text.lines().count(), list.len());
            assert!(text.contains(&format!("preset {name}:")), "{text}");
        }
        assert_eq!(of_preset("bogus").expect_err("none").code, exit::USAGE);
    }
}
