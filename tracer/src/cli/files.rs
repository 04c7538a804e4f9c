//! Report files: any number of formats at a time, for every command that judges. Owns their flags,
//! that no two go to one place, and that one which fails does not stop the others.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use super::{Failure, exit, sink::Pending};
use crate::report::{Document, Export, Format, Style, Subject, View, hex};

/// Where reports go beside the one for the terminal.
#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Report files (any number; each appears whole or not at all)")]
pub struct Arguments {
    /// The whole report, as JSON
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// JUnit's XML: a suite for each container, a case for each expectation
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Test Anything Protocol, version 14
    #[arg(long, value_name = "FILE")]
    pub tap: Option<PathBuf>,
    /// Markdown for a pull request: a short table, details folded
    #[arg(long, value_name = "FILE")]
    pub markdown: Option<PathBuf>,
    /// SARIF 2.1.0 for code scanning: each result at the line or word that asked for it
    #[arg(long, value_name = "FILE")]
    pub sarif: Option<PathBuf>,
    /// One page of HTML: verdicts, the births as a picture, namespaces, cgroups, certificates
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
    /// A trace for Perfetto (ui.perfetto.dev): a track for each task
    #[arg(long, value_name = "FILE")]
    pub trace: Option<PathBuf>,
    /// An attestation of the result (in-toto), for `tracer attest sign`; needs a subject
    #[arg(long, value_name = "FILE")]
    pub attest: Option<PathBuf>,
    /// What is attested about: a file, or NAME@sha256:DIGEST as images are named (with --bundle, its
    /// config.json is one already)
    #[arg(long, value_name = "SUBJECT")]
    pub subject: Vec<String>,
}

/// One form that a file can have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    Document,
    Export(Export),
}

/// Files to be, prepared before the run.
pub struct Files(Vec<(Form, Pending)>);

impl Arguments {
    /// Prepares every file, so that a payload does not run for reports that cannot be written.
    ///
    /// # Errors
    /// The first file that cannot be written, or two flags that name one place.
    pub fn prepare(&self) -> Result<Files, Failure> {
        let mut places: Vec<(&str, PathBuf)> = Vec::new();
        for (flag, _, path) in self.asked() {
            let place = place(path);
            if let Some((other, _)) = places.iter().find(|(_, known)| *known == place) {
                let path = path.display();
                return Err(Failure::new(
                    exit::USAGE,
                    format!("{other} and {flag} both name {path}; give each a file of its own"),
                ));
            }
            places.push((flag, place));
        }
        let files = self.asked().map(|(_, form, path)| {
            let pending = Pending::create(path)?;
            Ok((form, pending))
        });
        files.collect::<Result<_, _>>().map(Files)
    }

    /// What the judgement is about: bundles by their `config.json`, and what was named.
    ///
    /// # Errors
    /// A file that cannot be read, a digest that is none, an attestation about nothing.
    pub fn subjects(&self, bundles: &[PathBuf]) -> Result<Vec<Subject>, Failure> {
        let configs = bundles
            .iter()
            .map(|folder| of_file(&folder.join("config.json")));
        let named = self.subject.iter().map(|word| subject(word));
        let subjects: Vec<Subject> = configs.chain(named).collect::<Result<_, _>>()?;
        if self.attest.is_some() && subjects.is_empty() {
            return Err(Failure::new(
                exit::USAGE,
                "--attest needs what it is about; name --bundle DIR, --subject FILE or --subject \
                 NAME@sha256:DIGEST",
            ));
        }
        Ok(subjects)
    }

    /// The flag that names the same file as `path`.
    pub fn flag_of(&self, path: &Path) -> Option<&'static str> {
        let wanted = place(path);
        let mut asked = self.asked();
        asked.find_map(|(flag, _, path)| (place(path) == wanted).then_some(flag))
    }

    fn asked(&self) -> impl Iterator<Item = (&'static str, Form, &Path)> {
        let all = [
            ("--json", Form::Document, &self.json),
            ("--junit", Form::Export(Export::Junit), &self.junit),
            ("--tap", Form::Export(Export::Tap), &self.tap),
            ("--markdown", Form::Export(Export::Markdown), &self.markdown),
            ("--sarif", Form::Export(Export::Sarif), &self.sarif),
            ("--html", Form::Export(Export::Html), &self.html),
            ("--trace", Form::Export(Export::Trace), &self.trace),
            ("--attest", Form::Export(Export::Attest), &self.attest),
        ];
        let asked = all.into_iter();
        asked.filter_map(|(flag, form, path)| Some((flag, form, path.as_deref()?)))
    }
}

/// A subject as it is named: `NAME@sha256:DIGEST`, `sha256:DIGEST`, or a file.
///
/// # Errors
/// A file that cannot be read, or a digest that is none.
pub fn subject(word: &str) -> Result<Subject, Failure> {
    let Some((name, digest)) = word.rsplit_once("sha256:") else {
        return of_file(Path::new(word));
    };
    let is_digest = digest.len() == 64
        && digest
            .bytes()
            .all(|byte| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte));
    if !is_digest {
        return Err(Failure::new(
            exit::USAGE,
            format!("`{digest}` is no SHA-256; write its 64 digits in lower case"),
        ));
    }
    let name = name.trim_end_matches('@');
    Ok(Subject {
        name: if name.is_empty() { digest } else { name }.to_owned(),
        sha256: digest.to_owned(),
    })
}

