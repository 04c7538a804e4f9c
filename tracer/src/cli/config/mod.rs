//! `/etc/tracer/config.toml`, the environment and the flags of `tracer audit`, and `tracer config print`. Owns
//! reading them; what a flag means is its command's.

mod file;
mod layers;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use clap::{Args, CommandFactory as _, FromArgMatches as _, Subcommand};

use super::{Cli, Failure, audit::AuditArguments, exit, print};
use layers::{Below, Layered, Origin, Refused};

/// Where the file is unless another is named; it need not be there.
pub const USUAL: &str = "/etc/tracer/config.toml";
/// Names another file.
const VARIABLE: &str = "TRACER_CONFIG";
/// The command that is configured, and its table.
const COMMAND: &str = "audit";

/// Look at the configuration of `tracer audit`.
#[derive(Args, Debug)]
pub struct ConfigArguments {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print the values in effect and where each comes from: flag, environment, file or default
    Print {
        /// Flags as `tracer audit` would get them
        #[arg(
            trailing_var_arg = true,
            allow_hyphen_values = true,
            value_name = "FLAGS"
        )]
        flags: Vec<OsString>,
    },
}

/// The command.
///
/// # Errors
/// The configuration is not understood.
pub fn run(arguments: &ConfigArguments) -> Result<u8, Failure> {
    let ConfigCommand::Print { flags } = &arguments.command;
    let line = ["tracer", COMMAND].map(OsString::from).into_iter();
    let line: Vec<OsString> = line.chain(flags.iter().cloned()).collect();
    let Some(config) = Config::of(&line)? else {
        let error = match grammar().try_get_matches_from(line) {
            Err(error) => super::one_line(&error.render().to_string()),
            Ok(_) => "these flags are not those of `tracer audit`".to_owned(),
        };
        return Err(Failure::new(exit::USAGE, error));
    };
    print(&config.shown()?).map(|()| exit::PASS)
}

/// The whole command line's grammar.
fn grammar() -> clap::Command {
    Cli::command()
}

/// The command line with what the environment and the file add to it.
///
/// # Errors
/// One of them is not understood.
pub fn words(line: Vec<OsString>) -> Result<Vec<OsString>, Failure> {
    // Other commands need not wait for it.
    if line.get(1).is_none_or(|word| word != COMMAND) {
        return Ok(line);
    }
    match Config::of(&line)? {
        Some(config) => Ok(config.line),
        None => Ok(line),
    }
}

/// What this process would be started with now.
///
/// # Errors
/// The configuration is not understood.
pub fn again() -> Result<AuditArguments, Failure> {
    let line = words(std::env::args_os().collect())?;
    let of_clap = |error: clap::Error| {
        Failure::new(exit::USAGE, super::one_line(&error.render().to_string()))
    };
    let matches = grammar().try_get_matches_from(line).map_err(of_clap)?;
    let own = matches.subcommand_matches(COMMAND);
    let own = own.ok_or_else(|| Failure::new(exit::USAGE, "this is no `tracer audit`"))?;
    AuditArguments::from_arg_matches(own).map_err(of_clap)
}

/// The configuration of a command line.
struct Config {
    line: Vec<OsString>,
    layered: Layered,
    file: Option<Read>,
}

/// A file that was read.
struct Read {
    path: PathBuf,
    text: String,
    settings: Vec<file::Setting>,
}

impl Config {
    /// `None` = the line is another command's, or not understood, which its reader says.
    fn of(line: &[OsString]) -> Result<Option<Self>, Failure> {
        let grammar = grammar();
        let Ok(matches) = grammar.clone().try_get_matches_from(line) else {
            return Ok(None);
        };
        let Some(given) = matches.subcommand_matches(COMMAND) else {
            return Ok(None);
        };
        let mut built = grammar;
        built.build();
        let Some(command) = built.find_subcommand(COMMAND) else {
            return Ok(None);
        };
        let file = read(given.get_one::<PathBuf>("config").map(PathBuf::as_path))?;
        let below = Below {
            variables: variables()?,
            settings: file.iter().flat_map(|file| file.settings.clone()).collect(),
        };
        let layered = layers::layered(command, given, &below)
            .map_err(|refused| told(&refused, file.as_ref()))?;
        let line = line.iter().chain(&layered.words).cloned().collect();
        Ok(Some(Self {
            line,
            layered,
            file,
        }))
    }

