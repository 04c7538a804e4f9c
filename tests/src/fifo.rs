//! Named pipes between a payload and another process, so that one waits for the other.

use std::os::fd::OwnedFd;
use std::path::PathBuf;

use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;
use tracer::container::Streams;

/// `in` and `out`, in a directory of their own.
pub struct Fifos(TempDir);

impl Default for Fifos {
    fn default() -> Self {
        Self::new()
    }
}

impl Fifos {
    /// Both.
    pub fn new() -> Self {
        let fifos = Self(tempfile::tempdir().expect("a directory"));
        for name in ["in", "out"] {
            let mode = Mode::from_raw_mode(0o600);
            mknodat(CWD, fifos.path(name), FileType::Fifo, mode, 0).expect("a pipe");
        }
        fifos
    }

    /// Where one is.
    pub fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// The payload's standard input and output.
    pub fn streams(&self) -> Streams {
        Streams {
            stdin: Some(self.end("in")),
            stdout: Some(self.end("out")),
            stderr: None,
        }
    }

    /// One, open to read and write, which waits for nobody.
    pub fn end(&self, name: &str) -> OwnedFd {
        let file = std::fs::File::options()
            .read(true)
            .write(true)
            .open(self.path(name));
        file.expect("a pipe").into()
    }
}
