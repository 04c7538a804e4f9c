//! Whom a process descends from, by /proc: where the kernel side has not told. Owns the reading; what
//! has ended meanwhile is not there.

use std::collections::HashMap;
use std::fs;

use crate::event::{Ancestor, Lineage, Tgid};

/// proc(5) tells starts in hundredths of a second, on every architecture that Rust has.
const NS_PER_TICK: u64 = 10_000_000;
/// As many as the kernel side tells of.
const MOST: usize = 12;

/// When processes have started, as the kernel told when all tasks were looked at last, in nanoseconds since the
/// machine was started. /proc tells hundredths of a second, which name nobody.
pub type Starts = HashMap<Tgid, u64>;

/// From the parent up; `None` = the process is gone. The start of whoever has come since all tasks were looked
/// at is 0: not known well enough.
pub fn of(tgid: Tgid, starts: &Starts) -> Option<Lineage> {
    let mut at = stat(tgid)?.parent;
    let mut ancestors = Vec::new();
    while at.0 != 0 && ancestors.len() < MOST {
        let Some(stat) = stat(at) else {
            break;
        };
        ancestors.push(Ancestor {
            tgid: at,
            start_ns: exact(starts.get(&at).copied(), stat.start_ticks),
            uid: uid(at).unwrap_or(u32::MAX),
            comm: stat.comm,
            exe: executable(at),
        });
        at = stat.parent;
    }
    Some(Lineage {
        truncated: at.0 != 0,
        ancestors,
    })
}

/// The start that the kernel has told of that number, if it is of this process.
fn exact(told: Option<u64>, ticks: u64) -> u64 {
    told.filter(|start_ns| start_ns / NS_PER_TICK == ticks)
        .unwrap_or(0)
}

struct Stat {
    parent: Tgid,
    /// In hundredths of a second since the machine was started.
    start_ticks: u64,
    comm: String,
}

fn stat(tgid: Tgid) -> Option<Stat> {
    let bytes = fs::read(format!("/proc/{tgid}/stat")).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    // The name may hold anything; it ends with the last parenthesis.
    let (start, fields) = text.rsplit_once(')')?;
    let (_, comm) = start.split_once('(')?;
    let mut fields = fields.split_whitespace();
    let parent = fields.nth(1)?.parse().ok()?;
    let ticks: u64 = fields.nth(17)?.parse().ok()?;
    Some(Stat {
        parent: Tgid(parent),
        start_ticks: ticks,
        comm: comm.to_owned(),
    })
}

fn uid(tgid: Tgid) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{tgid}/status")).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("Uid:"))?;
    line.split_whitespace().next()?.parse().ok()
}

fn executable(tgid: Tgid) -> Option<String> {
    let path = fs::read_link(format!("/proc/{tgid}/exe")).ok()?;
    Some(path.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_descends_from_its_parent() {
        let own = of(Tgid(std::process::id()), &Starts::new()).expect("alive");
        let parent = own.ancestors.first().expect("a parent");
        assert_eq!(parent.tgid.0, std::os::unix::process::parent_id());
    }
    #[test]
    fn a_start_is_taken_of_who_has_the_number_and_of_nobody_before() {
        assert_eq!(exact(Some(1_234_567_890), 123), 1_234_567_890);
        assert_eq!(exact(Some(1_234_567_890), 124), 0);
        assert_eq!(exact(None, 123), 0);
    }
}
