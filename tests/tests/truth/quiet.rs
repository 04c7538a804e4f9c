//! Reading without being woken: the record that stands in the ring for it is read once, and keeps the next ones from
//! waking the reader, until it is freed.

use std::process::Command;
use std::time::Duration;

use tracer::session::Session;

use super::observe;

/// A process of its own, whose records are there when this returns.
fn child() {
    let status = Command::new("/bin/true").status().expect("a process");
    assert!(status.success());
}

fn read(session: &mut Session, quietly: bool) -> Vec<Vec<u8>> {
    let mut records = Vec::new();
    let ring = &mut session.collector.ring;
    let take = |record: &[u8]| records.push(record.to_vec());
    let count = if quietly {
        ring.drain_quietly(usize::MAX, take)
    } else {
        ring.drain(take)
    };
    assert_eq!(count, records.len());
    records
}

/// Bytes that nobody has read.
fn unread(session: &Session) -> u64 {
    session.collector.ring.fill().expect("positions").0
}

#[test]
#[ignore = "needs root"]
fn every_record_is_read_once_however_the_ring_is_read() {
    let mut session = observe();
    session.pump();
    let mut records = Vec::new();
    for turn in 0..60 {
        child();
        assert_ne!(unread(&session), 0);
        let found = read(&mut session, turn % 3 != 2);
        assert!(!found.is_empty());
        records.extend(found);
        assert_eq!(unread(&session), 0);
        assert_eq!(session.collector.ring.keeps(), turn % 3 != 2);
        // Nothing happened in between.
        assert!(read(&mut session, true).is_empty());
        if turn % 5 == 0 {
            assert!(read(&mut session, false).is_empty());
            assert!(!session.collector.ring.keeps());
        }
    }
    // A fork, an exec and an exit of each, and no record twice.
    assert!(records.len() >= 60 * 3);
    let count = records.len();
    records.sort_unstable();
    records.dedup();
    assert_eq!(records.len(), count);
    session.read_counters().expect("counters");
    let counters = &session.observation.counters;
    assert_eq!(
        counters.submitted.total() - counters.read.total(),
        u64::try_from(count).expect("a number")
    );
    assert_eq!(counters.lost.total(), 0);
}

#[test]
#[ignore = "needs root"]
fn some_records_at_a_time_are_read_quietly_too() {
    let mut session = observe();
    session.pump();
    child();
    let ring = &mut session.collector.ring;
    let mut turns = Vec::new();
    loop {
        match ring.drain_quietly(1, |_| {}) {
            0 => break,
            read => turns.push((read, ring.keeps())),
        }
    }
    let (last, before) = turns.split_last().expect("records");
    assert_eq!(*last, (1, true));
    assert!(before.len() >= 2);
    assert!(before.iter().all(|turn| *turn == (1, false)));
}

#[test]
#[ignore = "needs root"]
fn nobody_wakes_a_reader_that_looks_by_itself() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .expect("a runtime");
    runtime.block_on(async {
        let mut session = observe();
        session.pump();
        child();
        let wakes = async |session: &mut Session| {
            let ready = session.collector.ring.readable();
            let woken = tokio::time::timeout(Duration::from_millis(100), ready).await;
            woken.is_ok_and(|ready| ready.is_ok())
        };
        assert!(wakes(&mut session).await);
        assert!(!read(&mut session, true).is_empty());
        child();
        assert!(!wakes(&mut session).await);
        // It is freed with what came after it, and whoever comes next wakes the reader.
        assert!(!read(&mut session, false).is_empty());
        child();
        assert!(wakes(&mut session).await);
    });
}
