//! What a recording holds, as a document: where, when and of what it was made, its records by kind,
//! and whether it is whole. Owns these fields, which only get more, and their words.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde::Serialize;
use tracer_common::{Header as Wire, Kind};
use zerocopy::FromBytes as _;

use crate::expect::catalog::hook_name;
use crate::expect::{Expectation, from_spec};
use crate::history::{End, Ending, Note};
use crate::host::Hierarchy;
use crate::recording::{Asked, Cut, FORMAT, Header, replayable};

use super::document::{Machine, SCHEMA_VERSION, Tool};
use super::escape::escape;
use super::{Document, Format, Style, Subject, json, jsonl, of_cut};

/// The document.
#[derive(Clone, Debug, Serialize)]
pub struct Description {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// Version of the format.
    pub format: u16,
    /// Version of the records' contract.
    pub abi: u16,
    /// `little` or `big`.
    pub byte_order: String,
    /// Bytes of the file.
    pub bytes: u64,
    /// The program that wrote it.
    pub tracer: Tool,
    /// The machine.
    pub host: Machine,
    /// Processors that were online.
    pub processors: usize,
    /// cgroup hierarchies, by what reports call them.
    pub hierarchies: Vec<String>,
    /// When it was begun; absent where it is not told.
    pub started: Option<String>,
    /// `run`, `verify` or `record`.
    pub command: &'static str,
    /// Program and arguments of what was run.
    pub args: Vec<String>,
    /// What was expected.
    pub expectations: Vec<Asking>,
    /// Conditions of the user's own, in CEL.
    pub rules: Vec<String>,
    /// Which containers were judged; absent for `run`, which makes one.
    pub select: Option<String>,
    /// Payloads were held until they were judged.
    pub enforced: bool,
    /// What the judgement was about.
    pub subjects: Vec<Subject>,
    /// Records.
    pub records: Records,
    /// Notes, by name.
    pub notes: BTreeMap<&'static str, u64>,
    /// Records that the ring had no room for, by the last counters; absent where there are none.
    pub lost: Option<u64>,
    /// Tasks that were left out, by the last counters.
    pub left_out: Option<u64>,
    /// How what was run ended; absent where it is not told.
    pub ended: Option<Ending>,
    /// Microseconds of the whole run; absent where it is not told.
    pub total_us: Option<u64>,
    /// Nothing is missing at its end.
    pub complete: bool,
    /// Where it is cut off.
    pub cut: Option<Cut>,
    /// Why this tracer cannot replay it.
    pub refused: Option<String>,
}

/// One thing that was expected.
#[derive(Clone, Debug, Serialize)]
pub struct Asking {
    /// Stable name of the expectation.
    pub id: String,
    /// What was asked.
    pub asked: String,
    /// What asked for it.
    pub origin: String,
}

/// Counts of records.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Records {
    /// All.
    pub count: u64,
    /// Their bytes.
    pub bytes: u64,
    /// By name of the event.
    pub kinds: BTreeMap<String, u64>,
    /// Boot time of the first, in nanoseconds.
    pub first_ns: Option<u64>,
    /// Boot time of the last.
    pub last_ns: Option<u64>,
}

impl From<&Expectation> for Asking {
    fn from(one: &Expectation) -> Self {
        Self {
            id: one.id.clone(),
            asked: one.asked.clone(),
            origin: one.origin.clone(),
        }
    }
}

impl Description {
    /// Of what the header says; the file has so many bytes.
    #[must_use]
    pub fn new(header: &Header, bytes: u64) -> Self {
        let asking = |list: &[Expectation]| list.iter().map(Asking::from).collect();
        let (command, args, expectations, rules, select, enforced) = match &header.asked {
            Asked::Run { spec, .. } => {
                let list = asking(&from_spec(spec, &header.host));
                ("run", &spec.args, list, Vec::new(), None, false)
            }
            Asked::Verify {
                args,
                expectations,
                rules,
                select,
                enforce,
            } => {
                let nothing = expectations.is_empty() && rules.is_empty();
                let command = if nothing { "record" } else { "verify" };
                let select = (!nothing).then(|| select.to_string());
                let list = asking(expectations);
                (command, args, list, rules.clone(), select, *enforce)
            }
        };
        let host = &header.host;
        Self {
            schema_version: SCHEMA_VERSION,
            format: FORMAT,
            abi: header.abi,
            byte_order: header.byte_order.clone(),
            bytes,
            tracer: Tool {
                version: header.tracer.clone(),
            },
            host: Machine {
                kernel: host.kernel.clone(),
                machine: host.machine.clone(),
                boot_id: host.boot_id.clone(),
            },
            processors: host.cpus_online.len(),
            hierarchies: host.hierarchies.iter().map(Hierarchy::label).collect(),
            started: header.clock.and_then(|clock| {
                let ns = jiff::Timestamp::from_nanosecond(i128::from(clock.realtime_ns));
                ns.ok().map(|time| time.to_string())
            }),
            command,
            args: args.clone(),
            expectations,
            rules,
            select,
            enforced,
            subjects: header.subjects.clone(),
            records: Records::default(),
            notes: BTreeMap::new(),
            lost: None,
            left_out: None,
            ended: None,
            total_us: None,
            complete: true,
            cut: None,
            refused: replayable(header).err().map(|error| error.to_string()),
        }
    }

