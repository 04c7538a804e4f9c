//! The archive that a Linux kernel unpacks as its first root: cpio's "newc" format, as
//! Documentation/driver-api/early-userspace/buffer-format.rst of Linux has it. Owns the bytes;
//! what goes in, `image` knows.

use std::collections::BTreeSet;
use std::io::{Result, Write};

const FOLDER: u32 = 0o040_000;
const DEVICE: u32 = 0o020_000;
const FILE: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

/// An archive being written. Folders come before what is in them, and everything comes once.
pub struct Archive<W> {
    out: W,
    number: u32,
    names: BTreeSet<String>,
}

impl<W: Write> Archive<W> {
    pub fn new(out: W) -> Self {
        Self {
            out,
            number: 0,
            names: BTreeSet::new(),
        }
    }

    /// Is there something of this absolute path?
    pub fn has(&self, path: &str) -> bool {
        self.names.contains(path.trim_matches('/'))
    }

    /// A folder and those above it.
    pub fn folder(&mut self, path: &str) -> Result<()> {
        let path = path.trim_matches('/');
        let ends = path.match_indices('/').map(|(at, _)| at);
        for end in ends.chain([path.len()]) {
            self.entry(&path[..end], FOLDER | 0o755, (0, 0), &[])?;
        }
        Ok(())
    }

    pub fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.entry(path, FILE | mode, (0, 0), content)
    }

    pub fn link(&mut self, path: &str, target: &str) -> Result<()> {
        self.entry(path, LINK | 0o777, (0, 0), target.as_bytes())
    }

    /// A character device.
    pub fn device(&mut self, path: &str, numbers: (u32, u32)) -> Result<()> {
        self.entry(path, DEVICE | 0o600, numbers, &[])
    }

    /// The mark of the end.
    pub fn end(mut self) -> Result<W> {
        self.entry("TRAILER!!!", 0, (0, 0), &[])?;
        self.out.flush()?;
        Ok(self.out)
    }

    fn entry(
        &mut self,
        path: &str,
        mode: u32,
        (major, minor): (u32, u32),
        content: &[u8],
    ) -> Result<()> {
        let name = path.trim_start_matches('/');
        if name.is_empty() || !self.names.insert(name.to_owned()) {
            return Ok(());
        }
        self.number += 1;
        let size = u32::try_from(content.len()).map_err(std::io::Error::other)?;
        let name_size = u32::try_from(name.len() + 1).map_err(std::io::Error::other)?;
        // Number, mode, owner, group, links, time, size, device, device number, name, checksum.
        let fields = [
            self.number,
            mode,
            0,
            0,
            1,
            0,
            size,
            0,
            0,
            major,
            minor,
            name_size,
            0,
        ];
        self.out.write_all(b"070701")?;
        for field in fields {
            write!(self.out, "{field:08X}")?;
        }
        self.out.write_all(name.as_bytes())?;
        self.out.write_all(&[0])?;
        self.pad(110 + name.len() + 1)?;
        self.out.write_all(content)?;
        self.pad(content.len())
    }

    /// To the next multiple of four.
    fn pad(&mut self, length: usize) -> Result<()> {
        self.out
            .write_all(&[0; 3][..length.next_multiple_of(4) - length])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(archive: Archive<Vec<u8>>) -> String {
        String::from_utf8(archive.end().unwrap()).unwrap()
    }

    #[test]
    fn a_file_is_a_header_its_name_and_its_content_each_padded() {
        let mut archive = Archive::new(Vec::new());
        archive.file("/ab", 0o755, b"hello").unwrap();
        let text = text(archive);
        let expected = [
            "070701",
            "00000001",
            "000081ED",
            "00000000",
            "00000000",
            "00000001",
            "00000000",
            "00000005",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000003",
            "00000000",
            "ab\0\0\0\0hello\0\0\0",
        ];
        assert!(text.starts_with(&expected.concat()), "{text:?}");
        assert!(text.contains("TRAILER!!!\0"));
        assert_eq!(text.len() % 4, 0);
    }

    #[test]
    fn folders_come_once_and_before_what_is_in_them() {
        let mut archive = Archive::new(Vec::new());
        archive.folder("/usr/lib").unwrap();
        archive.folder("/usr/bin/").unwrap();
        assert!(archive.has("/usr/lib/"));
        let text = text(archive);
        assert_eq!(text.matches("usr\0").count(), 1);
        assert!(text.find("usr\0") < text.find("usr/bin\0"));
    }
}
