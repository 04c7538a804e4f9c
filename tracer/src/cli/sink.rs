//! Where a report goes: standard streams, and a file that appears whole or not at all. Owns the
//! writing; what is written is `report`'s.

use std::{
    fs,
    io::{self, IsTerminal as _, Write as _},
    os::{fd::AsRawFd as _, unix::fs::PermissionsExt as _},
    path::{Path, PathBuf},
};

use rustix::{
    fs::{
        AtFlags, CWD, FallocateFlags, FlockOperation, Mode, OFlags, fallocate, flock, linkat,
        openat,
    },
    io::Errno,
};
use tempfile::TempPath;

use crate::{
    cli::{Failure, exit},
    report::{Document, Format, Style},
};

/// Writes to the stream that the format belongs on. A reader that has gone away is no error: it
/// has seen what it wanted, and the exit code tells the verdict all the same.
pub fn write(format: Format, report: &dyn Document) -> Result<(), Failure> {
    let mut text = Vec::new();
    let written = match format {
        Format::Compact | Format::Table => {
            let style = Style {
                color: color(),
                width: width(),
            };
            report
                .write(format, &mut text, style)
                .and_then(|()| io::stderr().lock().write_all(&text))
        }
        Format::Json | Format::Jsonl => report
            .write(format, &mut text, Style::default())
            .and_then(|()| io::stdout().lock().write_all(&text)),
    };
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            exit::ERROR,
            format!("writing the report failed: {error}"),
        )),
        _ => Ok(()),
    }
}

/// Writes what was asked for to standard output, whichever the format.
pub fn print(format: Format, document: &dyn Document) -> Result<(), Failure> {
    let style = Style {
        color: anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never,
        width: width(),
    };
    let mut text = Vec::new();
    let written = document
        .write(format, &mut text, style)
        .and_then(|()| io::stdout().lock().write_all(&text));
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(Failure::new(
            exit::ERROR,
            format!("writing to standard output failed: {error}"),
        )),
        _ => Ok(()),
    }
}

/// As anstream decides it for standard error: a terminal, `NO_COLOR`, `CLICOLOR_FORCE`.
fn color() -> bool {
    anstream::AutoStream::choice(&io::stderr()) != anstream::ColorChoice::Never
}

/// Columns of the terminal; wide enough for the table where there is none.
fn width() -> usize {
    let stderr = io::stderr();
    if !stderr.is_terminal() {
        return Style::default().width;
    }
    rustix::termios::tcgetwinsize(&stderr)
        .ok()
        .map(|size| usize::from(size.ws_col))
        .filter(|columns| *columns >= 60)
        .unwrap_or(Style::default().width)
}

/// What the temporary name of a report begins with.
const PREFIX: &str = ".tracer-report-";
/// Room that is taken before the run, so that a full file system is found out early; a report of
/// a short run fits.
const RESERVE: u64 = 256 << 10;

/// A report to be: a file without a name in the folder of the one that was asked for, which gets
/// its name once it is complete. Whatever ends tracer before, nothing is left.
pub struct Pending {
    file: fs::File,
    path: PathBuf,
    place: Place,
}

enum Place {
    /// To be linked into this folder.
    Nameless(PathBuf),
    /// Has a temporary name, because the file system makes no nameless files.
    Named(TempPath),
    /// A device or a pipe, which is written to as it is.
    Direct,
}

impl Pending {
    /// Prepares for `path`, so that a folder that cannot be written to is found out before the
    /// payload runs.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        Self::prepare(path).map_err(|error| failure(path, &error))
    }

    fn prepare(path: &Path) -> io::Result<Self> {
        // What a symbolic link leads to is replaced, and not the link.
        let path = match fs::metadata(path) {
            Ok(found) if found.is_dir() => return Err(io::ErrorKind::IsADirectory.into()),
            Ok(found) if !found.is_file() => {
                let file = fs::File::options().write(true).open(path)?;
                return Ok(Self {
                    file,
                    path: path.to_owned(),
                    place: Place::Direct,
                });
            }
            Ok(_) => fs::canonicalize(path)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => path.to_owned(),
            Err(error) => return Err(error),
        };
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent.to_owned(),
            _ => PathBuf::from("."),
        };
        sweep(&folder);
        let flags = OFlags::TMPFILE | OFlags::WRONLY | OFlags::CLOEXEC;
        let (file, place) = match openat(CWD, &folder, flags, mode()) {
            Ok(file) => (fs::File::from(file), Place::Nameless(folder)),
            Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::INVAL) => named(&folder)?,
            Err(errno) => return Err(errno.into()),
        };
        match fallocate(&file, FallocateFlags::empty(), 0, RESERVE) {
            Ok(()) | Err(Errno::OPNOTSUPP | Errno::NOSYS) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(Self { file, path, place })
    }

    /// What to say when there is nothing to write.
    pub fn failed(&self, reason: &dyn std::fmt::Display) -> Failure {
        failure(&self.path, reason)
    }

    /// Where to write what comes bit by bit; [`Self::complete`] ends that.
    pub fn handle(&self) -> io::Result<fs::File> {
        self.file.try_clone()
    }

    /// Gives the file its name, when as many bytes have been written to its handle.
    pub fn complete(self, length: u64) -> Result<(), Failure> {
        publish(&self.file, &self.path, self.place, length)
            .map_err(|error| failure(&self.path, &error))
    }

    /// Writes the report and gives the file its name.
    pub fn finish(self, text: &[u8]) -> Result<(), Failure> {
        let Self {
            mut file,
            path,
            place,
        } = self;
        file.write_all(text)
            .and_then(|()| publish(&file, &path, place, text.len() as u64))
            .map_err(|error| failure(&path, &error))
    }
}

