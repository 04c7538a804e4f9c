//! The whole document as one JSON value. Owns nothing of its shape.

use std::io::{self, Write};

use serde::Serialize;

/// Writes `report`.
pub fn write(report: &impl Serialize, out: &mut dyn Write) -> io::Result<()> {
    serde_json::to_writer_pretty(&mut *out, report)?;
    writeln!(out)
}
