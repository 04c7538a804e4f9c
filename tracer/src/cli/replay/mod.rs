//! `tracer replay`: a recording to the report and the exit code of the run that it is of. Owns
//! that order; the documents are those of `run` and `verify`.

mod terms;

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
    expect::Expectation,
    recording::{Asked, Header, ReadError, Reader},
    replay::{self, ReplayError},
    report::{Document, Replay, Report, Verification, View, ViewError},
    run::Payload,
    verdict::{Select, Verdict},
};
use terms::Owned;

/// Judge a recording as it was judged when it was made, by the same code, without root and on any
/// machine; or by what is named here, in place of that.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct ReplayArguments {
    /// The report: table and compact go to standard error, json and jsonl to standard output
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,
    #[command(flatten)]
    anew: AnewArguments,
    #[command(flatten)]
    files: files::Arguments,
    /// What `--record` or `tracer record` has written
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// What a recording is judged by in place of what it holds.
#[derive(Args, Clone, Debug, Default)]
pub struct AnewArguments {
    #[command(flatten)]
    sources: verify::SourceArguments,
    /// Which containers are judged, in place of those that were: payloads, all, a number, id=PREFIX,
    /// runtime=NAME, program=NAME, cgroup=PATH, or label=KEY[=VALUE] where labels were asked for then
    #[arg(long, value_parser = verify::select, value_name = "WHICH")]
    select: Option<Select>,
}

/// The report of a recording, and the verdict in it.
pub enum Replayed {
    /// Of `tracer run`.
    Run(Box<Report>),
    /// Of `tracer verify`, or judged like one.
    Verification(Box<Verification>),
}

impl Replayed {
    /// What formats and comparisons see of it.
    pub fn view(&self) -> Result<View, ViewError> {
        match self {
            Self::Run(report) => View::of(report),
            Self::Verification(report) => View::of(report),
        }
    }
}

/// The command.
///
/// # Errors
/// The file is no recording, or damaged; what it shall be judged by cannot be read.
pub fn run(arguments: &ReplayArguments) -> Result<u8, Failure> {
    let (reader, header) = open(&arguments.file)?;
    let (own, bundles) = (&arguments.files, &arguments.anew.sources.bundle);
    let subjects = if own.subject.is_empty() && bundles.is_empty() && !header.subjects.is_empty() {
        header.subjects.clone()
    } else {
        own.subjects(bundles)?
    };
    let files = own.prepare()?;
    let replayed = report(&arguments.file, reader, &header, &arguments.anew)?;
    Ok(match replayed {
        Replayed::Run(mut report) => {
            report.subjects = subjects;
            let (verdict, code) = (report.verdict, report.exit);
            show(arguments.output, files, &*report, verdict, code)
        }
        Replayed::Verification(mut report) => {
            report.subjects = subjects;
            let (verdict, code) = (report.verdict, report.exit);
            show(arguments.output, files, &*report, verdict, code)
        }
    })
}

/// What a recording is reported as, judged as it was when it was made.
///
/// # Errors
/// As those of [`run`].
pub fn document(path: &Path) -> Result<Replayed, Failure> {
    let (reader, header) = open(path)?;
    let mut replayed = report(path, reader, &header, &AnewArguments::default())?;
    match &mut replayed {
        Replayed::Run(report) => report.subjects = header.subjects,
        Replayed::Verification(report) => report.subjects = header.subjects,
    }
    Ok(replayed)
}

/// The view of that.
///
/// # Errors
/// As those of [`run`].
pub fn view(path: &Path) -> Result<View, Failure> {
    document(path)?
        .view()
        .map_err(|error| Failure::new(exit::ERROR, error))
}

type FileReader = Reader<BufReader<File>>;

fn report(
    path: &Path,
    mut reader: FileReader,
    header: &Header,
    anew: &AnewArguments,
) -> Result<Replayed, Failure> {
    let host = &header.host;
    let failed = |error| unplayed(path, &error);
    match &header.asked {
        Asked::Run { spec, .. } if anew.is_empty() => {
            let (outcome, cut) = replay::run(&mut reader, header, spec).map_err(failed)?;
            if let Payload::NotExecuted(error) = &outcome.payload {
                say(&error.to_string());
            }
            let mut report = run::document(host, spec, &outcome);
            report.replay = Replay::new(Vec::new(), cut);
            if cut.is_some() {
                report.exit = exit::INCONCLUSIVE;
            }
            Ok(Replayed::Run(Box::new(report)))
        }
        Asked::Run { spec, .. } => {
            let terms = anew.terms(&spec.args, host, None)?;
            let (outcome, cut) = terms
                .lend(host, |terms| replay::run_anew(&mut reader, header, terms))
                .map_err(failed)?;
            let mut report = verify::document(host, &spec.args, &outcome);
            report.replay = Replay::new(anew.words(), cut);
            Ok(Replayed::Verification(Box::new(report)))
        }
        Asked::Verify {
            args,
            expectations,
            rules,
            select,
            ..
        } => {
            let recorded = Owned::recorded(expectations, rules, select, host)?;
            let terms = anew.terms(args, host, Some(&recorded))?;
            if terms.expects_nothing() {
                return Err(nothing_expected(path));
            }
            let (outcome, cut) = recorded
                .lend(host, |recorded| {
                    terms.lend(host, |terms| {
                        let anew = (!anew.is_empty()).then_some(terms);
                        replay::verify(&mut reader, header, recorded, anew)
                    })
                })
                .map_err(failed)?;
            let mut report = verify::document(host, args, &outcome);
            report.replay = Replay::new(anew.words(), cut);
            Ok(Replayed::Verification(Box::new(report)))
        }
    }
}

fn nothing_expected(path: &Path) -> Failure {
    let path = path.display();
    Failure::new(
        exit::USAGE,
        format!(
            "nothing is expected of the containers in {path}, which was only recorded; name \
             --expect FILE, --preset NAME, --bundle DIR, --rule CEL or --infer to `tracer replay`"
        ),
    )
}

/// Opens what shall be replayed.
fn open(path: &Path) -> Result<(FileReader, Header), Failure> {
    let file = File::open(path).map_err(|error| unread(path, &ReadError::Io(error)))?;
    Reader::open(BufReader::new(file)).map_err(|error| unread(path, &error))
}

/// The failure for a recording that is not read.
pub fn unread(path: &Path, error: &ReadError) -> Failure {
    let path = path.display();
    Failure::new(
        exit::ERROR,
        format!("the recording {path} cannot be replayed: {error}"),
    )
}

fn unplayed(path: &Path, error: &ReplayError) -> Failure {
    let code = match error {
        ReplayError::Read(error) => return unread(path, error),
        ReplayError::NothingYet(_) => exit::INCONCLUSIVE,
        ReplayError::NoPayload => exit::NO_CONTAINER,
    };
    let path = path.display();
    Failure::new(
        code,
        format!("the recording {path} cannot be judged: {error}"),
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
