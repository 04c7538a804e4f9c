//! Standard output as a stream of lines. Owns what becomes of lines that are written in part.

use std::{
    fs::File,
    io::{self, Write},
    os::fd::AsFd as _,
};

use super::output::Unwritten;

/// A stream of lines; written without a buffer, so that it is known what has gone.
pub struct Stream<W = File> {
    to: W,
    /// The last line is not whole.
    cut: bool,
}

impl Stream {
    /// Standard output.
    pub fn standard() -> io::Result<Self> {
        let to = io::stdout().as_fd().try_clone_to_owned()?;
        Ok(Self {
            to: to.into(),
            cut: false,
        })
    }
}

impl<W: Write> Stream<W> {
    /// To this place.
    #[cfg(test)]
    pub fn to(to: W) -> Self {
        Self { to, cut: false }
    }

    /// Writes lines, which all have an end. A line that was cut before is ended first, so that it damages no other.
    pub fn write(&mut self, lines: &str) -> Result<(), Unwritten> {
        if self.cut {
            self.bytes(b"\n")
                .map_err(|(_, error)| failed(lines.as_bytes(), error))?;
            self.cut = false;
        }
        self.bytes(lines.as_bytes()).map_err(|(written, error)| {
            let (gone, left) = lines.as_bytes().split_at(written);
            self.cut = gone.last().is_some_and(|byte| *byte != b'\n');
            failed(left, error)
        })
    }

    /// Gives how much was written of what could not be written whole.
    fn bytes(&mut self, bytes: &[u8]) -> Result<(), (usize, io::Error)> {
        let mut written = 0;
        while let Some(left) = bytes.get(written..).filter(|left| !left.is_empty()) {
            match self.to.write(left) {
                Ok(0) => return Err((written, io::ErrorKind::WriteZero.into())),
                Ok(count) => written += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err((written, error)),
            }
        }
        Ok(())
    }
}

/// Lines of which the end was not written are missing.
fn failed(left: &[u8], error: io::Error) -> Unwritten {
    if error.kind() == io::ErrorKind::BrokenPipe {
        return Unwritten::Closed;
    }
    let pieces = left.split(|byte| *byte == b'\n').count();
    Unwritten::Failed {
        missing: (pieces as u64).saturating_sub(1),
        error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A place with so much room.
    struct Room(Vec<u8>, usize);

    impl Write for Room {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = bytes.len().min(self.1);
            if count == 0 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            self.0.extend(&bytes[..count]);
            self.1 -= count;
            Ok(count)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_is_cut_is_counted_and_damages_no_other() {
        let mut stream = Stream {
            to: Room(Vec::new(), 6),
            cut: false,
        };
        let missing = |written: Result<(), Unwritten>| match written {
            Err(Unwritten::Failed { missing, .. }) => missing,
            other => panic!("{other:?}"),
        };
        assert_eq!(missing(stream.write("one\ntwo\nthree\n")), 2);
        assert_eq!(missing(stream.write("four\n")), 1);
        stream.to.1 = 100;
        assert!(stream.write("five\n").is_ok());
        assert_eq!(stream.to.0, b"one\ntw\nfive\n");
    }

    #[test]
    fn what_ends_with_a_line_is_not_cut() {
        let mut stream = Stream {
            to: Room(Vec::new(), 4),
            cut: false,
        };
        assert!(stream.write("one\ntwo\n").is_err());
        stream.to.1 = 100;
        assert!(stream.write("three\n").is_ok());
        assert_eq!(stream.to.0, b"one\nthree\n");
    }
}