fn of_file(path: &Path) -> Result<Subject, Failure> {
    let failed = |error: &io::Error| {
        let path = path.display();
        Failure::new(
            exit::ERROR,
            format!("reading the subject {path} failed: {error}"),
        )
    };
    let bytes = fs::read(path).map_err(|error| failed(&error))?;
    Ok(Subject {
        name: path.display().to_string(),
        sha256: hex(&Sha256::digest(bytes)),
    })
}

/// A path as one that names the same file reads, there or not.
fn place(path: &Path) -> PathBuf {
    if let Ok(whole) = fs::canonicalize(path) {
        return whole;
    }
    let folder = match path.parent() {
        Some(folder) if !folder.as_os_str().is_empty() => folder,
        _ => Path::new("."),
    };
    match (fs::canonicalize(folder), path.file_name()) {
        (Ok(folder), Some(name)) => folder.join(name),
        _ => path.to_owned(),
    }
}

impl Files {
    /// Writes every file. What cannot be written is told of at the end, and stops no other.
    pub fn finish<T: Document + Serialize>(self, report: &T) -> Vec<Failure> {
        let Self(files) = self;
        let exports = files.iter().any(|(form, _)| *form != Form::Document);
        let view = exports.then(|| View::of(report));
        let mut failures = Vec::new();
        for (form, pending) in files {
            let written = match text(form, report, view.as_ref()) {
                Ok(text) => pending.finish(&text),
                Err(reason) => Err(pending.failed(&reason)),
            };
            failures.extend(written.err());
        }
        failures
    }
}

fn text<T: Document>(
    form: Form,
    report: &T,
    view: Option<&Result<View, crate::report::ViewError>>,
) -> Result<Vec<u8>, String> {
    match (form, view) {
        (Form::Export(export), Some(Ok(view))) => {
            export.bytes(view).map_err(|error| error.to_string())
        }
        (Form::Export(_), Some(Err(error))) => Err(error.to_string()),
        (Form::Document | Form::Export(_), _) => {
            let mut text = Vec::new();
            report
                .write(Format::Json, &mut text, Style::default())
                .map_err(|error| error.to_string())?;
            Ok(text)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(arguments: &Arguments) -> Failure {
        match arguments.prepare() {
            Ok(_) => panic!("prepared"),
            Err(failure) => failure,
        }
    }

    #[test]
    fn two_formats_in_one_file_are_a_usage_error_however_it_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report");
        let link = folder.path().join("link");
        let dotted = folder.path().join(".").join("report");
        let two = |one: &Path, other: &Path| Arguments {
            json: Some(one.to_owned()),
            tap: Some(other.to_owned()),
            ..Arguments::default()
        };
        for arguments in [two(&path, &path), two(&path, &dotted)] {
            let failure = refusal(&arguments);
            assert_eq!(failure.code, exit::USAGE);
            assert!(failure.text.starts_with("--json and --tap"), "{failure:?}");
        }
        assert!(two(&path, &link).prepare().is_ok(), "two files");
        fs::write(&path, "").unwrap();
        std::os::unix::fs::symlink("report", &link).unwrap();
        assert_eq!(refusal(&two(&path, &link)).code, exit::USAGE);
    }

    #[test]
    fn a_subject_is_an_image_by_its_digest_or_a_file_by_its_content() {
        let digest = "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
        let image = subject(&format!("docker.io/library/box@sha256:{digest}")).unwrap();
        assert_eq!(
            (image.name.as_str(), image.sha256.as_str()),
            ("docker.io/library/box", digest)
        );
        assert_eq!(subject(&format!("sha256:{digest}")).unwrap().name, digest);
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        fs::write(&path, "test").unwrap();
        // `printf test | sha256sum`.
        assert_eq!(subject(path.to_str().unwrap()).unwrap().sha256, digest);
        assert_eq!(subject("box@sha256:abc").unwrap_err().code, exit::USAGE);
        assert_eq!(subject("/nowhere").unwrap_err().code, exit::ERROR);
    }

    #[test]
    fn an_attestation_is_about_something() {
        let mut arguments = Arguments {
            attest: Some(PathBuf::from("statement.json")),
            ..Arguments::default()
        };
        let failure = arguments.subjects(&[]).unwrap_err();
        assert_eq!(failure.code, exit::USAGE);
        assert!(failure.text.contains("--subject"), "{failure:?}");
        arguments.attest = None;
        assert_eq!(arguments.subjects(&[]).unwrap(), []);
    }

    #[test]
    fn a_folder_that_is_not_there_is_found_out_before_the_run() {
        let folder = tempfile::tempdir().unwrap();
        let arguments = Arguments {
            junit: Some(folder.path().join("no/such/report.xml")),
            ..Arguments::default()
        };
        let failure = refusal(&arguments);
        assert_eq!(failure.code, exit::ERROR);
        assert!(failure.text.contains("report.xml"), "{failure:?}");
    }
}
