//! The whole document as one JSON value. Owns nothing of its shape.

use std::io::{self, Write};

use super::{Report, Style};

/// Writes `report`.
pub fn write(report: &Report, out: &mut dyn Write, _style: Style) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
