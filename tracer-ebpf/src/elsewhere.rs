//! Cgroups that somebody outside of the scope makes during the run, as a service manager does for a
//! command that asks it to. Owns who made which. That one was made is told only once a task in scope is
//! moved there: whoever makes cgroups elsewhere can neither fill the ring nor be seen.

use tracer_common::{
    Counter, Kind, TaskId,
    record::{CgroupEntry, CgroupRecord},
};
use zerocopy::FromZeros as _;

use crate::{
    emit::{self, emit},
    fact, kernel,
    map::ELSEWHERE,
};

#[inline(always)]
fn key(cgroup: u64) -> [u64; 2] {
    let mut entry = CgroupEntry::new_zeroed();
    fact::cgroup(&mut entry, cgroup);
    [u64::from(entry.hierarchy), entry.id]
}

/// Notes who has made a cgroup. Where there is no room that is counted: it would be taken for one that was
/// there before, so that nothing passes any more.
#[inline(always)]
pub fn made(cgroup: u64, maker: u64) {
    let mut who = TaskId::new_zeroed();
    fact::identity(&mut who, maker);
    if ELSEWHERE.insert(key(cgroup), who, 0).is_err() {
        emit::count(Counter::SCOPE_FULL);
    }
}

/// Forgets a cgroup, whose number may be given to a later one.
#[inline(always)]
pub fn removed(cgroup: u64) {
    // Most were not made meanwhile.
    let _unknown = ELSEWHERE.remove(key(cgroup));
}

/// Tells that a cgroup was made, and by whom, once, where somebody has made it meanwhile.
#[inline(always)]
pub fn tell(cgroup: u64, path: u64, mover: u64) {
    let key = key(cgroup);
    // SAFETY: a slot that is used again while it is read gives a wrong name to who has made the
    // cgroup; that it was made stays true.
    let Some(who) = (unsafe { ELSEWHERE.get(key) }).copied() else {
        return;
    };
    let _told = ELSEWHERE.remove(key);
    emit::<CgroupRecord>(Kind::CGROUP_MKDIR, mover, |record| {
        record.header.task = who;
        fact::cgroup(&mut record.cgroup, cgroup);
        kernel::string(&mut record.path, path);
    });
}
