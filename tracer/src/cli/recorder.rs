//! `--record`: a run or a verification written down as it goes on. Owns the flag, the header and
//! the file.

use std::{
    io,
    path::{Path, PathBuf},
    time::SystemTime,
};

use clap::Args;
use rustix::time::{ClockId, clock_gettime};
use tracer_common::ABI_VERSION;

use super::{Failure, exit, files, sink::Pending};
use crate::{
    collect,
    event::Tgid,
    host::HostFacts,
    recording::{Asked, Clock, Header, Tape},
    report::Subject,
};

#[derive(Args, Clone, Debug, Default)]
#[command(next_help_heading = "Recording")]
pub struct RecordArguments {
    /// Write every record down, and all else that the verdict rests on: `tracer replay FILE` comes
    /// to the same verdict and reports, without root and on another machine
    #[arg(long, value_name = "FILE")]
    pub record: Option<PathBuf>,
}

/// A recording to be.
pub struct Recorder(Option<Pending>);

impl RecordArguments {
    /// Prepares the file.
    ///
    /// # Errors
    /// It cannot be written, or is one of the report `files`.
    pub fn prepare(&self, files: &files::Arguments) -> Result<Recorder, Failure> {
        let Some(path) = &self.record else {
            return Ok(Recorder(None));
        };
        if let Some(flag) = files.flag_of(path) {
            let path = path.display();
            return Err(Failure::new(
                exit::USAGE,
                format!("--record and {flag} both name {path}; give each a file of its own"),
            ));
        }
        Recorder::create(path)
    }
}

impl Recorder {
    /// Prepares this file.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn create(path: &Path) -> Result<Self, Failure> {
        Pending::create(path).map(|file| Self(Some(file)))
    }

    /// Begins to write.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn tape(
        &self,
        host: &HostFacts,
        subjects: &[Subject],
        asked: impl FnOnce() -> Asked,
    ) -> Result<Option<Tape>, Failure> {
        let Self(Some(file)) = self else {
            return Ok(None);
        };
        let header = Header {
            tracer: env!("CARGO_PKG_VERSION").to_owned(),
            abi: ABI_VERSION,
            byte_order: Header::byte_order().to_owned(),
            syscalls: collect::syscall_names()
                .into_iter()
                .map(|(number, name)| (number, name.to_owned()))
                .collect(),
            root: Tgid(std::process::id()),
            host: host.clone(),
            clock: clock(),
            asked: asked(),
            subjects: subjects.to_vec(),
        };
        let tape = file.handle().and_then(|out| Tape::new(out, &header));
        tape.map(Some).map_err(|error| file.failed(&error))
    }

    /// Gives the file its name, once all is written.
    pub fn finish(self, recorded: Option<io::Result<u64>>) -> Option<Failure> {
        let file = self.0?;
        match recorded? {
            Ok(length) => file.complete(length).err(),
            Err(error) => Some(file.failed(&error)),
        }
    }
}

fn clock() -> Option<Clock> {
    let realtime = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
    let boot = clock_gettime(ClockId::Boottime);
    let seconds = u64::try_from(boot.tv_sec).ok()?;
    let nanoseconds = u64::try_from(boot.tv_nsec).ok()?;
    Some(Clock {
        realtime_ns: u64::try_from(realtime.ok()?.as_nanos()).ok()?,
        boot_ns: seconds
            .checked_mul(1_000_000_000)?
            .checked_add(nanoseconds)?,
    })
}
