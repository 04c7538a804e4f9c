//! Expectation files: YAML with a small vocabulary of conditions. Owns reading one and saying
//! where it is wrong; the text is handed in, so that reading stays pure.

mod document;
mod form;
pub mod observed;
mod translate;
mod word;

#[cfg(test)]
pub(crate) mod tests;

use thiserror::Error;

use super::Expectation;
use super::merge::{self, Conflict};
use document::Document;
use form::Word as _;

/// Largest text that is read: far beyond any file that people write.
pub const MAX_BYTES: usize = 1 << 20;

/// Why a file gives no expectations.
#[derive(Debug, Error)]
pub enum FileError {
    /// It is too long.
    #[error("{name}: it has {size} bytes, more than the {MAX_BYTES} that are read")]
    TooLong {
        /// Of the file.
        name: String,
        /// In bytes.
        size: usize,
    },
    /// It is not YAML, or something in it is not accepted. With the place and, on lines of
    /// their own, the lines around it with a caret.
    #[error("{text}")]
    NotUnderstood {
        /// One line with the place, then the lines.
        text: String,
    },
    /// It contradicts itself.
    #[error(transparent)]
    Conflict(#[from] Conflict),
}

/// What the file `name` with this `text` asks for, in the order of reports; each origin is
/// `name:LINE`.
pub fn parse(text: &str, name: &str) -> Result<Vec<Expectation>, FileError> {
    if text.len() > MAX_BYTES {
        let size = text.len();
        let name = name.to_owned();
        return Err(FileError::TooLong { name, size });
    }
    let document: Option<Document> =
        serde_saphyr::from_str_with_options(text, options()).map_err(|error| {
            let text = explain(&error, name);
            FileError::NotUnderstood { text }
        })?;
    let list =
        translate::expectations(document.unwrap_or_default(), name).map_err(|(line, key)| {
            let text =
                format!("{name}:{line}: `{key}` asks for nothing; fill it in or leave it out");
            FileError::NotUnderstood { text }
        })?;
    Ok(merge::merge(&[list])?)
}

/// A list of processors, `0-2,5`; ascending without repeats.
pub fn processors(text: &str) -> Option<Vec<u32>> {
    word::CpuList::read(text).map(|list| list.0)
}

/// An amount with or without a comparison, `<=64Mi`.
pub(super) fn amount(text: &str) -> Option<super::Bound<u64>> {
    word::Memory::read(text).map(|amount| amount.0)
}

/// The JSON Schema of a file.
pub fn schema() -> serde_json::Value {
    schemars::schema_for!(Document).into()
}

/// Far less than the defaults, which are for any document: depth, nodes and aliases are those of
/// a small file.
fn options() -> serde_saphyr::Options {
    serde_saphyr::options! {
        budget: serde_saphyr::budget! {
            max_events: 20_000,
            max_nodes: 10_000,
            max_depth: 16,
            max_documents: 1,
            max_aliases: 100,
            max_anchors: 100,
            max_merge_keys: 100,
            max_recorded_anchor_events: 10_000,
            max_recorded_anchor_bytes: MAX_BYTES,
            max_total_scalar_bytes: MAX_BYTES,
        },
        strict_booleans: true,
        reject_unsupported_tags: true,
    }
}

/// `name:line:column: what`, and below it the lines around it with a caret.
fn explain(error: &serde_saphyr::Error, name: &str) -> String {
    let formatter = serde_saphyr::UserMessageFormatter;
    let text = error.render_with_options(serde_saphyr::render_options! {
        formatter: &formatter,
        source_name: Some(name),
    });
    let Some(place) = error.location() else {
        return format!("{name}: {}", text.trim_start_matches("error: "));
    };
    let (line, column) = (place.line(), place.column());
    let (title, snippet) = text.split_once('\n').unwrap_or((&text, ""));
    let message = title
        .strip_prefix(&format!("error: line {line} column {column}: "))
        .unwrap_or(title);
    // The place and the message are in the first line already.
    let lines = snippet.lines().filter(|line| !line.contains("-->"));
    let lines: Vec<&str> = lines
        .map(|line| line.strip_suffix(message).unwrap_or(line).trim_end())
        .collect();
    format!("{name}:{line}:{column}: {message}\n{}", lines.join("\n"))
}
