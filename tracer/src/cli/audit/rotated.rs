//! A file of records that is rotated by its size. Owns its names, its mode, and that what is in it is whole.

use std::{
    fs::{File, OpenOptions, Permissions, rename},
    io::{self, Read as _, Seek as _, SeekFrom, Write as _},
    os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _},
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::cli::say;

/// The last record of a file is looked for in so much of it.
const TAIL: u64 = 1 << 20;

/// A file, with its predecessors beside it as `FILE.1` to `FILE.n`.
pub struct Rotated {
    path: PathBuf,
    file: File,
    size: u64,
    limit: u64,
    keep: u32,
}

/// What a file held before.
pub struct Before {
    /// Time of its last whole record, where that could be read; `None` = there is none.
    pub last: Option<String>,
}

impl Rotated {
    /// Opens the file, and tells what it holds if it is not empty. A last line that is cut, as
    /// SIGKILL leaves it on a full disk, is ended, so that it damages no other.
    pub fn open(path: &Path, limit: u64, keep: u32) -> io::Result<(Self, Option<Before>)> {
        let mut file = open(path)?;
        let mut size = file.metadata()?.len();
        let mut before = None;
        if size != 0 {
            let tail = tail(&mut file, size)?;
            before = Some(Before { last: last(&tail) });
            if !tail.ends_with(b"\n") {
                file.write_all(b"\n")?;
                size += 1;
            }
        }
        let rotated = Self {
            path: path.to_owned(),
            file,
            size,
            limit,
            keep,
        };
        Ok((rotated, before))
    }

    /// Opens the file of that name anew, as somebody may have renamed the one that is written.
    pub fn reopen(&mut self) {
        let opened = open(&self.path).and_then(|file| Ok((file.metadata()?.len(), file)));
        match opened {
            Ok((size, file)) => (self.size, self.file) = (size, file),
            Err(error) => say(&format!(
                "opening {} anew failed: {error}; records go to the file that was open",
                self.path.display()
            )),
        }
    }

    /// What it is called.
    pub fn name(&self) -> String {
        self.path.display().to_string()
    }

    /// Writes lines: all of them or none.
    pub fn write(&mut self, text: &str) -> io::Result<()> {
        if self.size != 0 && self.size + text.len() as u64 > self.limit {
            self.rotate()?;
        }
        // Whole records or none: what a full disk has cut is taken back.
        let written = self.file.write_all(text.as_bytes());
        if let Err(error) = written {
            // A device cannot be cut.
            let _uncut = self.file.set_len(self.size);
            return Err(error);
        }
        self.size += text.len() as u64;
        Ok(())
    }

    fn rotate(&mut self) -> io::Result<()> {
        let numbered = |number: u32| {
            let mut name = self.path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        for number in (1..self.keep).rev() {
            match rename(numbered(number), numbered(number + 1)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        if self.keep == 0 {
            self.file.set_len(0)?;
        } else {
            rename(&self.path, numbered(1))?;
            self.file = open(&self.path)?;
        }
        self.size = 0;
        Ok(())
    }
}

fn open(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.read(true).append(true).create(true).mode(0o600);
    let file = options.open(path)?;
    // One that was there may be for others to read.
    if file.metadata()?.is_file() {
        file.set_permissions(Permissions::from_mode(0o600))?;
    }
    Ok(file)
}

fn tail(file: &mut File, size: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL)))?;
    let mut tail = Vec::new();
    file.read_to_end(&mut tail)?;
    Ok(tail)
}

/// Time of the last line that is a whole record.
fn last(tail: &[u8]) -> Option<String> {
    let lines = tail.split(|byte| *byte == b'\n').rev();
    let mut times = lines.filter_map(|line| {
        let record: Value = serde_json::from_slice(line).ok()?;
        record.get("time")?.as_str().map(str::to_owned)
    });
    times.next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_whole_record_tells_the_time() {
        let tail = b"{\"time\":\"1\"}\n{\"time\":\"2\"}\n{\"time\":\"3";
        assert_eq!(last(tail).as_deref(), Some("2"));
        assert_eq!(last(b"nothing of ours\n"), None);
    }
}
