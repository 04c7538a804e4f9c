//! Where records go. Owns the forms, and what happens when one of these places fails: the audit goes on,
//! says so once, and counts what is missing there.

use std::io;
use std::sync::Arc;

use tokio::sync::Notify;

use super::{arguments::Form, aside::Aside, journal::Journal, rotated::Rotated, stream::Stream};
use crate::{
    audit::{self, Record, filter::Filter, record::What, status::Tally, words},
    cli::say,
};

/// One place that records go to.
pub struct Sink {
    place: Place,
    trouble: Trouble,
}

/// Which.
pub enum Place {
    /// Standard output.
    Standard(Stream, Form),
    /// Standard output beside others of these.
    Aside(Aside, Form),
    /// A file.
    File(Rotated),
    /// The journal of systemd.
    Journal(Journal),
}

/// Why records are not written.
#[derive(Debug)]
pub enum Unwritten {
    /// Nobody reads any more.
    Closed,
    /// They could not be.
    Failed {
        /// How many.
        missing: u64,
        /// Why.
        error: io::Error,
    },
}

impl Place {
    fn name(&self) -> String {
        match self {
            Self::Standard(..) | Self::Aside(..) => "standard output".to_owned(),
            Self::File(file) => file.name(),
            Self::Journal(journal) => format!("the journal at {}", journal.name()),
        }
    }

    /// Its kind, as metrics have it.
    fn kind(&self) -> &'static str {
        match self {
            Self::Standard(..) | Self::Aside(..) => "stdout",
            Self::File(_) => "file",
            Self::Journal(_) => "journald",
        }
    }

    /// Writes records, all at once, and has the kernel take them over. Tells whether it has, or that they
    /// are on their way.
    fn write(&mut self, records: &[&Record]) -> Result<bool, Unwritten> {
        let lines = |form: Form| -> String {
            let lines = records.iter().map(|record| line(record, form));
            lines.collect()
        };
        match self {
            Self::Standard(stream, form) => stream.write(&lines(*form))?,
            Self::Aside(aside, form) => {
                return aside.write(records.iter().map(|record| line(record, *form)));
            }
            Self::File(file) => {
                let missing = records.len() as u64;
                let written = file.write(&lines(Form::Jsonl));
                written.map_err(|error| Unwritten::Failed { missing, error })?;
            }
            Self::Journal(journal) => {
                for (sent, record) in records.iter().enumerate() {
                    let missing = (records.len() - sent) as u64;
                    let entry = audit::journal::entry(record);
                    // One that takes nothing is not tried with every one of them.
                    journal
                        .send(&entry)
                        .map_err(|error| Unwritten::Failed { missing, error })?;
                }
            }
        }
        Ok(true)
    }
}

fn line(record: &Record, form: Form) -> String {
    let mut line = match form {
        Form::Jsonl => serde_json::to_string(record).unwrap_or_default(),
        Form::Compact | Form::Table => words::line(record),
    };
    line.push('\n');
    line
}

/// What is missing at a place that cannot be written to.
#[derive(Debug, Default)]
struct Trouble {
    /// Records since it could not be; 0 = it can.
    missing: u64,
}

impl Trouble {
    /// Takes in what has become of some records. Gives what there is to say of it.
    fn note(&mut self, name: &str, failed: Option<(u64, &io::Error)>) -> Option<String> {
        let before = self.missing;
        match failed {
            None => {
                self.missing = 0;
                (before != 0).then(|| {
                    format!("{name} is written to again; {before} records are missing in it")
                })
            }
            Some((missing, error)) => {
                self.missing += missing;
                (before == 0).then(|| {
                    format!("writing to {name} failed: {error}; the audit goes on, and writes again as soon as it can")
                })
            }
        }
    }
}

/// Records on their way out.
pub struct Outlet {
    /// Which are wanted.
    pub filter: Filter,
    /// What they add up to.
    pub tally: Tally,
    sinks: Vec<Sink>,
    lossy: bool,
    trouble: Arc<Notify>,
}

impl Outlet {
    /// To these places, in their order. They tell of trouble there.
    pub fn new(filter: Filter, places: Vec<Place>, trouble: Arc<Notify>) -> Self {
        let sinks = places.into_iter().map(|place| Sink {
            place,
            trouble: Trouble::default(),
        });
        Self {
            filter,
            tally: Tally::default(),
            sinks: sinks.collect(),
            lossy: false,
            trouble,
        }
    }

    /// Until something could not be written that was on its way: the next [`Outlet::write`] says so.
    pub async fn troubled(&self) {
        self.trouble.notified().await;
    }

    /// Opens files anew.
    pub fn reopen(&mut self) {
        for sink in &mut self.sinks {
            if let Place::File(file) = &mut sink.place {
                file.reopen();
            }
        }
    }

    /// Writes records. Tells whether there is any place left where somebody may read them.
    pub fn write(&mut self, records: &[Record]) -> bool {
        for record in records {
            self.tally.note(record);
            if matches!(record.what, What::Loss(_)) && !self.lossy {
                self.lossy = true;
                say(
                    "records were lost, as they came faster than they were read; each `loss` in the stream tells when and of which kinds",
                );
            }
        }
        let wanted = records.iter().filter(|record| self.filter.takes(record));
        let wanted: Vec<&Record> = wanted.collect();
        let tally = &mut self.tally;
        let mut closed = None;
        self.sinks.retain_mut(|sink| {
            // What was handed to another thread may have failed meanwhile.
            if wanted.is_empty() && !matches!(sink.place, Place::Aside(..)) {
                return true;
            }
            let open = sink.write(&wanted, tally);
            if !open {
                closed = Some(sink.place.name());
            }
            open
        });
        if let (Some(name), false) = (closed, self.sinks.is_empty()) {
            say(&format!(
                "nobody reads {name} any more; the audit goes on without it"
            ));
        }
        !self.sinks.is_empty()
    }

    /// The end: says what is still missing.
    pub fn end(&mut self) {
        for sink in &mut self.sinks {
            if let Place::Aside(aside, _) = &mut sink.place {
                let unread = aside.end();
                self.tally.unwritten(sink.place.kind(), unread);
                sink.trouble.missing += unread;
            }
            let missing = sink.trouble.missing;
            if missing != 0 {
                let name = sink.place.name();
                say(&format!(
                    "{missing} records are missing in {name}, the last one among them"
                ));
            }
        }
    }
}

impl Sink {
    /// Tells whether there is still anybody.
    fn write(&mut self, records: &[&Record], tally: &mut Tally) -> bool {
        let written = self.place.write(records);
        let failed = match &written {
            Ok(true) => None,
            Ok(false) => return true,
            Err(Unwritten::Closed) => return false,
            Err(Unwritten::Failed { missing, error }) => {
                tally.unwritten(self.place.kind(), *missing);
                Some((*missing, error))
            }
        };
        if let Some(words) = self.trouble.note(&self.place.name(), failed) {
            say(&words);
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_is_said_once_and_its_end_with_what_is_missing() {
        let mut trouble = Trouble::default();
        let full = io::Error::from(io::ErrorKind::StorageFull);
        assert_eq!(trouble.note("x", None), None);
        let said = trouble.note("x", Some((2, &full))).expect("the first time");
        assert!(said.starts_with("writing to x failed"), "{said}");
        assert_eq!(trouble.note("x", Some((3, &full))), None);
        let again = trouble.note("x", None).expect("it works again");
        assert!(again.contains("5 records are missing"), "{again}");
        assert_eq!(trouble.note("x", None), None);
    }
}
