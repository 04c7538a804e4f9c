//! Reports: one document, and one format a file. Owns the document and its words. Pure: bytes go
//! to a writer that is handed in; must not judge, and must not decide where bytes end up.
pub mod census;
pub mod certificate;
mod change;
pub mod compact;
pub mod diff;
pub mod document;
pub mod dsse;
pub(crate) mod escape;
pub mod export;
mod grid;
pub mod json;
pub mod jsonl;
pub mod overview;
pub mod recording;
mod replay;
mod summary;
pub mod table;
mod timeline;
pub mod verification;
pub mod view;

use std::io;

pub use document::{Hook, Input, Payload, Refused, Report, Timing};
pub use export::{Export, github, hex, merged_html, merged_markdown};
pub use replay::Replay;
pub(crate) use replay::{missing_behind, of_cut};
pub use verification::Verification;
pub use view::{Subject, View, ViewError};

/// How text is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// With ANSI colours.
    pub color: bool,
    /// Columns of the terminal.
    pub width: usize,
}

impl Default for Style {
    fn default() -> Self {
        Self {
            color: false,
            width: 100,
        }
    }
}

/// The formats.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// A line for each event and each item that does not pass.
    Compact,
    /// Timeline and table for people.
    Table,
    /// The whole document.
    Json,
    /// A JSON line for each event, each item, and the rest.
    Jsonl,
}

/// Something that can be written in every format.
pub trait Document {
    /// Writes it in `format`; `style` is for people.
    fn write(&self, format: Format, out: &mut dyn io::Write, style: Style) -> io::Result<()>;
}

impl Document for Report {
    fn write(&self, format: Format, out: &mut dyn io::Write, style: Style) -> io::Result<()> {
        match format {
            Format::Compact => compact::write(self, out, style),
            Format::Table => table::write(self, out, style),
            Format::Json => json::write(self, out),
            Format::Jsonl => jsonl::write(self, out, style),
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
