//! Reading a recording, frame by frame, in memory that does not grow with it. Owns the order in
//! which frames may come; hands out nothing that its checksum does not vouch for.

use std::io::{BufRead, Read as _};

use serde::de::DeserializeOwned;
use tracer_common::ABI_VERSION;
use tracer_common::older::oldest;

use super::count::Counted;
use super::frame::{self, FrameError, FrameKind};
use super::{Cut, FORMAT, Header, MAGIC, ReadError, Trailer};
use crate::history::{End, Note};

/// Magic, version and what is reserved.
const PRELUDE: usize = 12;

/// Window of the compression in bytes, as a power of two: more is refused, so that no file makes
/// the reader take much memory.
const WINDOW_LOG: u32 = 23;

/// One frame behind the header.
#[derive(Debug)]
pub enum Frame<'a> {
    /// A record.
    Record(&'a [u8]),
    /// A note.
    Note(Box<Note>),
    /// How it ended; nothing else comes.
    End(End),
}

/// A recording that is being read.
pub struct Reader<R: BufRead> {
    from: zstd::Decoder<'static, Counted<R>>,
    /// Of the next frame.
    number: u64,
    bytes: Vec<u8>,
    counts: Trailer,
    ended: bool,
}

impl<R: BufRead> Reader<R> {
    /// Reads the header, and refuses what this tracer cannot replay.
    pub fn open(from: R) -> Result<(Self, Header), ReadError> {
        let (reader, header) = Self::open_any(from)?;
        replayable(&header)?;
        Ok((reader, header))
    }

    /// Reads the header, whatever records follow it.
    pub fn open_any(from: R) -> Result<(Self, Header), ReadError> {
        let mut from = Counted::new(from);
        let mut prelude = Vec::with_capacity(PRELUDE);
        from.by_ref()
            .take(PRELUDE as u64)
            .read_to_end(&mut prelude)
            .map_err(ReadError::Io)?;
        let magic = prelude.len().min(MAGIC.len());
        if magic == 0 || prelude[..magic] != MAGIC[..magic] {
            return Err(ReadError::NotARecording);
        }
        let Some([low, high, zero, other_zero]) = prelude.get(MAGIC.len()..PRELUDE) else {
            let bytes = prelude.len() as u64;
            return Err(ReadError::Truncated(Cut { frames: 0, bytes }));
        };
        match u16::from_le_bytes([*low, *high]) {
            FORMAT => {}
            found if found > FORMAT => return Err(ReadError::Newer { found }),
            found => return Err(ReadError::Older { found }),
        }
        if (zero, other_zero) != (&0, &0) {
            return Err(damaged(0, "what is reserved is in use"));
        }
        let mut from = zstd::Decoder::with_buffer(from)
            .map_err(ReadError::Io)?
            .single_frame();
        from.window_log_max(WINDOW_LOG).map_err(ReadError::Io)?;
        let mut reader = Self {
            from,
            number: 0,
            bytes: Vec::new(),
            counts: Trailer::default(),
            ended: false,
        };
        let header = match reader.raw()? {
            Some(FrameKind::HEADER) => reader.json()?,
            Some(_) => return Err(damaged(0, "it is no header")),
            None => return Err(reader.truncated()),
        };
        Ok((reader, header))
    }

    /// The next frame; `None` once the trailer has been read and agrees.
    pub fn frame(&mut self) -> Result<Option<Frame<'_>>, ReadError> {
        let number = self.number;
        let kind = self.raw()?;
        match kind {
            None => Err(self.truncated()),
            Some(FrameKind::TRAILER) if self.ended => {
                let trailer: Trailer = self.json()?;
                if trailer != self.counts {
                    return Err(damaged(number, "frames are missing before it"));
                }
                self.nothing_more()?;
                Ok(None)
            }
            Some(_) if self.ended => Err(damaged(number, "it comes after the end")),
            Some(FrameKind::RECORD) => {
                self.counts.records += 1;
                self.counts.record_bytes += self.bytes.len() as u64;
                Ok(Some(Frame::Record(&self.bytes)))
            }
            Some(FrameKind::NOTE) => {
                self.counts.notes += 1;
                Ok(Some(Frame::Note(Box::new(self.json()?))))
            }
            Some(FrameKind::END) => {
                self.ended = true;
                Ok(Some(Frame::End(self.json()?)))
            }
            Some(FrameKind::HEADER | FrameKind::TRAILER) => {
                Err(damaged(number, "it does not belong there"))
            }
            Some(FrameKind(kind)) => Err(ReadError::Unknown {
                frame: number,
                what: format!("kind {kind}"),
            }),
        }
    }

    /// What to say when the frame that was read last cannot be where it is.
    #[must_use]
    pub fn damaged(&self, what: &str) -> ReadError {
        damaged(self.number.saturating_sub(1), what)
    }

    fn raw(&mut self) -> Result<Option<FrameKind>, ReadError> {
        match frame::read(&mut self.from, self.number, &mut self.bytes) {
            Ok(Some(kind)) => {
                self.number += 1;
                Ok(Some(kind))
            }
            Ok(None) => Ok(None),
            Err(FrameError::Truncated) => Err(self.truncated()),
            Err(FrameError::Damaged(what)) => Err(damaged(self.number, &what)),
            Err(FrameError::Io(error)) => Err(ReadError::Io(error)),
        }
    }

    /// What to say when nothing comes any more.
    fn truncated(&self) -> ReadError {
        ReadError::Truncated(Cut {
            frames: self.number,
            bytes: self.from.get_ref().bytes,
        })
    }

    /// The frame that was read last. Its checksum is right: what is not understood is of a newer
    /// tracer.
    fn json<T: DeserializeOwned>(&self) -> Result<T, ReadError> {
        serde_json::from_slice(&self.bytes).map_err(|error| ReadError::Unknown {
            frame: self.number - 1,
            what: error.to_string(),
        })
    }

    fn nothing_more(&mut self) -> Result<(), ReadError> {
        let number = self.number;
        if self.raw()?.is_some() {
            return Err(damaged(number, "it comes after the trailer"));
        }
        let rest = self.from.get_mut().fill_buf().map_err(ReadError::Io)?;
        if rest.is_empty() {
            Ok(())
        } else {
            Err(damaged(number, "bytes follow the trailer"))
        }
    }
}

/// Whether this tracer understands the records behind a header.
pub fn replayable(header: &Header) -> Result<(), ReadError> {
    if header.byte_order != Header::byte_order() {
        return Err(ReadError::ByteOrder {
            found: header.byte_order.clone(),
        });
    }
    let (found, tracer) = (header.abi, header.tracer.clone());
    if found > ABI_VERSION {
        Err(ReadError::NewerAbi { found, tracer })
    } else if found < oldest() {
        Err(ReadError::OlderAbi { found, tracer })
    } else {
        Ok(())
    }
}

fn damaged(frame: u64, what: &str) -> ReadError {
    ReadError::Damaged {
        frame,
        what: what.to_owned(),
    }
}
