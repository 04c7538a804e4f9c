//! How long a recording takes, part by part: decode, model, judgement, and each report. Owns where the
//! clock is read; reading the file is in no part.

use std::fs::File;
use std::io::BufReader;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail};
use serde_json::{Value, json};
use tracer::cli::replay::{Replayed, document};
use tracer::event::{Event, SyscallTable};
use tracer::history::{Beginning, History, Note};
use tracer::recording::{Asked, Frame, Header, Reader};
use tracer::report::{Document, Export, Format, Style, View};
use tracer::verify::judging::{self, Acts, Terms};

use super::memory;

/// Records that are read before the clock is: few enough that they, and what is made of them, are as near
/// as they are to who takes one after the other, as a replay does.
const BATCH: usize = 256;

type Recording = Reader<BufReader<File>>;

#[derive(Default)]
struct Parts {
    decode: Duration,
    model: Duration,
    /// Between the two; its room is used again.
    events: Vec<Event>,
}

impl Parts {
    /// Decodes some records and takes in what they say.
    fn take(&mut self, history: &mut History, records: &mut Vec<Vec<u8>>) {
        let start = Instant::now();
        let events = records.iter().map(|bytes| history.decode(bytes));
        self.events.extend(events);
        let decoded = Instant::now();
        for event in self.events.drain(..) {
            history.take(event);
            history.waiting.clear();
            history.births.take_new_mounts();
        }
        self.model += decoded.elapsed();
        self.decode += decoded - start;
        records.clear();
    }
}

fn begin(reader: &mut Recording, header: &Header) -> Result<History> {
    let syscalls = header.syscalls.iter();
    let syscalls = SyscallTable::new(syscalls.map(|(number, name)| (*number, name.as_str())));
    let mut beginning = Beginning::new(header.root, syscalls);
    loop {
        match reader.frame()? {
            Some(Frame::Record(bytes)) => beginning.take(bytes),
            Some(Frame::Note(note)) => {
                let Note::Began { unattached, .. } = *note else {
                    bail!("a note before the beginning");
                };
                return beginning.begin(unattached).context("no certificate");
            }
            Some(Frame::End(_)) | None => bail!("it ends before it begins"),
        }
    }
}

/// Decode, model and judgement of a recording of `verify`.
pub fn replay(path: &Path) -> Result<Value> {
    let (mut reader, header) = Reader::open(BufReader::new(File::open(path)?))?;
    let Asked::Verify {
        expectations,
        select,
        ..
    } = &header.asked
    else {
        bail!("it is of no verification");
    };
    let mut history = begin(&mut reader, &header)?;
    let (mut parts, mut batch, mut records) = (Parts::default(), Vec::new(), 0_u64);
    while let Some(frame) = reader.frame()? {
        match frame {
            Frame::Record(bytes) => {
                batch.push(bytes.to_vec());
                records += 1;
                if batch.len() == BATCH {
                    parts.take(&mut history, &mut batch);
                }
            }
            Frame::Note(note) => {
                parts.take(&mut history, &mut batch);
                let start = Instant::now();
                history.note(*note);
                parts.model += start.elapsed();
            }
            Frame::End(_) => {}
        }
    }
    parts.take(&mut history, &mut batch);
    let (_, before) = memory()?;
    let start = Instant::now();
    let terms = Terms {
        expectations,
        rules: None,
        select,
    };
    let judged = judging::judge(&terms, &history, &Acts::default());
    let judge = start.elapsed();
    let judgements = judged.containers.iter();
    let judgements = judgements.filter(|one| one.judgement.is_some());
    Ok(json!({
        "records": records,
        "containers": judged.containers.len(),
        "judged": judgements.count(),
        "verdict": judged.verdict.name(),
        "decode_s": parts.decode.as_secs_f64(),
        "model_s": parts.model.as_secs_f64(),
        "judge_s": judge.as_secs_f64(),
        "model_peak_kib": before,
        "judge_peak_kib": memory()?.1,
    }))
}

/// One report of a recording. What leads to it is not timed with it.
pub fn report(format: &str, path: &Path) -> Result<Value> {
    let export = match format {
        "json" => None,
        "junit" => Some(Export::Junit),
        "sarif" => Some(Export::Sarif),
        "tap" => Some(Export::Tap),
        "markdown" => Some(Export::Markdown),
        "html" => Some(Export::Html),
        "trace" => Some(Export::Trace),
        "attest" => Some(Export::Attest),
        _ => bail!("there is no format `{format}`"),
    };
    let start = Instant::now();
    let replayed = document(path).map_err(|failure| anyhow::anyhow!("{}", failure.text))?;
    let replay = start.elapsed();
    let Replayed::Verification(report) = replayed else {
        bail!("it is of no verification");
    };
    let (_, before) = memory()?;
    let start = Instant::now();
    let bytes = match export {
        None => {
            let mut bytes = Vec::new();
            report.write(Format::Json, &mut bytes, Style::default())?;
            bytes
        }
        Some(export) => export.bytes(&View::of(&*report)?)?,
    };
    let took = start.elapsed();
    Ok(json!({
        "replay_s": replay.as_secs_f64(),
        "report_s": took.as_secs_f64(),
        "bytes": bytes.len(),
        "replay_peak_kib": before,
        "report_peak_kib": memory()?.1,
    }))
}
