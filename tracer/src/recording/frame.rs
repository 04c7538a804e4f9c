//! One frame: kind, length, bytes, checksum. Owns its layout; must not know what the bytes mean.

use std::io::{self, Read, Write};

use super::MAX_FRAME;

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

/// Why there is no frame.
#[derive(Debug)]
pub(super) enum FrameError {
    /// The bytes come to an end in it.
    Truncated,
    /// It is not what was written.
    Damaged(String),
    /// The bytes cannot be read.
    Io(io::Error),
}

/// Reads the frame of this number into `bytes`; `None` at the end of all.
pub(super) fn read(
    from: &mut impl Read,
    number: u64,
    bytes: &mut Vec<u8>,
) -> Result<Option<FrameKind>, FrameError> {
    let mut first = [0; HEAD];
    // Nothing at all is the end; the decompressor itself tells when it is cut off.
    if from.read(&mut first[..1]).map_err(of_io)? == 0 {
        return Ok(None);
    }
    from.read_exact(&mut first[1..]).map_err(of_io)?;
    let [kind, length @ ..] = first;
    let length = u32::from_le_bytes(length);
    if length > MAX_FRAME {
        return Err(FrameError::Damaged("its length is impossible".to_owned()));
    }
    bytes.clear();
    // No more room than there are bytes, whatever the length says.
    let read = from.by_ref().take(length.into()).read_to_end(bytes);
    if read.map_err(of_io)? as u64 != u64::from(length) {
        return Err(FrameError::Truncated);
    }
    let mut sum = [0; 4];
    from.read_exact(&mut sum).map_err(of_io)?;
    if u32::from_le_bytes(sum) != checksum(number, first, bytes) {
        return Err(FrameError::Damaged("its checksum is another".to_owned()));
    }
    Ok(Some(FrameKind(kind)))
}

/// What the decompressor refuses is damage; only the system's own errors are not.
fn of_io(error: io::Error) -> FrameError {
    if error.kind() == io::ErrorKind::UnexpectedEof {
        FrameError::Truncated
    } else if error.raw_os_error().is_some() {
        FrameError::Io(error)
    } else {
        FrameError::Damaged(error.to_string())
    }
}
