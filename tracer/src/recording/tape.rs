//! Writing a recording as a run goes on. Owns the order of frames; an error is kept to the end, so
//! that a full disk does not end the run.

use std::fmt;
use std::io::{self, Write};

use serde::Serialize;

use super::frame::{self, FrameKind};
use super::{FORMAT, Header, MAGIC, Trailer};
use crate::history::{End, Note};

/// Bytes after which what has come so far is made readable, so that a file that is cut off is lost
/// behind that place alone.
const PORTION: usize = 64 << 10;

/// A recording to be.
pub struct Tape {
    out: zstd::Encoder<'static, Counted>,
    /// Of the next frame.
    number: u64,
    counts: Trailer,
    /// Bytes since the last portion.
    pending: usize,
    failed: Option<io::Error>,
}

impl fmt::Debug for Tape {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Tape")
            .field("counts", &self.counts)
            .finish_non_exhaustive()
    }
}

struct Counted {
    out: Box<dyn Write + Send>,
    bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.bytes += written as u64;
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

impl Tape {
    /// Begins with what the recording says of itself.
    pub fn new(out: impl Write + Send + 'static, header: &Header) -> io::Result<Self> {
        let mut out = Counted {
            out: Box::new(out),
            bytes: 0,
        };
        out.write_all(&MAGIC)?;
        out.write_all(&FORMAT.to_le_bytes())?;
        out.write_all(&[0; 2])?;
        let mut out = zstd::Encoder::new(out, zstd::DEFAULT_COMPRESSION_LEVEL)?;
        out.include_checksum(true)?;
        let mut tape = Self {
            out,
            number: 0,
            counts: Trailer::default(),
            // The header is a portion of its own.
            pending: PORTION,
            failed: None,
        };
        tape.json(FrameKind::HEADER, header);
        match tape.failed.take() {
            Some(error) => Err(error),
            None => Ok(tape),
        }
    }

    /// Takes a record.
    pub fn record(&mut self, bytes: &[u8]) {
        self.counts.records += 1;
        self.counts.record_bytes += bytes.len() as u64;
        self.frame(FrameKind::RECORD, bytes);
    }

    /// Takes a note.
    pub fn note(&mut self, note: &Note) {
        self.counts.notes += 1;
        self.json(FrameKind::NOTE, note);
    }

    /// Ends it; tells its length in bytes, or the first error since the start.
    pub fn finish(mut self, end: &End) -> io::Result<u64> {
        self.json(FrameKind::END, end);
        let counts = self.counts;
        self.json(FrameKind::TRAILER, &counts);
        if let Some(error) = self.failed {
            return Err(error);
        }
        let mut out = self.out.finish()?;
        out.flush()?;
        Ok(out.bytes)
    }

    fn json(&mut self, kind: FrameKind, value: &impl Serialize) {
        match serde_json::to_vec(value) {
            Ok(bytes) => self.frame(kind, &bytes),
            Err(error) => self.failed = self.failed.take().or(Some(error.into())),
        }
    }

    fn frame(&mut self, kind: FrameKind, bytes: &[u8]) {
        if self.failed.is_none() {
            self.failed = self.write(kind, bytes).err();
        }
    }

    fn write(&mut self, kind: FrameKind, bytes: &[u8]) -> io::Result<()> {
        frame::write(&mut self.out, self.number, kind, bytes)?;
        self.number += 1;
        self.pending += bytes.len();
        if self.pending >= PORTION {
            self.out.flush()?;
            self.pending = 0;
        }
        Ok(())
    }
}
