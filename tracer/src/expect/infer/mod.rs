//! From a runtime's command line to what the kernel must show of its container. Owns what the
//! flags of each runtime mean; must not guess: a flag that it does not know is told as such, and
//! so are the words after one where it cannot be told what they are.

mod bwrap;
mod engine;
mod flags;
mod nspawn;
mod oci;
#[cfg(test)]
mod tests;
mod unshare;
mod value;

use std::path::PathBuf;

use thiserror::Error;

use crate::event::NamespaceKind;
use crate::event::device::DeviceKind;
use crate::host::HostFacts;

use super::attribute::{self, TerminalAsked};
use super::condition::{Bound, Comparison, IdRule};
use super::{Check, Expectation, MapKind, capability};

/// What a command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Inferred {
    /// It says so itself.
    Flags(Inference),
    /// It stands in the bundle in this folder, which counts from the command's working directory.
    Bundle(PathBuf),
}

/// What follows from flags.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Inference {
    /// What must hold.
    pub expectations: Vec<Expectation>,
    /// Flags, as they were written, from which nothing follows that could be checked.
    pub not_inferred: Vec<String>,
}

/// A device file of the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostDevice {
    /// Where it is below the path that was asked for: empty for that itself, else as `/card0`.
    pub below: String,
    /// Block or character.
    pub kind: DeviceKind,
    /// Major number.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
}

/// Finds the device file at a path of the host, or all that are below it; none where that cannot be
/// told.
pub type FindDevices<'a> = &'a dyn Fn(&str) -> Vec<HostDevice>;

/// Why nothing can be inferred.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum InferError {
    /// Not a runtime that is known.
    #[error(
        "cannot infer what {word:?} asks for; known are unshare, bwrap, systemd-nspawn, docker, podman, runc, crun and youki; say it with --expect"
    )]
    Program {
        /// The first word.
        word: String,
    },
    /// A runtime, told to do something else.
    #[error("{program} {word:?} makes no container to infer expectations of; {must} does")]
    Subcommand {
        /// The runtime.
        program: &'static str,
        /// What it is told to do; empty when nothing.
        word: String,
        /// What it would have to be told.
        must: &'static str,
    },
    /// A value that cannot be read.
    #[error("cannot infer what {flag} {value:?} asks for; it must be {must}")]
    Value {
        /// The flag, as written.
        flag: String,
        /// What stands there.
        value: String,
        /// What should.
        must: &'static str,
    },
    /// The command line ends before the flag's value.
    #[error("{flag} has no value")]
    Lacking {
        /// The flag, as written.
        flag: String,
    },
}

/// What the words of a command ask for, the first of which names a runtime.
pub fn infer(
    words: &[String],
    host: &HostFacts,
    find: FindDevices<'_>,
) -> Result<Inferred, InferError> {
    let program = words.first().map_or("", String::as_str);
    let rest = words.get(1..).unwrap_or_default();
    let name = program.rsplit('/').next().unwrap_or_default();
    let inference = match name {
        "unshare" => unshare::infer(rest, host)?,
        "bwrap" => bwrap::infer(rest, host)?,
        "systemd-nspawn" => nspawn::infer(rest)?,
        "docker" => engine::infer("docker", rest, host, find)?,
        "podman" => engine::infer("podman", rest, host, find)?,
        "runc" => return oci::bundle("runc", rest).map(Inferred::Bundle),
        "crun" => return oci::bundle("crun", rest).map(Inferred::Bundle),
        "youki" => return oci::bundle("youki", rest).map(Inferred::Bundle),
        _ => {
            let word = program.to_owned();
            return Err(InferError::Program { word });
        }
    };
    Ok(Inferred::Flags(inference))
}

impl Inference {
    /// What is asked for twice is as the last one asks for it.
    fn add(
        &mut self,
        id: impl Into<String>,
        asked: impl Into<String>,
        origin: impl Into<String>,
        check: Check,
    ) {
        let id = id.into();
        self.expectations.retain(|other| other.id != id);
        self.expectations.push(Expectation {
            id,
            asked: asked.into(),
            origin: origin.into(),
            check,
        });
    }

    fn namespace(&mut self, kind: NamespaceKind, fate: Fate, origin: impl Into<String>) {
        let (asked, check) = match fate {
            Fate::New => ("new", Check::NamespaceNew(kind)),
            Fate::Private => ("not the host's", Check::NamespacePrivate(kind)),
            Fate::Shared => ("the host's", Check::NamespaceShared(kind)),
        };
        self.add(format!("namespace.{}", kind.name()), asked, origin, check);
    }

    /// A user or group as the container numbers it.
    fn id(&mut self, map: MapKind, number: u32, origin: impl Into<String>) {
        let id = match map {
            MapKind::Users => "user.uid",
            MapKind::Groups => "user.gid",
        };
        let rule = IdRule::Exactly(number);
        let asked = format!("{number} inside");
        self.add(id, asked, origin, Check::IdInside { map, rule });
    }

    /// How soon it is killed for memory.
    fn oom_score_adj(&mut self, flag: &flags::Given<'_>) {
        match flag.value().parse::<i32>() {
            Ok(score) => {
                let check = Check::OomScoreAdj(Bound::new(Comparison::Exactly, score));
                self.add("oom_score_adj", score.to_string(), flag.text(), check);
            }
            Err(_) => self.not(flag.text()),
        }
    }

    /// A personality by its name.
    fn personality(&mut self, number: Option<u32>, flag: &flags::Given<'_>) {
        match number {
            Some(number) => {
                let check = Check::Personality(number);
                let asked = attribute::personality_text(number);
                self.add("personality", asked, flag.text(), check);
            }
            None => self.not(flag.text()),
        }
    }

    fn terminal(&mut self, asked: TerminalAsked, flag: &flags::Given<'_>) {
        let check = Check::Terminal(asked);
        self.add("terminal", asked.text(), flag.text(), check);
    }

    /// The program that is executed, where its path follows from the word.
    fn program(&mut self, words: &[String]) {
        if let Some(program) = words.first()
            && (program.starts_with('/') || !program.contains('/'))
        {
            let check = Check::Program(program.clone());
            self.add("payload", program.clone(), "CMD", check);
        }
    }

    fn not(&mut self, word: impl Into<String>) {
        self.not_inferred.push(word.into());
    }
}

/// Capabilities beyond which there are to be none, by what is shorter to say.
fn kept_text(kept: u64) -> String {
    let gone = capability::KNOWN & !kept;
    match kept.count_ones() {
        0 => "none".to_owned(),
        count if count > gone.count_ones() => format!("without {}", capability::names(gone)),
        _ => format!("none but {}", capability::names(kept)),
    }
}

/// What becomes of a kind of namespace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// Made by the command.
    New,
    /// Not the host's, whoever makes it.
    Private,
    /// The host's.
    Shared,
}
