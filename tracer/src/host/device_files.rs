//! Device files of this machine by their paths. Owns the walk; what is asked of them is `expect`'s.

use std::{
    fs, io,
    os::unix::fs::{FileTypeExt as _, MetadataExt as _},
    path::Path,
};

use rustix::fs::{major, minor};

use crate::{event::device::DeviceKind, expect::HostDevice};

/// The device file at a path, or all of a directory and those below it. Engines follow a symbolic
/// link that they are given, and none that they find.
///
/// # Errors
/// One of them cannot be looked at.
pub fn at(path: &Path) -> io::Result<Vec<HostDevice>> {
    let path = path.canonicalize()?;
    let mut found = Vec::new();
    below(&path, &path, &mut found)?;
    Ok(found)
}

fn below(top: &Path, path: &Path, found: &mut Vec<HostDevice>) -> io::Result<()> {
    let facts = match fs::symlink_metadata(path) {
        // It was there as its folder was read.
        Err(error) if error.kind() == io::ErrorKind::NotFound && path != top => return Ok(()),
        facts => facts?,
    };
    let kind = facts.file_type();
    if kind.is_dir() {
        let mut entries = fs::read_dir(path)?
            .map(|entry| Ok(entry?.path()))
            .collect::<io::Result<Vec<_>>>()?;
        // In the order of names, which a directory has not.
        entries.sort();
        return entries
            .iter()
            .try_for_each(|entry| below(top, entry, found));
    }
    let kind = if kind.is_block_device() {
        DeviceKind::Block
    } else if kind.is_char_device() {
        DeviceKind::Character
    } else {
        return Ok(());
    };
    let below = path.strip_prefix(top).unwrap_or(Path::new(""));
    let below = below.to_string_lossy();
    found.push(HostDevice {
        below: if below.is_empty() {
            String::new()
        } else {
            format!("/{below}")
        },
        kind,
        major: major(facts.rdev()),
        minor: minor(facts.rdev()),
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_device_file_is_found_by_its_path_and_by_a_link_to_it() {
        let null = [HostDevice {
            below: String::new(),
            kind: DeviceKind::Character,
            major: 1,
            minor: 3,
        }];
        assert_eq!(at(Path::new("/dev/null")).expect("there"), null);
        let folder = tempfile::tempdir().expect("a folder");
        let link = folder.path().join("link");
        std::os::unix::fs::symlink("/dev/null", &link).expect("a link");
        assert_eq!(at(&link).expect("there"), null);
        // A link that is found in a folder is none.
        assert_eq!(at(folder.path()).expect("there"), []);
    }

    #[test]
    fn those_of_a_folder_have_their_names_below_it() {
        let found = at(Path::new("/dev")).expect("there");
        let is_null = |one: &&HostDevice| one.below == "/null";
        let null = found.iter().find(is_null).expect("the null device");
        assert_eq!((null.major, null.minor), (1, 3));
    }

    #[test]
    fn what_is_no_device_or_not_there_gives_none() {
        assert_eq!(at(Path::new("/proc/version")).expect("there"), []);
        assert!(at(Path::new("/dev/none")).is_err());
    }
}
