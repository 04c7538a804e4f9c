//! The grammar of `tracer verify`. Owns names, defaults and help.

use std::path::PathBuf;

use clap::Args;

use crate::{
    cli::{kernel::KernelArguments, recorder, run::ReportArguments},
    expect::PathPattern,
    verdict::Select,
};

/// Run any command, find every container that its processes make, and judge each by what the
/// kernel recorded.
#[derive(Args, Debug)]
#[command(after_help = crate::cli::exit::HELP)]
pub struct VerifyArguments {
    #[command(flatten)]
    pub sources: SourceArguments,
    /// Which containers are judged: payloads (all but a runtime's own stages); of these
    /// id=PREFIX, runtime=NAME, program=NAME, cgroup=PATH, or label=KEY[=VALUE] as docker, containerd or podman's service
    /// tell it; all, with the stages; or the one of a number
    #[arg(long, default_value = "payloads", value_parser = select, value_name = "WHICH")]
    pub select: Select,
    /// A process, by name or number, that makes containers on behalf of the command: dockerd,
    /// containerd, podman's service; what it makes meanwhile for others is found as well
    #[arg(long, value_name = "NAME|PID")]
    pub daemon: Vec<String>,
    /// Hold each payload before its first instruction until it has been judged, and kill it unless it
    /// passes; with `drift: deny`, kill a container as soon as it changes
    #[arg(long)]
    pub enforce: bool,
    /// Go on until every container has ended, and not only the command
    #[arg(long)]
    pub wait: bool,
    #[command(flatten)]
    pub report: ReportArguments,
    #[command(flatten)]
    pub recorder: recorder::RecordArguments,
    #[command(flatten)]
    pub kernel: KernelArguments,
    /// The command, with its arguments
    #[arg(required = true, trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// Where expectations come from.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Expectations")]
pub struct SourceArguments {
    /// A file of expectations (see `tracer expect schema`)
    #[arg(long, value_name = "FILE")]
    pub expect: Vec<PathBuf>,
    /// Expectations that come with tracer
    #[arg(long, value_name = "NAME", value_parser = crate::cli::expect::presets())]
    pub preset: Vec<String>,
    /// An OCI bundle, whose config.json tells what is expected
    #[arg(long, value_name = "DIR")]
    pub bundle: Vec<PathBuf>,
    /// A condition over the birth certificate, in CEL, such as
    /// `linux.ns.net.is_host == false && linux.no_new_privs`
    #[arg(long, value_name = "CEL")]
    pub rule: Vec<String>,
    /// What the words of the command ask for: unshare, bwrap, systemd-nspawn, docker run, podman
    /// run, and runc, crun or youki by their bundle
    #[arg(long)]
    pub infer: bool,
}

impl SourceArguments {
    /// Nothing is named.
    pub fn is_empty(&self) -> bool {
        let Self {
            expect,
            preset,
            bundle,
            rule,
            infer,
        } = self;
        expect.is_empty() && preset.is_empty() && bundle.is_empty() && rule.is_empty() && !infer
    }

    /// The flags again, one by one.
    pub fn words(&self) -> Vec<String> {
        let path = |flag: &str, path: &PathBuf| format!("{flag} {}", path.display());
        let text = |flag: &str, text: &String| format!("{flag} {text}");
        let expect = self.expect.iter().map(|file| path("--expect", file));
        let preset = self.preset.iter().map(|name| text("--preset", name));
        let bundle = self.bundle.iter().map(|folder| path("--bundle", folder));
        let rule = self.rule.iter().map(|rule| text("--rule", rule));
        let infer = self.infer.then(|| "--infer".to_owned());
        let words = expect.chain(preset).chain(bundle).chain(rule).chain(infer);
        words.collect()
    }
}

/// Reads what `--select` says.
pub fn select(text: &str) -> Result<Select, String> {
    if let Ok(number) = text.parse() {
        return Ok(Select::Number(number));
    }
    let (key, value) = text.split_once('=').unwrap_or((text, ""));
    match (key, value) {
        ("payloads", "") => Ok(Select::Payloads),
        ("all", "") => Ok(Select::All),
        ("id", value) if !value.is_empty() => Ok(Select::Id(value.to_owned())),
        ("runtime", value) if !value.is_empty() => Ok(Select::Runtime(value.to_owned())),
        ("program", value) if !value.is_empty() => Ok(Select::Program(value.to_owned())),
        ("cgroup", value) if !value.is_empty() => Ok(Select::Cgroup(PathPattern::of(value))),
        ("label", value) if !value.is_empty() && !value.starts_with('=') => {
            Ok(match value.split_once('=') {
                Some((key, value)) => Select::Label(key.to_owned(), Some(value.to_owned())),
                None => Select::Label(value.to_owned(), None),
            })
        }
        _ => Err(format!(
            "`{text}` selects nothing; write payloads, all, a number, id=PREFIX, runtime=NAME, program=NAME, \
             cgroup=PATH or label=KEY[=VALUE]"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_say_again_what_was_named() {
        let named = SourceArguments {
            preset: vec!["strict".to_owned()],
            bundle: vec![PathBuf::from("b")],
            rule: vec!["true".to_owned()],
            infer: true,
            ..SourceArguments::default()
        };
        assert_eq!(
            named.words().join(", "),
            "--preset strict, --bundle b, --rule true, --infer"
        );
        assert!(!named.is_empty());
        let none = SourceArguments::default();
        assert!(none.is_empty() && none.words().is_empty());
    }

    #[test]
    fn a_selection_is_a_word_a_number_or_a_pair() {
        assert_eq!(select("all"), Ok(Select::All));
        assert_eq!(select("2"), Ok(Select::Number(2)));
        assert_eq!(select("id=6f3a"), Ok(Select::Id("6f3a".to_owned())));
        assert_eq!(
            select("program=/bin/true"),
            Ok(Select::Program("/bin/true".to_owned()))
        );
        for right in [
            "payloads",
            "all",
            "2",
            "id=6f",
            "runtime=runc",
            "program=/bin/true",
            "cgroup=/pods/*",
            "label=job",
            "label=job=7",
            "label=job=",
            "label=job=a=b",
        ] {
            assert_eq!(
                select(right).map(|select| select.to_string()),
                Ok(right.to_owned())
            );
        }
        for wrong in [
            "", "id=", "cgroup=", "all=1", "name=x", "label=", "label==7",
        ] {
            assert!(select(wrong).is_err(), "{wrong}");
        }
    }
}
