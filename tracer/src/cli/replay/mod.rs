//! `tracer replay`: a recording to the report and the exit code of the run that it is of. Owns
//! that order; the documents are those of `run` and `verify`.

use std::{
    fs::File,
    io::BufReader,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;

use super::{
    Failure, exit, files,
    run::{self, Format},
    say, sink, verify,
};
use crate::{
    recording::{Asked, Header, ReadError, Reader},
    replay,
    report::Document,
    run::Payload,
    verdict::Verdict,
    verify::judging::Terms,
};

/// Judge a recording as it was judged when it was made, by the same code, without root and on any
/// machine.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct ReplayArguments {
    /// The report: table and compact go to standard error, json and jsonl to standard output
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    files: files::Arguments,
    /// What `--record` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The command.
///
/// # Errors
/// The file is no recording, or damaged.
pub fn run(arguments: &ReplayArguments) -> Result<u8, Failure> {
    let (mut reader, header) = open(&arguments.file)?;
    let own = &arguments.files;
    let subjects = if own.subject.is_empty() && !header.subjects.is_empty() {
        header.subjects.clone()
    } else {
        own.subjects(&[])?
    };
    let files = own.prepare()?;
    let failed = |error| unread(&arguments.file, &error);
    match &header.asked {
        Asked::Run { spec, .. } => {
            let outcome = replay::run(&mut reader, &header, spec).map_err(failed)?;
            if let Payload::NotExecuted(error) = &outcome.payload {
                say(&error.to_string());
            }
            let mut report = run::document(&header.host, spec, &outcome);
            report.subjects = subjects;
            let verdict = outcome.judgement.verdict;
            Ok(show(arguments.output, files, &report, verdict, report.exit))
        }
        Asked::Verify {
            args,
            expectations,
            rules,
            select,
            ..
        } => {
            let rules = verify::rules(rules, &header.host)?;
            let rules = verify::judging(rules, &header.host);
            let terms = Terms {
                expectations,
                rules: rules.as_ref(),
                select,
            };
            let outcome = replay::verify(&mut reader, &header, &terms).map_err(failed)?;
            let mut report = verify::document(&header.host, args, &outcome);
            report.subjects = subjects;
            let verdict = outcome.verdict;
            Ok(show(arguments.output, files, &report, verdict, report.exit))
        }
    }
}

fn open(path: &Path) -> Result<(Reader<BufReader<File>>, Header), Failure> {
    let file = File::open(path).map_err(|error| unread(path, &ReadError::Io(error)))?;
    Reader::open(BufReader::new(file)).map_err(|error| unread(path, &error))
}

fn unread(path: &Path, error: &ReadError) -> Failure {
    let path = path.display();
    Failure::new(
        exit::ERROR,
        format!("the recording {path} cannot be replayed: {error}"),
    )
}

/// Writes the report everywhere.
fn show<T: Document + Serialize>(
    output: Format,
    files: files::Files,
    report: &T,
    verdict: Verdict,
    code: u8,
) -> u8 {
    let mut troubles = Vec::new();
    troubles.extend(sink::write(run::format(output), report).err());
    troubles.extend(files.finish(report));
    for trouble in &troubles {
        say(&trouble.text);
    }
    if troubles.is_empty() {
        code
    } else {
        exit::of_trouble(verdict, code)
    }
}