    /// Takes a record, of which its header alone is looked at.
    pub fn record(&mut self, bytes: &[u8]) {
        let records = &mut self.records;
        records.count += 1;
        records.bytes += bytes.len() as u64;
        let name = match Wire::read_from_prefix(bytes) {
            Ok((wire, _)) => {
                records.first_ns.get_or_insert(wire.time_ns);
                records.last_ns = Some(wire.time_ns);
                match wire.kind {
                    Kind(number @ 1..Kind::END) => hook_name(Kind(number)).to_owned(),
                    Kind(number) => format!("kind {number}"),
                }
            }
            Err(_) => "unknown".to_owned(),
        };
        *records.kinds.entry(name).or_default() += 1;
    }

    /// Takes a note.
    pub fn note(&mut self, note: &Note) {
        *self.notes.entry(note.name()).or_default() += 1;
        if let Note::Counters { kinds, scope_full } = note {
            self.lost = Some(kinds.iter().map(|count| count.lost).sum());
            self.left_out = Some(*scope_full);
        }
    }

    /// Takes how it ended.
    pub fn end(&mut self, end: &End) {
        self.ended = Some(end.ending.clone());
        self.total_us = u64::try_from(end.total.as_micros()).ok();
    }

    /// It comes to an end before its own.
    pub const fn cut(&mut self, cut: Cut) {
        self.complete = false;
        self.cut = Some(cut);
    }

    fn lines(&self) -> Vec<(&'static str, String)> {
        let unknown = || "not known".to_owned();
        let milliseconds = |us: u64| format!("{}.{} ms", us / 1000, us % 1000 / 100);
        let whole = match (&self.cut, &self.refused) {
            (Some(cut), _) => of_cut(*cut),
            (None, Some(why)) => format!("yes, but {why}"),
            (None, None) => "yes".to_owned(),
        };
        let lost = match (self.lost, self.left_out) {
            (Some(lost), Some(out)) => format!("{lost} records, {out} tasks or cgroups left out"),
            _ => unknown(),
        };
        let mut lines = vec![
            ("complete", whole),
            ("format", format!("{}, {} bytes", self.format, self.bytes)),
            ("abi", format!("{}, {}-endian", self.abi, self.byte_order)),
            ("tracer", self.tracer.version.clone()),
            (
                "host",
                format!(
                    "Linux {}, {}, {} processors, boot {}",
                    self.host.kernel, self.host.machine, self.processors, self.host.boot_id
                ),
            ),
            ("cgroups", self.hierarchies.join(" ")),
            ("started", self.started.clone().unwrap_or_else(unknown)),
            (
                "command",
                format!("{}: {}", self.command, self.args.join(" ")),
            ),
            ("expected", self.expected()),
            (
                "ended",
                self.ended.as_ref().map_or_else(unknown, ended_text),
            ),
            ("took", self.total_us.map_or_else(unknown, milliseconds)),
            ("lost", lost),
            (
                "records",
                format!("{}, {} bytes", self.records.count, self.records.bytes),
            ),
        ];
        let kinds = self.records.kinds.iter();
        lines.extend(kinds.map(|(name, count)| ("", format!("{count} {name}"))));
        lines.push(("notes", self.notes.values().sum::<u64>().to_string()));
        let notes = self.notes.iter();
        lines.extend(notes.map(|(name, count)| ("", format!("{count} {name}"))));
        for subject in &self.subjects {
            let text = format!("{} sha256:{}", subject.name, subject.sha256);
            lines.push(("subject", text));
        }
        lines
    }

    fn expected(&self) -> String {
        if self.command == "record" {
            return "nothing: it was only recorded".to_owned();
        }
        let mut text = format!("{} expectations", self.expectations.len());
        if !self.rules.is_empty() {
            text = format!("{text}, {} rules", self.rules.len());
        }
        if let Some(select) = &self.select {
            text = format!("{text}, of {select}");
        }
        if self.enforced {
            text = format!("{text}, enforced");
        }
        text
    }
}

fn ended_text(ending: &Ending) -> String {
    match ending {
        Ending::NeverRan => "payload never ran".to_owned(),
        Ending::NotExecuted { error, .. } => format!("payload not executed: {error}"),
        Ending::Exited { code } => format!("exit {code}"),
        Ending::Signaled { signal } => format!("killed by signal {signal}"),
        Ending::Unknown => "not known".to_owned(),
    }
}

impl Document for Description {
    fn write(&self, format: Format, out: &mut dyn Write, _style: Style) -> io::Result<()> {
        match format {
            Format::Table => {
                for (name, text) in self.lines() {
                    writeln!(out, "{name:8}  {}", escape(&text))?;
                }
                Ok(())
            }
            Format::Compact => {
                for (name, text) in self.lines() {
                    writeln!(out, "{name}\t{}", escape(&text))?;
                }
                Ok(())
            }
            Format::Json => json::write(self, out),
            Format::Jsonl => jsonl::line("recording", self, out),
        }
    }
}
