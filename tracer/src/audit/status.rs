//! How an audit fares: what it has counted, what it takes, whether it still reads. Owns what counts as
//! healthy; pure, whoever measures hands the numbers in.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::verdict::Counters;

use super::record::{Record, What};

/// Who has not come by for so long does not read any more.
pub const STALLED: Duration = Duration::from_secs(5);

/// What the records of a stream add up to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Records by type.
    pub records: BTreeMap<&'static str, u64>,
    /// Births by what became of what is expected.
    pub verdicts: BTreeMap<String, u64>,
    /// Records that could not be written, by the kind of place.
    pub unwritten: BTreeMap<&'static str, u64>,
}

impl Tally {
    /// Takes in a record, whether or not a filter keeps it from being written.
    pub fn note(&mut self, record: &Record) {
        *self.records.entry(record.what.name()).or_default() += 1;
        if let What::ContainerBorn(born) = &record.what
            && let Some(verdict) = &born.verdict
        {
            *self.verdicts.entry(verdict.clone()).or_default() += 1;
        }
    }

    /// So many records could not be written to a place of that kind.
    pub fn unwritten(&mut self, place: &'static str, count: u64) {
        *self.unwritten.entry(place).or_default() += count;
    }

    /// Records of one type.
    pub fn of(&self, name: &str) -> u64 {
        self.records.get(name).copied().unwrap_or_default()
    }
}

/// How often a program of the kernel side has run, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runs {
    /// Its name.
    pub program: String,
    /// How often.
    pub count: u64,
    /// For how long altogether.
    pub time: Duration,
}

/// How much of something is in use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fill {
    /// In use.
    pub used: u64,
    /// There is.
    pub size: u64,
}

/// How an audit fares, at one time.
#[derive(Clone, Debug, Default)]
pub struct Status {
    /// The kernel.
    pub kernel: String,
    /// `exact` or `economy`.
    pub mode: &'static str,
    /// How each hook is attached.
    pub hooks: BTreeMap<String, Option<String>>,
    /// Programs that are not attached any more; `None` = the kernel does not tell.
    pub gone: Option<Vec<String>>,
    /// Records of the kernel side's.
    pub counters: Counters,
    /// Records of the stream.
    pub tally: Tally,
    /// Containers in which somebody lives.
    pub living: usize,
    /// Of each program, where the kernel measures it.
    pub runs: Vec<Runs>,
    /// Bytes of the ring.
    pub ring: Option<Fill>,
    /// Entries of the table of marked processes.
    pub marked: Option<Fill>,
    /// Memory of this process, in bytes.
    pub resident: Option<u64>,
}

/// Why an audit is not healthy; `age` is how old the status is.
#[must_use]
pub fn ailment(status: &Status, age: Duration) -> Option<String> {
    if age > STALLED {
        return Some(format!(
            "the reader stands still for {} s; a record may wait to be written, and the ring fills meanwhile",
            age.as_secs()
        ));
    }
    let gone = status.gone.as_ref().filter(|gone| !gone.is_empty())?;
    Some(format!(
        "not attached any more: {}; nothing is told of what they see, start the audit anew",
        gone.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_stands_still_is_not_healthy_nor_who_has_lost_a_hook() {
        let mut status = Status::default();
        assert_eq!(ailment(&status, STALLED), None);
        let late = ailment(&status, STALLED + Duration::from_secs(1)).expect("an ailment");
        assert!(late.contains("stands still for 6 s"), "{late}");
        status.gone = Some(Vec::new());
        assert_eq!(ailment(&status, STALLED), None);
        status.gone = Some(vec!["fork_tp_btf".to_owned()]);
        let gone = ailment(&status, Duration::ZERO).expect("an ailment");
        assert!(gone.contains("fork_tp_btf"), "{gone}");
    }
}