    /// As a file that says the same, with comments that say where each value comes from.
    fn shown(&self) -> Result<String, Failure> {
        let matches = grammar().try_get_matches_from(&self.line);
        let matches = matches.map_err(|error| {
            Failure::new(exit::USAGE, super::one_line(&error.render().to_string()))
        })?;
        let mut built = grammar();
        built.build();
        let (Some(command), Some(own)) = (
            built.find_subcommand(COMMAND),
            matches.subcommand_matches(COMMAND),
        ) else {
            return Err(Failure::new(exit::USAGE, "this is no `tracer audit`"));
        };
        let mut text = format!("[{COMMAND}]\n");
        for (name, arg) in layers::flags(command) {
            let id = arg.get_id().as_str();
            let value = if arg.get_action().takes_values() {
                let raw = own.get_raw(id).into_iter().flatten();
                let all: Vec<String> = raw.map(|value| literal(&value.to_string_lossy())).collect();
                match arg.get_action() {
                    _ if all.is_empty() => None,
                    clap::ArgAction::Append => Some(format!("[{}]", all.join(", "))),
                    _ => Some(all.concat()),
                }
            } else {
                Some(own.get_flag(id).to_string())
            };
            let from = self.origin(name);
            // Writing to a String cannot fail.
            let _ = match value {
                Some(value) => writeln!(text, "{name} = {value}  # {from}"),
                None => writeln!(text, "# {name} is not set"),
            };
        }
        Ok(text)
    }

    fn origin(&self, name: &str) -> String {
        match self.layered.origins.get(name) {
            Some(Origin::Flag) => "flag".to_owned(),
            Some(Origin::Variable(variable)) => format!("${variable}"),
            Some(Origin::File(number)) => match &self.file {
                Some(file) => {
                    let (line, ..) = file::place(&file.text, file.settings[*number].at.start);
                    format!("{}:{line}", file.path.display())
                }
                None => "file".to_owned(),
            },
            Some(Origin::Default) | None => "default".to_owned(),
        }
    }
}

/// As TOML has it: a number where it is one.
fn literal(text: &str) -> String {
    match text.parse::<i64>() {
        Ok(number) if number.to_string() == text => text.to_owned(),
        _ => toml_edit::Value::from(text).to_string(),
    }
}

fn told(refused: &Refused, file: Option<&Read>) -> Failure {
    match (&refused.by, file) {
        (Origin::File(number), Some(file)) => {
            let at = file.settings.get(*number).map(|setting| setting.at.clone());
            let reason = refused.reason.clone();
            let shown = file::Misread { reason, at };
            let name = file.path.display().to_string();
            Failure::lines(exit::USAGE, shown.shown(&name, &file.text))
        }
        (Origin::Variable(name), _) => {
            Failure::new(exit::USAGE, format!("${name}: {}", refused.reason))
        }
        _ => Failure::new(exit::USAGE, &refused.reason),
    }
}

/// The file: the one that is named, which has to be there, or the usual one.
fn read(named: Option<&Path>) -> Result<Option<Read>, Failure> {
    let of_environment = std::env::var_os(VARIABLE).map(PathBuf::from);
    let named = named.map(Path::to_owned).or(of_environment);
    let path = named.clone().unwrap_or_else(|| USUAL.into());
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && named.is_none() => {
            return Ok(None);
        }
        Err(error) => {
            let text = format!("reading {} failed: {error}", path.display());
            return Err(Failure::new(exit::USAGE, text));
        }
    };
    let settings = file::read(&text, COMMAND).map_err(|misread| {
        let name = path.display().to_string();
        Failure::lines(exit::USAGE, misread.shown(&name, &text))
    })?;
    Ok(Some(Read {
        path,
        text,
        settings,
    }))
}

fn variables() -> Result<BTreeMap<String, String>, Failure> {
    let all = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        name.starts_with(layers::PREFIX).then_some((name, value))
    });
    let all = all.map(|(name, value)| match value.to_str() {
        Some(value) => Ok((name, value.to_owned())),
        None => Err(Failure::new(
            exit::USAGE,
            format!("${name}: it is not UTF-8"),
        )),
    });
    all.collect()
}

#[cfg(test)]
mod tests;
