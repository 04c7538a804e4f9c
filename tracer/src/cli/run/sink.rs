//! Where a report goes: standard streams, and a file that appears whole or not at all. Owns the
//! writing; what is written is `report`'s.

use std::{
    io::{self, IsTerminal as _, Write as _},
    path::{Path, PathBuf},
};

use tempfile::NamedTempFile;

use crate::{
    cli::{Failure, exit},
    report::{self, Format, Report, Style},
};

/// Writes to the stream that the format belongs on. A reader that has gone away is no error: it
/// has seen what it wanted, and the exit code tells the verdict all the same.
pub fn write(format: Format, report: &Report) -> Result<(), Failure> {
    let mut text = Vec::new();
    let written = match format {
        Format::Compact | Format::Table => {
            let style = Style {
                color: color(),
                width: width(),
            };
            report::write(format, report, &mut text, style)
                .and_then(|()| io::stderr().lock().write_all(&text))
        }
        Format::Json | Format::Jsonl => report::write(format, report, &mut text, Style::default())
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

/// A file beside the one that was named, renamed to it when it is complete.
pub struct File {
    temporary: NamedTempFile,
    path: PathBuf,
}

impl File {
    /// Makes the temporary file, so that a folder that cannot be written to is found out early.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        let failed = |error| failure(path, &error);
        if path.is_dir() {
            return Err(failed(io::Error::from(io::ErrorKind::IsADirectory)));
        }
        let folder = match path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let temporary = tempfile::Builder::new()
            .prefix(".tracer-report-")
            .tempfile_in(folder)
            .map_err(failed)?;
        Ok(Self {
            temporary,
            path: path.to_owned(),
        })
    }

    /// Writes the report and gives the file its name.
    pub fn finish(self, report: &Report) -> Result<(), Failure> {
        let Self {
            mut temporary,
            path,
        } = self;
        report::write(
            Format::Json,
            report,
            temporary.as_file_mut(),
            Style::default(),
        )
        .and_then(|()| temporary.as_file().sync_all())
        .map_err(|error| failure(&path, &error))?;
        temporary
            .persist(&path)
            .map_err(|error| failure(&path, &error.error))?;
        Ok(())
    }
}

fn failure(path: &Path, error: &io::Error) -> Failure {
    Failure::new(
        exit::ERROR,
        format!(
            "writing the report to {} failed: {error}; name another file",
            path.display()
        ),
    )
}