fn mode() -> Mode {
    Mode::from_raw_mode(0o666)
}

fn named(folder: &Path) -> io::Result<(fs::File, Place)> {
    let (file, temporary) = tempfile::Builder::new()
        .prefix(PREFIX)
        .permissions(fs::Permissions::from_mode(mode().as_raw_mode()))
        .tempfile_in(folder)?
        .into_parts();
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok((file, Place::Named(temporary)))
}

fn publish(file: &fs::File, path: &Path, place: Place, length: u64) -> io::Result<()> {
    let folder = match place {
        Place::Direct => return Ok(()),
        Place::Named(temporary) => {
            file.set_len(length)?;
            file.sync_all()?;
            return temporary.persist(path).map_err(|error| error.error);
        }
        Place::Nameless(folder) => folder,
    };
    file.set_len(length)?;
    file.sync_all()?;
    match link(file, path) {
        Err(Errno::EXIST) => {}
        linked => return Ok(linked?),
    }
    // No call links over a file that is there. Between the next two a kill leaves the temporary
    // name, which the next report to this folder removes.
    flock(file, FlockOperation::NonBlockingLockExclusive)?;
    let temporary = folder.join(format!("{PREFIX}{}", std::process::id()));
    link(file, &temporary)?;
    TempPath::try_from_path(temporary)?
        .persist(path)
        .map_err(|error| error.error)
}

/// Gives a nameless file a name; the way through /proc needs no privilege.
fn link(file: &fs::File, path: &Path) -> Result<(), Errno> {
    let nameless = format!("/proc/self/fd/{}", file.as_raw_fd());
    linkat(CWD, nameless, CWD, path, AtFlags::SYMLINK_FOLLOW)
}

/// Removes reports that a killed tracer left under their temporary name: those that nobody has
/// locked.
fn sweep(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        if !entry
            .file_name()
            .as_encoded_bytes()
            .starts_with(PREFIX.as_bytes())
        {
            continue;
        }
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let Ok(file) = openat(CWD, entry.path(), flags, Mode::empty()) else {
            continue;
        };
        if flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok() {
            // One that cannot be removed is in nobody's way.
            let _left = fs::remove_file(entry.path());
        }
    }
}

fn failure(path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::new(
        exit::ERROR,
        format!(
            "writing {} failed: {error}: name another file",
            path.display()
        ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(folder: &Path) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(folder)
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        names
    }

    fn publish_text(pending: Pending, text: &str) {
        let Pending {
            mut file,
            path,
            place,
        } = pending;
        file.write_all(text.as_bytes()).unwrap();
        publish(&file, &path, place, text.len() as u64).unwrap();
    }

    #[test]
    fn a_report_appears_whole_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        drop(Pending::prepare(&path).unwrap());
        assert_eq!(
            names(folder.path()),
            [""; 0],
            "nothing of a run without a report"
        );
        let file = Pending::prepare(&path).unwrap();
        assert!(!path.exists());
        publish_text(file, "{}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        assert_eq!(names(folder.path()), ["report.json"]);
    }

    #[test]
    fn a_report_that_is_there_is_replaced_and_a_link_to_it_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (path, link) = (
            folder.path().join("report.json"),
            folder.path().join("latest"),
        );
        fs::write(&path, "an older and longer one").unwrap();
        std::os::unix::fs::symlink("report.json", &link).unwrap();
        publish_text(Pending::prepare(&link).unwrap(), "{}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(names(folder.path()), ["latest", "report.json"]);
    }

    #[test]
    fn a_device_is_written_to_and_never_replaced() {
        use std::os::unix::fs::FileTypeExt as _;
        publish_text(Pending::prepare(Path::new("/dev/null")).unwrap(), "{}");
        assert!(
            fs::metadata("/dev/null")
                .unwrap()
                .file_type()
                .is_char_device()
        );
    }

    #[test]
    fn what_a_killed_tracer_left_is_swept_and_what_a_living_one_holds_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let (dead, living) = (
            folder.path().join(".tracer-report-1"),
            folder.path().join(".tracer-report-2"),
        );
        fs::write(&dead, "").unwrap();
        let held = fs::File::create(&living).unwrap();
        flock(&held, FlockOperation::NonBlockingLockExclusive).unwrap();
        fs::write(folder.path().join("tracer-report-3"), "").unwrap();
        sweep(folder.path());
        assert_eq!(
            names(folder.path()),
            [".tracer-report-2", "tracer-report-3"]
        );
    }

    #[test]
    fn without_nameless_files_the_temporary_one_goes_with_its_run() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("report.json");
        let (file, place) = named(folder.path()).unwrap();
        assert_eq!(names(folder.path()).len(), 1);
        drop(Pending {
            file,
            path: path.clone(),
            place,
        });
        assert_eq!(names(folder.path()), [""; 0]);
        let (file, place) = named(folder.path()).unwrap();
        publish_text(
            Pending {
                file,
                path: path.clone(),
                place,
            },
            "{}",
        );
        assert_eq!(fs::read_to_string(&path).unwrap(), "{}");
    }
}
