//! Flags over environment over file: which one has the say of each flag. Owns the order, and the words that the
//! command line is read from in the end.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt;

use clap::{Arg, ArgMatches, Command, parser::ValueSource};

use super::file::{Said, Setting};

/// Variables of the environment that set flags begin so.
pub const PREFIX: &str = "TRACER_AUDIT_";

/// Who has the say of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// The command line.
    Flag,
    /// The environment.
    Variable(String),
    /// The file, by its setting's number.
    File(usize),
    /// Nobody.
    Default,
}

/// What the layers below the command line have.
#[derive(Clone, Debug, Default)]
pub struct Below {
    /// Variables of the environment.
    pub variables: BTreeMap<String, String>,
    /// Settings of the file.
    pub settings: Vec<Setting>,
}

/// What a layer says that is wrong.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Who says it.
    pub by: Origin,
    /// What is wrong.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason)
    }
}

/// The flags in effect.
#[derive(Clone, Debug)]
pub struct Layered {
    /// What the lower layers add to the command line.
    pub words: Vec<OsString>,
    /// Who has the say of each flag, by name.
    pub origins: BTreeMap<String, Origin>,
}

/// The flags of a command that other layers may set, by name.
pub fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    let own = ["config", "help", "version"];
    let all = command.get_arguments();
    all.filter_map(|arg| Some((arg.get_long()?, arg)))
        .filter(move |(name, _)| !own.contains(name))
}

/// Puts the layers on top of each other. `given` is what the command line says.
pub fn layered(command: &Command, given: &ArgMatches, below: &Below) -> Result<Layered, Refused> {
    known(command, below)?;
    let mut origins = BTreeMap::new();
    let mut words = Vec::new();
    let on_line =
        |arg: &Arg| given.value_source(arg.get_id().as_str()) == Some(ValueSource::CommandLine);
    // A layer as a whole stands above the next: what contradicts it there has no say.
    let mut set: Vec<&Arg> = flags(command)
        .map(|(_, arg)| arg)
        .filter(|arg| on_line(arg))
        .collect();
    for arg in &set {
        origins.insert(name(arg), Origin::Flag);
    }
    for layer in [of_variables(command, below)?, of_file(command, below)?] {
        let overruled = |arg: &Arg| {
            let mut above = set.iter();
            above.any(|other| other.get_id() == arg.get_id() || contradict(command, other, arg))
        };
        let (_, has_say): (Vec<_>, Vec<_>) =
            layer.into_iter().partition(|(arg, ..)| overruled(arg));
        for (arg, origin, more) in has_say {
            check(&more, &origin)?;
            origins.insert(name(arg), origin);
            words.extend(more);
            set.push(arg);
        }
    }
    for (name, _) in flags(command) {
        origins.entry(name.to_owned()).or_insert(Origin::Default);
    }
    Ok(Layered { words, origins })
}

type OfLayer<'a> = Vec<(&'a Arg, Origin, Vec<OsString>)>;

fn of_variables<'a>(command: &'a Command, below: &Below) -> Result<OfLayer<'a>, Refused> {
    let mut layer = Vec::new();
    for (name, arg) in flags(command) {
        let variable = variable(name);
        let Some(text) = below.variables.get(&variable) else {
            continue;
        };
        let origin = Origin::Variable(variable);
        let said = if arg.get_action().takes_values() {
            // A list has a line for each.
            Said::Values(text.lines().map(str::to_owned).collect())
        } else {
            match &**text {
                "1" | "true" => Said::Switch(true),
                "0" | "false" => Said::Switch(false),
                _ => {
                    let reason = format!("`{text}` is neither true nor false");
                    return Err(Refused { by: origin, reason });
                }
            }
        };
        let more = spelled(name, arg, &said, &origin)?;
        layer.push((arg, origin, more));
    }
    Ok(layer)
}

fn of_file<'a>(command: &'a Command, below: &Below) -> Result<OfLayer<'a>, Refused> {
    let mut layer = Vec::new();
    for (number, setting) in below.settings.iter().enumerate() {
        let mut all = flags(command);
        if let Some((name, arg)) = all.find(|(name, _)| *name == setting.name) {
            let origin = Origin::File(number);
            let more = spelled(name, arg, &setting.said, &origin)?;
            layer.push((arg, origin, more));
        }
    }
    Ok(layer)
}

/// As the command line has it.
fn spelled(name: &str, arg: &Arg, said: &Said, by: &Origin) -> Result<Vec<OsString>, Refused> {
    let refused = |reason: String| {
        let by = by.clone();
        Err(Refused { by, reason })
    };
    match (said, arg.get_action().takes_values()) {
        (Said::Switch(true), false) => Ok(vec![format!("--{name}").into()]),
        (Said::Switch(false), false) => Ok(Vec::new()),
        (Said::Values(_), false) => refused(format!("`{name}` is true or false")),
        // Its value has a default of its own.
        (Said::Switch(on), true)
            if arg
                .get_num_args()
                .is_some_and(|count| count.min_values() == 0) =>
        {
            Ok(on.then(|| format!("--{name}").into()).into_iter().collect())
        }
        (Said::Switch(_), true) => refused(format!("`{name}` takes a value, not true or false")),
        (Said::Values(values), true) => {
            let list = matches!(arg.get_action(), clap::ArgAction::Append);
            if !list && values.len() != 1 {
                return refused(format!("`{name}` takes one value"));
            }
            let words = values.iter();
            Ok(words
                .map(|value| format!("--{name}={value}").into())
                .collect())
        }
    }
}

/// What is said in a layer has to be right by itself, so that it is known who is wrong.
fn check(words: &[OsString], by: &Origin) -> Result<(), Refused> {
    let line = ["tracer", "audit"].map(OsString::from).into_iter();
    let line = line.chain(words.iter().cloned());
    match super::grammar().try_get_matches_from(line) {
        Ok(_) => Ok(()),
        Err(error) => Err(Refused {
            by: by.clone(),
            reason: crate::cli::one_line(&error.render().to_string()),
        }),
    }
}

fn known(command: &Command, below: &Below) -> Result<(), Refused> {
    let names: Vec<&str> = flags(command).map(|(name, _)| name).collect();
    for variable in below.variables.keys() {
        if !names.iter().any(|name| self::variable(name) == *variable) {
            return Err(Refused {
                by: Origin::Variable(variable.clone()),
                reason: format!(
                    "there is no flag for it; there are --{}",
                    names.join(", --")
                ),
            });
        }
    }
    for (number, setting) in below.settings.iter().enumerate() {
        if !names.contains(&&*setting.name) {
            return Err(Refused {
                by: Origin::File(number),
                reason: format!(
                    "unknown key `{}`; there are {}",
                    setting.name,
                    names.join(", ")
                ),
            });
        }
    }
    Ok(())
}

/// The variable that sets a flag.
pub fn variable(name: &str) -> String {
    format!("{PREFIX}{}", name.to_uppercase().replace('-', "_"))
}

fn name(arg: &Arg) -> String {
    arg.get_long().unwrap_or_default().to_owned()
}

fn contradict(command: &Command, one: &Arg, other: &Arg) -> bool {
    let of = |one: &Arg, other: &Arg| {
        let all = command.get_arg_conflicts_with(one);
        all.iter().any(|arg| arg.get_id() == other.get_id())
    };
    of(one, other) || of(other, one)
}
