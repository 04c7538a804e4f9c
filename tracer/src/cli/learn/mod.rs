//! `tracer learn`: experiments with the kernel's own evidence, one file a lesson. Owns the
//! grammar and the two forms of a lesson; what is learnt is the lessons' own.

mod cgroups;
mod cleared;
mod crowd;
mod host;
mod lesson;
mod namespaces;
mod page;
mod samples;
mod stage;

use clap::{Args, Subcommand, ValueEnum};

use super::{Failure, exit};
use crate::verdict::Verdict;
use lesson::Lesson;
use stage::Stage;

/// Learn what a container is made of, by experiments with the kernel's own evidence.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct LearnArguments {
    /// The lesson
    #[command(subcommand)]
    lesson: Choice,
    /// For people or for programs
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Text, global = true)]
    output: Format,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Subcommand)]
enum Choice {
    /// What a shell sees and can signal, outside and inside a new PID namespace
    Namespaces,
    /// A busy loop that wanders, until one write to a file holds it to a processor
    Cgroups,
    /// The container that everybody on this machine is in
    Host,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A page of 80 columns
    Text,
    /// One document
    Json,
}

/// The command.
///
/// # Errors
/// What kept the lesson from being held, with the exit code for it; what it had made by then is
/// removed.
pub fn run(arguments: &LearnArguments) -> Result<u8, Failure> {
    super::require_host()?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .map_err(|error| Failure::new(exit::ERROR, format!("starting tokio failed: {error}")))?;
    let lesson = runtime.block_on(hold(arguments.lesson))?;
    let text = match arguments.output {
        Format::Text => page::text(&lesson),
        Format::Json => json(&lesson)?,
    };
    let verdict = lesson.verdict();
    let code = match verdict {
        Verdict::Pass => exit::PASS,
        Verdict::Fail => exit::FAIL,
        Verdict::Inconclusive => exit::INCONCLUSIVE,
    };
    Ok(match super::print(&text) {
        Ok(()) => code,
        Err(trouble) => {
            super::say(&trouble.text);
            exit::of_trouble(verdict, code)
        }
    })
}

async fn hold(choice: Choice) -> Result<Lesson, Failure> {
    let mut stage = Stage::open()?;
    match choice {
        Choice::Namespaces => namespaces::teach(&mut stage).await,
        Choice::Cgroups => cgroups::teach(&mut stage).await,
        Choice::Host => host::teach(&mut stage),
    }
}

fn json(lesson: &Lesson) -> Result<String, Failure> {
    #[derive(serde::Serialize)]
    struct Document<'a> {
        #[serde(flatten)]
        lesson: &'a Lesson,
        verdict: Verdict,
    }
    let document = Document {
        lesson,
        verdict: lesson.verdict(),
    };
    serde_json::to_string_pretty(&document)
        .map(|text| text + "\n")
        .map_err(|error| Failure::new(exit::ERROR, format!("writing the lesson failed: {error}")))
}
