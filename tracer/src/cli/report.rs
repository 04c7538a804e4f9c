//! `tracer report`: documents and recordings read, compared, and written as one page. Owns the
//! reading of documents.

use std::{
    fs,
    path::{Path, PathBuf},
};

use clap::Args;
use serde_json::Value;

use super::{Failure, exit, print, replay, sink::Pending};
use crate::{
    recording::MAGIC,
    report::{View, merged_html, merged_markdown},
};

/// Compare several runs on one page. Each is a document that `--json FILE` of `tracer run` or
/// `tracer verify` has written, or a recording of `--record FILE`, for instance of one container by
/// several runtimes.
#[derive(Args, Debug)]
pub struct MergeArguments {
    /// The page, as HTML
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    /// The comparison, as Markdown (default: to standard output)
    #[arg(long, value_name = "FILE")]
    markdown: Option<PathBuf>,
    /// Documents and recordings; NAME=FILE gives one a name of its own
    #[arg(required = true, value_name = "[NAME=]FILE")]
    documents: Vec<String>,
}

/// The command: 0 whatever the runs' verdicts are, which their own exit codes have told.
///
/// # Errors
/// A document that cannot be read, or a page that cannot be written.
pub fn run(arguments: &MergeArguments) -> Result<u8, Failure> {
    if arguments.html.is_some() && arguments.html == arguments.markdown {
        let text = "--html and --markdown name one file; give each a file of its own";
        return Err(Failure::new(exit::USAGE, text));
    }
    let views = arguments.documents.iter().map(|word| view(word));
    let views: Vec<(String, View)> = views.collect::<Result<_, _>>()?;
    let runs: Vec<(&str, &View)> = views
        .iter()
        .map(|(name, view)| (name.as_str(), view))
        .collect();
    let pending = |path: &Option<PathBuf>| path.as_deref().map(Pending::create).transpose();
    let (html, markdown) = (pending(&arguments.html)?, pending(&arguments.markdown)?);
    let to_people = html.is_none() && markdown.is_none();
    if let Some(html) = html {
        let page = merged_html(&runs).map_err(|error| Failure::new(exit::ERROR, error))?;
        html.finish(&page)?;
    }
    if let Some(markdown) = markdown {
        markdown.finish(merged_markdown(&runs).as_bytes())?;
    }
    if to_people {
        print(&merged_markdown(&runs))?;
    }
    Ok(exit::PASS)
}

fn view(word: &str) -> Result<(String, View), Failure> {
    let (name, path) = match word.split_once('=') {
        Some((name, path)) if !name.is_empty() && !fs::exists(word).unwrap_or(false) => {
            (name, path)
        }
        _ => (word, word),
    };
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            exit::ERROR,
            format!("reading the report {path} failed: {error}"),
        )
    };
    let text = fs::read(path).map_err(|error| failed(&error))?;
    if text.starts_with(&MAGIC) {
        return Ok((name.to_owned(), replay::view(Path::new(path))?));
    }
    let document: Value = serde_json::from_slice(&text).map_err(|error| failed(&error))?;
    let view = View::read(document).map_err(|error| failed(&error))?;
    Ok((name.to_owned(), view))
}
