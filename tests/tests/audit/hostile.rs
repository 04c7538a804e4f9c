//! What is made to damage an audit: storms, a reader that stands still.

use std::process::Command;

use rustix::process::Signal;

use super::{Audit, accounted, is_ours, of_type};

#[test]
#[ignore = "needs root"]
fn what_a_reader_that_stands_still_misses_is_counted_and_told() {
    let mut audit = Audit::start(&["--ring", "1"]);
    audit.signal(Signal::STOP);
    let storm = "i=0; while [ $i -lt 3000 ]; do ( : ); i=$((i+1)); done";
    let status = Command::new("unshare")
        .args(["-p", "-f", "sh", "-c", storm])
        .status();
    assert!(status.expect("unshare").success());
    audit.signal(Signal::CONT);
    audit.until("a loss", |record| record["type"] == "loss");
    let records = audit.end();
    let (_, lost) = accounted(&records);
    assert_ne!(lost, 0);
    let births = of_type(&records, "container_born").into_iter();
    for birth in births.filter(|record| is_ours(record)) {
        assert_eq!(birth["container"]["incomplete"], true, "{birth:#}");
    }
}

#[test]
#[ignore = "needs root"]
fn of_a_storm_on_the_host_nothing_is_told_and_every_container_in_it_is() {
    const CONTAINERS: usize = 20;
    let audit = Audit::start(&[]);
    let storm = "i=0; while [ $i -lt 4000 ]; do ( : ); i=$((i+1)); done";
    let mut storms: Vec<_> = (0..2)
        .map(|_| {
            Command::new("sh")
                .args(["-c", storm])
                .spawn()
                .expect("a storm")
        })
        .collect();
    for _ in 0..CONTAINERS {
        let status = Command::new("unshare").args(["-u", "true"]).status();
        assert!(status.expect("unshare").success());
    }
    for storm in &mut storms {
        assert!(storm.wait().expect("its end").success());
    }
    let records = audit.end();
    let (submitted, lost) = accounted(&records);
    assert_eq!(lost, 0);
    let ours = of_type(&records, "container_born").into_iter();
    let ours: Vec<_> = ours.filter(|record| is_ours(record)).collect();
    assert_eq!(ours.len(), CONTAINERS);
    for birth in ours {
        let ended = of_type(&records, "container_ended").into_iter();
        let of_it = |record: &&serde_json::Value| record["container"] == birth["container"];
        assert_eq!(ended.filter(of_it).count(), 1);
    }
    assert!(
        submitted < 4000,
        "{submitted} records of 8000 forks of the host"
    );
}
