//! Recordings: a file with the records of a run and all that user space took besides, in their
//! order, from which `replay` comes to the same verdicts and reports. Owns the format, which
//! docs/recording-format.md describes. Pure: bytes go to a writer and come from a reader that are
//! handed in; must not judge.

mod count;
mod frame;
mod header;
mod reader;
#[cfg(test)]
pub(crate) mod sample;
mod tape;
#[cfg(test)]
mod tests;

use std::{fmt, io};

use serde::{Deserialize, Serialize};
use thiserror::Error;
use tracer_common::{ABI_VERSION, older::oldest};

pub use header::{Asked, Clock, Header, Trailer};
pub use reader::{Frame, Reader, replayable};
pub use tape::Tape;

/// What a recording begins with.
pub const MAGIC: [u8; 8] = *b"TRACEREC";

/// Version of the format, raised when a reader of the one before would misunderstand a file.
/// Fields that a note or the header gets besides do not raise it.
///
/// - 1: the first.
pub const FORMAT: u16 = 1;

/// Longest frame in bytes. The longest there is holds expectations or a mount table, and takes
/// less than a megabyte.
pub const MAX_FRAME: u32 = 16 << 20;

/// Where a recording ends that is cut off. What comes before is as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cut {
    /// Frames that are whole, the header among them.
    pub frames: u64,
    /// Bytes of the file.
    pub bytes: u64,
}

impl fmt::Display for Cut {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { frames, bytes } = self;
        let plural = if *frames == 1 { "" } else { "s" };
        write!(
            out,
            "it ends after {frames} frame{plural}, at byte {bytes}, before its own end"
        )
    }
}

/// Why a recording is not read, or not to its end. Whoever shows it names the file.
#[derive(Debug, Error)]
pub enum ReadError {
    /// Something else.
    #[error("it is no recording of tracer; name a file that --record has written")]
    NotARecording,
    /// From the future.
    #[error(
        "it has format {found} and this tracer reads formats up to {FORMAT}; use the tracer that \
         made it, or a later one"
    )]
    Newer {
        /// Its format.
        found: u16,
    },
    /// From before the first release.
    #[error("it has format {found}, which no released tracer has written; record anew")]
    Older {
        /// Its format.
        found: u16,
    },
    /// Records of a contract from the future.
    #[error(
        "its records have ABI {found} and this tracer reads ABI {ABI_VERSION} at most; use tracer \
         {tracer}, which made it, or a later one"
    )]
    NewerAbi {
        /// Theirs.
        found: u16,
        /// Version of the tracer that wrote it.
        tracer: String,
    },
    /// Records of a contract that is not read any more.
    #[error(
        "its records have ABI {found} and this tracer reads ABI {} at least; use tracer {tracer}, \
         which made it",
        oldest()
    )]
    OlderAbi {
        /// Theirs.
        found: u16,
        /// Version of the tracer that wrote it.
        tracer: String,
    },
    /// Numbers in another order of bytes.
    #[error(
        "its records are {found}-endian, which this tracer does not read; replay it on such a machine"
    )]
    ByteOrder {
        /// Theirs.
        found: String,
    },
    /// Cut off.
    #[error("{0}; copy it again, or record anew")]
    Truncated(Cut),
    /// Changed since it was written.
    #[error("it is damaged at frame {frame}: {what}; copy it again, or record anew")]
    Damaged {
        /// Number of the frame; the header is 0.
        frame: u64,
        /// What is wrong there.
        what: String,
    },
    /// A frame that this tracer does not know the meaning of.
    #[error(
        "frame {frame} is of a kind that this tracer does not know: {what}; use the tracer that \
         made it, or a later one"
    )]
    Unknown {
        /// Number of the frame.
        frame: u64,
        /// What it is.
        what: String,
    },
    /// The file cannot be read.
    #[error("reading it failed: {0}")]
    Io(io::Error),
}
