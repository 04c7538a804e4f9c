//! `tracer record info`: what a recording holds. Owns the reading of all of it, judging none.

use std::{
    fs::{self, File},
    io::BufReader,
    path::PathBuf,
};

use clap::Args;

use crate::{
    cli::{
        Failure, exit,
        run::{Format, format},
        sink,
    },
    recording::{Frame, ReadError, Reader},
    report::recording::Description,
};

/// Show what a recording holds: where and when it was made, of what, how many records of each kind,
/// what was lost, and whether it is whole. Nothing is judged.
#[derive(Args, Debug)]
#[command(after_help = exit::HELP)]
pub struct InfoArguments {
    /// For people or for programs
    #[arg(short = 'o', long, value_enum, default_value_t = Format::Table)]
    output: Format,
    /// The recording
    #[arg(value_name = "FILE")]
    file: PathBuf,
}

/// The command: inconclusive where the recording is cut off, an error where this tracer cannot
/// replay it.
///
/// # Errors
/// The file is no recording, or damaged.
pub fn run(arguments: &InfoArguments) -> Result<u8, Failure> {
    let path = &arguments.file;
    let failed = |error: ReadError| {
        let path = path.display();
        Failure::new(
            exit::ERROR,
            format!("the recording {path} cannot be read: {error}"),
        )
    };
    let file = File::open(path).map_err(|error| failed(ReadError::Io(error)))?;
    let bytes = fs::metadata(path).map_err(|error| failed(ReadError::Io(error)))?;
    let opened = Reader::open_any(BufReader::new(file));
    let (mut reader, header) = opened.map_err(failed)?;
    let mut description = Description::new(&header, bytes.len());
    loop {
        match reader.frame() {
            Ok(Some(Frame::Record(bytes))) => description.record(bytes),
            Ok(Some(Frame::Note(note))) => description.note(&note),
            Ok(Some(Frame::End(end))) => description.end(&end),
            Ok(None) => break,
            Err(ReadError::Truncated(cut)) => {
                description.cut(cut);
                break;
            }
            Err(error) => return Err(failed(error)),
        }
    }
    sink::print(format(arguments.output), &description)?;
    Ok(if description.refused.is_some() {
        exit::ERROR
    } else if description.complete {
        exit::PASS
    } else {
        exit::INCONCLUSIVE
    })
}
