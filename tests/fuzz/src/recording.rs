//! Recordings, in two ways: the bytes of a file as they come, and frames whose checksums are right,
//! so that what is behind these is reached.

use std::io::Write as _;

use tracer::recording::{Asked, FORMAT, Frame, Header, MAGIC, Reader};
use tracer::replay;
use tracer::verify::judging::Terms;

/// Kinds of frame.
const HEADER: u8 = 1;
const RECORD: u8 = 2;
const KINDS: u8 = 6;

/// What begins like a file is one. Anything else is frames: two bytes of length, one of kind, and as much
/// content as there is.
pub fn recording(bytes: &[u8]) {
    if bytes.starts_with(&MAGIC) {
        read(bytes);
    } else {
        read(&framed(bytes));
    }
}

/// A file of these frames, after a header that is sound.
fn framed(mut rest: &[u8]) -> Vec<u8> {
    let mut file = MAGIC.to_vec();
    file.extend(FORMAT.to_le_bytes());
    file.extend([0; 2]);
    let mut out = zstd::Encoder::new(file, 1).expect("an encoder");
    let header = serde_json::to_vec(&super::header()).expect("JSON");
    let mut number = 0;
    let mut frame = |kind: u8, content: &[u8]| {
        let length = u32::try_from(content.len()).expect("short");
        let mut bytes = vec![kind];
        bytes.extend(length.to_le_bytes());
        bytes.extend(content);
        let mut sum = crc32fast::Hasher::new();
        sum.update(&u64::to_le_bytes(number));
        sum.update(&bytes);
        bytes.extend(sum.finalize().to_le_bytes());
        number += 1;
        out.write_all(&bytes).expect("memory");
    };
    frame(HEADER, &header);
    while let [low, high, kind, content @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(content.len());
        let (content, behind) = content.split_at(length);
        frame(RECORD + kind % (KINDS - RECORD), content);
        rest = behind;
    }
    out.finish().expect("memory")
}

fn read(file: &[u8]) {
    if let Ok((mut reader, _)) = Reader::open_any(file) {
        while let Ok(Some(frame)) = reader.frame() {
            if let Frame::Record(record) = frame {
                super::decode(record);
            }
        }
    }
    if let Ok((mut reader, header)) = Reader::open(file) {
        // What comes of it is its own; that something does is claimed.
        let _ = judged(&mut reader, &header);
    }
}

fn judged(reader: &mut Reader<&[u8]>, header: &Header) -> Result<(), replay::ReplayError> {
    match &header.asked {
        Asked::Run { spec, .. } => replay::run(reader, header, spec).map(drop),
        Asked::Verify {
            expectations,
            select,
            ..
        } => {
            let terms = Terms {
                expectations,
                rules: None,
                select,
            };
            replay::verify(reader, header, &terms, None).map(drop)
        }
    }
}
