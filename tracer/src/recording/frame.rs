//! One frame: kind, length, bytes, checksum. Owns its layout; must not know what the bytes mean.

use std::io::{self, Read, Write};

use super::{MAX_FRAME, ReadError};

/// What a frame holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FrameKind(pub(super) u8);

impl FrameKind {
    /// [`super::Header`], as JSON.
    pub(super) const HEADER: Self = Self(1);
    /// A record, as it came out of the ring.
    pub(super) const RECORD: Self = Self(2);
    /// A note, as JSON.
    pub(super) const NOTE: Self = Self(3);
    /// How it ended, as JSON.
    pub(super) const END: Self = Self(4);
    /// [`super::Trailer`], as JSON.
    pub(super) const TRAILER: Self = Self(5);
}

/// Kind and length.
const HEAD: usize = 5;

/// The checksum is of the frame's number, too: one that is missing, doubled or moved shows at once.
fn checksum(number: u64, head: [u8; HEAD], bytes: &[u8]) -> u32 {
    let mut sum = crc32fast::Hasher::new();
    sum.update(&number.to_le_bytes());
    sum.update(&head);
    sum.update(bytes);
    sum.finalize()
}

fn head(kind: FrameKind, length: u32) -> [u8; HEAD] {
    let [a, b, c, d] = length.to_le_bytes();
    [kind.0, a, b, c, d]
}

/// Writes one frame.
pub(super) fn write(
    out: &mut impl Write,
    number: u64,
    kind: FrameKind,
    bytes: &[u8],
) -> io::Result<()> {
    let length = u32::try_from(bytes.len()).ok();
    let length = length
        .filter(|length| *length <= MAX_FRAME)
        .ok_or_else(|| {
            let what = format!(
                "a frame of {} bytes is longer than {MAX_FRAME}",
                bytes.len()
            );
            io::Error::new(io::ErrorKind::InvalidData, what)
        })?;
    let head = head(kind, length);
    out.write_all(&head)?;
    out.write_all(bytes)?;
    out.write_all(&checksum(number, head, bytes).to_le_bytes())
}

/// Reads the frame of this number into `bytes`; `None` at the end of all.
pub(super) fn read(
    from: &mut impl Read,
    number: u64,
    bytes: &mut Vec<u8>,
) -> Result<Option<FrameKind>, ReadError> {
    let mut first = [0; HEAD];
    // Nothing at all is the end; the decompressor itself tells when it is cut off.
    if from
        .read(&mut first[..1])
        .map_err(|error| of_io(error, number))?
        == 0
    {
        return Ok(None);
    }
    exactly(from, &mut first[1..], number)?;
    let [kind, length @ ..] = first;
    let length = u32::from_le_bytes(length);
    let damaged = |what: &str| ReadError::Damaged {
        frame: number,
        what: what.to_owned(),
    };
    if length > MAX_FRAME {
        return Err(damaged("its length is impossible"));
    }
    bytes.clear();
    // No more room than there are bytes, whatever the length says.
    let read = from.by_ref().take(length.into()).read_to_end(bytes);
    let read = read.map_err(|error| of_io(error, number))?;
    if read as u64 != u64::from(length) {
        return Err(ReadError::Truncated { frames: number });
    }
    let mut sum = [0; 4];
    exactly(from, &mut sum, number)?;
    if u32::from_le_bytes(sum) != checksum(number, first, bytes) {
        return Err(damaged("its checksum is another"));
    }
    Ok(Some(FrameKind(kind)))
}

fn exactly(from: &mut impl Read, bytes: &mut [u8], number: u64) -> Result<(), ReadError> {
    from.read_exact(bytes).map_err(|error| of_io(error, number))
}

/// What the decompressor refuses is damage; only the system's own errors are not.
fn of_io(error: io::Error, frame: u64) -> ReadError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        ReadError::Truncated { frames: frame }
    } else if error.raw_os_error().is_some() {
        ReadError::Io(error)
    } else {
        ReadError::Damaged {
            frame,
            what: error.to_string(),
        }
    }
}
