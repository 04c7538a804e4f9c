//! Records in the order of the kernel's time: they wait for a while, as one that happened before may still
//! be on its way. Owns the waiting and its bounds; whose clock is meant, its caller says.

use std::collections::BTreeMap;

/// More than this do not wait: the oldest goes, as if its time had come.
const ROOM: usize = 8192;

/// Things that wait, each with the time at which it happened.
#[derive(Debug)]
pub(super) struct Order<T> {
    /// By time, and by arrival where that is the same.
    waiting: BTreeMap<(u64, u64), T>,
    arrived: u64,
    /// The latest time of what has gone.
    gone_ns: u64,
    room: usize,
}

/// One whose time has come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Due<T> {
    pub boot_ns: u64,
    /// One that happened later has gone before it.
    pub late: bool,
    pub what: T,
}

impl<T> Default for Order<T> {
    fn default() -> Self {
        Self {
            waiting: BTreeMap::new(),
            arrived: 0,
            gone_ns: 0,
            room: ROOM,
        }
    }
}

impl<T> Order<T> {
    /// Takes in what happened at `boot_ns`, and gives the oldest where there is no room for it.
    pub fn put(&mut self, boot_ns: u64, what: T) -> Option<Due<T>> {
        self.waiting.insert((boot_ns, self.arrived), what);
        self.arrived += 1;
        if self.waiting.len() > self.room {
            return self.next(u64::MAX);
        }
        None
    }

    /// The next that happened until then, itself included.
    pub fn next(&mut self, until_ns: u64) -> Option<Due<T>> {
        let first = self.waiting.first_entry()?;
        let (boot_ns, _) = *first.key();
        if boot_ns > until_ns {
            return None;
        }
        let late = boot_ns < self.gone_ns;
        self.gone_ns = self.gone_ns.max(boot_ns);
        Some(Due {
            boot_ns,
            late,
            what: first.remove(),
        })
    }

    /// Whether anything waits.
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(order: &mut Order<char>, until_ns: u64) -> Vec<(u64, bool, char)> {
        let all = std::iter::from_fn(|| order.next(until_ns));
        all.map(|due| (due.boot_ns, due.late, due.what)).collect()
    }

    #[test]
    fn what_comes_within_the_time_is_put_in_order_and_what_comes_later_is_flagged() {
        let mut order = Order::default();
        for (time, what) in [(30, 'c'), (10, 'a'), (20, 'b'), (20, 'B')] {
            assert!(order.put(time, what).is_none());
        }
        let first = [(10, false, 'a'), (20, false, 'b'), (20, false, 'B')];
        assert_eq!(due(&mut order, 29), first);
        order.put(19, 'x');
        order.put(20, 'y');
        assert!(!order.is_empty());
        assert_eq!(
            due(&mut order, u64::MAX),
            [(19, true, 'x'), (20, false, 'y'), (30, false, 'c')]
        );
        assert!(order.is_empty());
    }

    #[test]
    fn of_more_than_there_is_room_for_the_oldest_goes() {
        let mut order = Order {
            room: 2,
            ..Order::default()
        };
        assert!(order.put(30, 'c').is_none());
        assert!(order.put(10, 'a').is_none());
        let gone = order.put(20, 'b').expect("no room");
        assert_eq!((gone.boot_ns, gone.what), (10, 'a'));
        assert_eq!(due(&mut order, u64::MAX).len(), 2);
    }
}
