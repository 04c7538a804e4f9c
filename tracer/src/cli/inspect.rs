//! `tracer inspect`: one process, all that the kernel knows of it now. Owns who is meant by a number.

use std::fs;

use clap::Args;

use super::ps::Look;
use super::run::{Format, format};
use super::{Failure, exit, sink};
use crate::{event::Tgid, report::census::inspection::Inspection};

/// Show all that the kernel knows of a process now, in the form of a birth certificate.
///
/// A process at rest is shown as of one instant; one that runs may change while it is read.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct InspectArguments {
    /// A process, by its number on the machine
    #[arg(value_name = "PID", value_parser = clap::value_parser!(u32).range(1..))]
    pid: u32,
    /// For people or for programs
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// The command.
///
/// # Errors
/// There is no such process, or it ended meanwhile.
pub fn run(arguments: &InspectArguments) -> Result<u8, Failure> {
    let mut look = Look::start()?;
    let pid = arguments.pid;
    let Some((task, facts)) = look.certificate(Tgid(pid))? else {
        return Err(missing(&look, pid));
    };
    let cgroups = facts.cgroups().unwrap_or_default().members;
    let paths: Vec<_> = cgroups
        .iter()
        .map(|member| (member.key, look.path(member.key)))
        .collect();
    let path = |key| {
        let mut paths = paths.iter();
        paths.find(|(known, _)| *known == key)?.1.clone()
    };
    let head = look.head();
    let session = &look.session;
    let known = (&session.model, session.observation.host());
    let inspection = Inspection::new(head, &look.host, &task, &facts, known, &path);
    sink::print(format(arguments.output), &inspection)?;
    Ok(exit::PASS)
}

/// A number of a thread is a common mistake, and of one that has just ended.
fn missing(look: &Look, pid: u32) -> Failure {
    let mut members = look.census.members().iter();
    let text = match members.find(|one| one.task.tid.0 == pid) {
        Some(one) if one.is_leader() => {
            format!("process {pid} ended while it was read")
        }
        Some(one) => format!(
            "{pid} is a thread of process {}: inspect that",
            one.task.tgid
        ),
        None if look.hides(Tgid(pid)) => format!(
            "process {pid} cannot be read: this kernel's iterator leaves it out, though /proc has it"
        ),
        None => {
            let hidden = fs::exists(format!("/proc/{pid}")).unwrap_or(false);
            let more = if hidden {
                "; it started just now: look again"
            } else {
                ""
            };
            format!("there is no process {pid}{more}; `tracer ps` lists containers")
        }
    };
    Failure::new(exit::ERROR, text)
}
