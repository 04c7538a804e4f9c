//! Two reports side by side: where the birth certificates, the steps of set-up and the time they
//! took differ. Owns which facts belong to one run alone and are left out.

mod facts;
mod names;
mod steps;

use std::io::{self, Write};

use serde::Serialize;
use serde_json::Value;
use thiserror::Error;

use super::escape::escape;
use super::grid::{self, Cell, Column, Row};
use super::{Document, Format, Style, json, jsonl};

pub use facts::Difference;
pub use steps::Step;

/// Why a document cannot be compared.
#[derive(Debug, Error, PartialEq, Eq)]
pub enum DiffError {
    /// Neither of `tracer run` nor of `tracer verify`.
    #[error("it is no report of tracer run or tracer verify, which `--json FILE` writes")]
    NotAReport,
    /// Several containers, and no number.
    #[error("it holds {0} containers; name one as FILE:NUMBER")]
    Several(usize),
    /// No such container.
    #[error("it holds no container {0}")]
    NoContainer(u64),
    /// The payload never ran, and no facts were read.
    #[error("it holds no birth certificate")]
    NoCertificate,
}

/// One side.
#[derive(Clone, Debug)]
pub struct Subject {
    name: String,
    certificate: Value,
    timeline: Vec<Value>,
    payload: u64,
    record: Option<u64>,
    id: Option<String>,
}

impl Subject {
    /// From a report, and the number of a container where it holds several.
    pub fn new(name: &str, report: &Value, number: Option<u64>) -> Result<Self, DiffError> {
        let container = match report.get("containers").and_then(Value::as_array) {
            Some(containers) => chosen(containers, number)?,
            None => report,
        };
        if report.get("timeline").is_none() {
            return Err(DiffError::NotAReport);
        }
        let certificate = container
            .get("certificate")
            .filter(|facts| !facts.is_null());
        let certificate = certificate.ok_or(DiffError::NoCertificate)?.clone();
        let payload = certificate["process"]["pid"].as_u64();
        let timeline = report["timeline"].as_array().cloned().unwrap_or_default();
        let id = container
            .get("id")
            .or_else(|| report["container"].get("id"));
        Ok(Self {
            name: name.to_owned(),
            payload: payload.unwrap_or_default(),
            record: container.get("record").and_then(Value::as_u64),
            id: id.and_then(Value::as_str).map(str::to_owned),
            certificate,
            timeline,
        })
    }
}

/// The container of that number, or the only one that was judged.
fn chosen(containers: &[Value], number: Option<u64>) -> Result<&Value, DiffError> {
    if let Some(number) = number {
        let mut found = containers.iter();
        return found
            .find(|one| one["number"].as_u64() == Some(number))
            .ok_or(DiffError::NoContainer(number));
    }
    let judged: Vec<&Value> = containers
        .iter()
        .filter(|one| !one["verdict"].is_null())
        .collect();
    match judged.as_slice() {
        [only] => Ok(only),
        [] => Err(DiffError::NoCertificate),
        several => Err(DiffError::Several(several.len())),
    }
}

/// What differs between two containers.
#[derive(Clone, Debug, Serialize)]
pub struct Comparison {
    /// Names of both.
    pub subjects: [String; 2],
    /// Facts of the birth certificates that differ.
    pub facts: Vec<Difference>,
    /// Facts that are alike.
    pub alike: usize,
    /// The steps of set-up, up to the payload's exec.
    pub steps: Vec<Step>,
    /// Microseconds that parts of the run took; `None` = it has no such part.
    pub times: Vec<Time>,
}

/// How long a part of the run took on both sides.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Time {
    /// The part.
    pub part: &'static str,
    /// Microseconds.
    pub us: [Option<i64>; 2],
}

impl Comparison {
    /// Compares two containers.
    #[must_use]
    pub fn new(one: &Subject, other: &Subject) -> Self {
        let (facts, alike) = facts::differences(one, other);
        let (mine, theirs) = (steps::times(one), steps::times(other));
        let times = mine.into_iter().zip(theirs);
        Self {
            subjects: [one.name.clone(), other.name.clone()],
            facts,
            alike,
            steps: steps::differences(one, other),
            times: times
                .map(|((part, one), (_, other))| Time {
                    part,
                    us: [one, other],
                })
                .collect(),
        }
    }

    fn table(&self, out: &mut dyn Write, style: Style) -> io::Result<()> {
        let titles = |first: &'static str| {
            [(first, 24), ("A", 20), ("B", 20)].map(|(title, min)| Column::left(title, min))
        };
        let [one, other] = &self.subjects;
        writeln!(out, "A: {}\nB: {}\n", escape(one), escape(other))?;
        let row = |cells: [String; 3]| Row {
            cells: cells.into_iter().map(Cell::new).collect(),
            notes: Vec::new(),
        };
        let absent = |text: &Option<String>| text.clone().unwrap_or_else(|| "-".to_owned());
        let rows = self
            .facts
            .iter()
            .map(|one| row([one.fact.clone(), absent(&one.a), absent(&one.b)]));
        grid::write(&titles("FACT"), &rows.collect::<Vec<_>>(), out, style)?;
        writeln!(out, "{} facts are alike\n", self.alike)?;
        for step in &self.steps {
            let times = if step.times > 1 {
                format!(" x{}", step.times)
            } else {
                String::new()
            };
            writeln!(out, "{} {}{times}", step.side.mark(), escape(&step.text))?;
        }
        writeln!(out)?;
        let us = |time: Option<i64>| time.map_or("-".to_owned(), |us| format!("{us} us"));
        let rows = self
            .times
            .iter()
            .map(|time| row([time.part.to_owned(), us(time.us[0]), us(time.us[1])]));
        grid::write(&titles("TIME"), &rows.collect::<Vec<_>>(), out, style)
    }
}

impl Document for Comparison {
    fn write(&self, format: Format, out: &mut dyn Write, style: Style) -> io::Result<()> {
        match format {
            Format::Compact | Format::Table => self.table(out, style),
            Format::Json => json::write(self, out),
            Format::Jsonl => jsonl::line("comparison", self, out),
        }
    }
}

#[cfg(test)]
mod tests;
