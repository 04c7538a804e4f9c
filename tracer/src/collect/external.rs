//! BTF in a file that the user names: raw, as the kernel shows its own, or the section of an ELF
//! file. Owns the telling of the two; whose BTF it is, is for `offsets` to find out.

use std::{fs, io, path::Path};

use object::{Object as _, ObjectSection as _};

use super::btf::BtfError;

/// The section that pahole and the kernel's build put it into.
const SECTION: &str = ".BTF";
/// A kernel with all its debug information has half of that.
const LARGEST: u64 = 4 << 30;

/// The bytes of a regular file.
pub fn read(path: &Path) -> io::Result<Vec<u8>> {
    let metadata = fs::metadata(path)?;
    // A pipe may never end, a device neither.
    if metadata.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    if !metadata.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    if metadata.len() > LARGEST {
        return Err(io::ErrorKind::FileTooLarge.into());
    }
    fs::read(path)
}

/// The BTF in a file's bytes.
pub fn btf(file: &[u8]) -> Result<&[u8], BtfError> {
    if !file.starts_with(b"\x7fELF") {
        return Ok(file);
    }
    let unreadable = |error: object::Error| BtfError::Elf(error.to_string());
    let elf = object::File::parse(file).map_err(unreadable)?;
    let section = elf.section_by_name(SECTION).ok_or(BtfError::NoSection)?;
    section.data().map_err(unreadable)
}
