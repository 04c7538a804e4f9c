//! `tracer inspect`: one process, all that the kernel knows of it now. Owns who is meant by a number.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufRead as _, BufReader},
    path::PathBuf,
};

use clap::Args;
use serde_json::Value;

use super::ps::Look;
use super::run::{Format, format};
use super::{Failure, exit, sink};
use crate::{
    audit::container_id,
    event::Tgid,
    report::{census::inspection::Inspection, certificate::entity_id},
};

/// Show all that the kernel knows of a process now, in the form of a birth certificate.
///
/// A process at rest is shown as of one instant; one that runs may change while it is read.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct InspectArguments {
    /// A process, by its number on the machine, or a container, by what its id begins with: that of `tracer
    /// audit` or that of `tracer ps`; then its first process
    #[arg(value_name = "PID|ID", value_parser = subject)]
    who: Who,
    /// What has changed since the birth, if it is among these records of `tracer audit`
    #[arg(long, value_name = "FILE")]
    births: Vec<PathBuf>,
    /// For people or for programs
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,
}

/// Who is meant.
#[derive(Clone, Debug)]
enum Who {
    Process(u32),
    Container(String),
}

/// What has no other sign than digits, and is as small as a process's number, is one.
fn subject(text: &str) -> Result<Who, String> {
    match text.parse() {
        Ok(0) => Err("0 is no process of the machine; their numbers begin with 1".to_owned()),
        Ok(pid) => Ok(Who::Process(pid)),
        Err(_) if text.len() >= SHORTEST => Ok(Who::Container(text.to_owned())),
        Err(_) => Err(format!(
            "`{text}` is no number of a process, and too short for an id: {SHORTEST} signs are the least"
        )),
    }
}

/// An id that is shorter may be anybody's.
const SHORTEST: usize = 4;

/// The command.
///
/// # Errors
/// There is no such process, or it ended meanwhile.
pub fn run(arguments: &InspectArguments) -> Result<u8, Failure> {
    let mut look = Look::start()?;
    let pid = match &arguments.who {
        Who::Process(pid) => *pid,
        Who::Container(id) => container(&mut look, id)?,
    };
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
    let mut inspection = Inspection::new(head, &look.host, &task, &facts, known, &path);
    if !arguments.births.is_empty() {
        let entity = entity_id(&look.host.boot_id, &task);
        let birth = birth(&arguments.births, &entity)?;
        inspection = inspection.since(&birth);
    }
    sink::print(format(arguments.output), &inspection)?;
    Ok(exit::PASS)
}

/// The first process of the container with that id.
fn container(look: &mut Look, id: &str) -> Result<u32, Failure> {
    let boot_id = look.host.boot_id.clone();
    let leaders = look.census.members().iter().filter(|one| one.is_leader());
    let by_birth = leaders.filter(|one| container_id(&boot_id, &one.task).starts_with(id));
    let mut found: BTreeSet<u32> = by_birth.map(|one| one.task.tgid.0).collect();
    if found.is_empty() {
        let all = look.containers()?.into_iter();
        let named = all.filter(|one| one.id.as_ref().is_some_and(|own| own.starts_with(id)));
        found.extend(named.map(|one| one.pid.0));
    }
    let mut numbers = found.iter();
    match (numbers.next(), found.len()) {
        (Some(pid), 1) => Ok(*pid),
        (Some(_), _) => {
            let all: Vec<String> = found.iter().map(u32::to_string).collect();
            let text = format!(
                "`{id}` begins the ids of several: processes {}",
                all.join(", ")
            );
            Err(Failure::new(exit::ERROR, text))
        }
        (None, _) => {
            let text =
                format!("there is no container `{id}`; `tracer ps` lists those that there are");
            Err(Failure::new(exit::ERROR, text))
        }
    }
}

/// The last record of the birth of that process.
fn birth(files: &[PathBuf], entity: &str) -> Result<Value, Failure> {
    let mut found = None;
    for path in files {
        let failed = |error: std::io::Error| {
            let text = format!("reading {} failed: {error}", path.display());
            Failure::new(exit::ERROR, text)
        };
        for line in BufReader::new(File::open(path).map_err(failed)?).split(b'\n') {
            let line = line.map_err(failed)?;
            // A line that a full disk has cut is nobody's.
            let record: Value = serde_json::from_slice(&line).unwrap_or_default();
            let kind = record["type"].as_str();
            if matches!(kind, Some("container_born" | "container_found"))
                && record["process"]["entity_id"] == entity
            {
                found = Some(record);
            }
        }
    }
    found.ok_or_else(|| {
        let text =
            "its birth is not among these records; without --births it is shown as it is now";
        Failure::new(exit::ERROR, text)
    })
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
