//! Losses, and what may be incomplete because of them: windows of time in which records were lost.
//! Owns the arithmetic over the counters.

use std::collections::BTreeMap;

use tracer_common::Kind;

use crate::verdict::{Counters, PerKind, kinds};

use super::record::Loss;

/// Windows that are kept: whoever was made in an earlier one has long been told of.
const WINDOWS: usize = 64;

/// Stands for every kind.
const UNKNOWN: Kind = Kind(0);

/// A time in which records were lost, by its counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// All counts were known then: what was lost was lost later,
    pub from_ns: u64,
    /// and before this.
    pub to_ns: u64,
    /// How many of each kind.
    pub lost: PerKind,
}

/// All that has been lost so far.
#[derive(Clone, Debug, Default)]
pub struct Losses {
    known: Counters,
    read_ns: u64,
    windows: Vec<Window>,
}

impl Losses {
    /// Before the first reading: the hooks were attached at `from_ns`.
    pub fn new(from_ns: u64) -> Self {
        Self {
            read_ns: from_ns,
            ..Self::default()
        }
    }

    /// Takes the counters as they were read at `now_ns`. Tells of what was lost since the last time.
    pub fn read(&mut self, counters: &Counters, now_ns: u64) -> Option<Loss> {
        let mut lost = PerKind::default();
        for kind in kinds() {
            let more = counters
                .lost
                .get(kind)
                .saturating_sub(self.known.lost.get(kind));
            lost.set(kind, more);
        }
        let not_understood = counters
            .unknown
            .total()
            .saturating_sub(self.known.unknown.total());
        let not_marked = counters.scope_full.saturating_sub(self.known.scope_full);
        let put_out = counters.put_out.saturating_sub(self.known.put_out);
        let not_run = counters
            .not_run
            .total()
            .saturating_sub(self.known.not_run.total());
        let from_ns = self.read_ns;
        (self.known, self.read_ns) = (*counters, now_ns);
        lost.set(UNKNOWN, not_understood);
        if lost.total() + not_marked + put_out == 0 {
            return None;
        }
        if lost.total() != 0 {
            if self.windows.len() == WINDOWS {
                self.windows.remove(0);
            }
            self.windows.push(Window {
                from_ns,
                to_ns: now_ns,
                lost,
            });
        }
        let of_kind = |kind: Kind| (name(kind).to_owned(), lost.get(kind));
        Some(Loss {
            lost: kinds()
                .map(of_kind)
                .filter(|(_, count)| *count != 0)
                .collect::<BTreeMap<_, _>>(),
            not_run,
            not_understood,
            not_marked,
            put_out,
            from_boot_ns: from_ns,
            to_boot_ns: now_ns,
        })
    }

    /// What may be missing of something that took from `from_ns` to `to_ns`.
    pub fn between(&self, from_ns: u64, to_ns: u64) -> PerKind {
        let mut sum = PerKind::default();
        let within = |window: &&Window| window.to_ns >= from_ns && window.from_ns <= to_ns;
        for window in self.windows.iter().filter(within) {
            for kind in kinds() {
                sum.add(kind, window.lost.get(kind));
            }
            // What was not understood may have been of any kind.
            sum.add(UNKNOWN, window.lost.get(UNKNOWN));
        }
        sum
    }

    /// The counters as they were read last.
    pub const fn counters(&self) -> &Counters {
        &self.known
    }
}

/// What records and metrics call a kind: another than any other, and one word.
pub(super) fn name(kind: Kind) -> &'static str {
    match kind {
        Kind::NAMESPACE => "namespace_call",
        Kind::SYSCALL => "syscall",
        _ => {
            let mut docs = crate::event::catalog::CATALOG.iter();
            let doc = docs.find(|doc| doc.kind == kind);
            doc.map_or("unknown", |doc| doc.name)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counters(lost: u64) -> Counters {
        let mut counters = Counters::default();
        counters.lost.set(Kind::EXEC, lost);
        counters
    }

    #[test]
    fn every_kind_has_a_word_of_its_own() {
        let names: std::collections::BTreeSet<&str> = kinds().map(name).collect();
        assert_eq!(names.len(), kinds().count());
        assert!(
            names.iter().all(|name| !name.contains([',', ' '])),
            "{names:?}"
        );
    }

    #[test]
    fn a_loss_is_told_once_and_of_the_time_since_the_last_reading() {
        let mut losses = Losses::new(10);
        assert!(losses.read(&counters(0), 20).is_none());
        let mut later = counters(3);
        later.not_run.set(Kind::EXEC, 2);
        let loss = losses.read(&later, 30).expect("a loss");
        assert_eq!((loss.from_boot_ns, loss.to_boot_ns), (20, 30));
        assert_eq!((loss.lost.values().sum::<u64>(), loss.not_run), (3, 2));
        assert!(losses.read(&later, 40).is_none());
    }

    #[test]
    fn whatever_took_place_in_a_window_may_lack_something_and_nothing_else() {
        let mut losses = Losses::new(10);
        losses.read(&counters(1), 20);
        assert_ne!(losses.between(5, 10).total(), 0);
        assert_ne!(losses.between(15, 17).total(), 0);
        assert_ne!(losses.between(20, 90).total(), 0);
        assert_eq!(losses.between(21, 90).total(), 0);
        assert_eq!(losses.between(1, 9).total(), 0);
    }
}
