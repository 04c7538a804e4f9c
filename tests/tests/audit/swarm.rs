//! Many at once and one after the other: numbers that are used again, threads that come in, more than there
//! is room for.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::process::{Command, Stdio};
use std::sync::{Arc, Barrier};

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use serde_json::Value;
use std::os::fd::AsFd as _;
use tracer_tests::load;
use tracer_tests::shell::Shell;

use super::{Audit, accounted, born, is_ours, of_type};

/// The kernel gives the next process the number after this one.
const LAST_PID: &str = "/proc/sys/kernel/ns_last_pid";

#[test]
#[ignore = "needs root"]
fn containers_whose_processes_have_one_number_after_the_other_are_told_apart() {
    let containers = load::of(200);
    let audit = Audit::start(&[]);
    // A number that was free a moment ago.
    let mut probe = Command::new("true").spawn().expect("a process");
    let number = probe.id();
    probe.wait().expect("its end");
    let mut made = 0;
    for _ in 0..20 * containers {
        if made == containers {
            break;
        }
        fs::write(LAST_PID, (number - 1).to_string()).expect("a kernel that can restore processes");
        let code = made % 250;
        let script = format!("exit {code}");
        let mut child = Command::new("unshare")
            .args(["-u", "sh", "-c", &script])
            .spawn()
            .expect("unshare");
        // Somebody else may have had the number first.
        made += usize::from(child.id() == number);
        child.wait().expect("its end");
    }
    assert_eq!(made, containers, "the number is taken");
    let records = audit.end();
    let (_, lost) = accounted(&records);
    assert_eq!(lost, 0);
    let births = of_type(&records, "container_born").into_iter();
    let births: Vec<_> = births
        .filter(|one| is_ours(one) && one["process"]["pid"] == number)
        .collect();
    assert_eq!(births.len(), containers);
    let ids: BTreeSet<String> = births
        .iter()
        .map(|one| one["container"]["id"].to_string())
        .collect();
    assert_eq!(ids.len(), births.len());
    for (code, birth) in births.into_iter().enumerate() {
        let ends = of_type(&records, "container_ended").into_iter();
        let ends: Vec<_> = ends
            .filter(|end| end["container"]["id"] == birth["container"]["id"])
            .collect();
        let [end] = ends.as_slice() else {
            panic!("{birth:#} ended {} times", ends.len());
        };
        assert_eq!(end["exit_code"], code % 250, "{birth:#}");
        assert_eq!(end["unseen"], false);
    }
}

#[test]
#[ignore = "needs root"]
fn ten_thousand_threads_that_come_in_by_setns_are_one_process_that_has_entered() {
    let number = load::of(10_000);
    let mut audit = Audit::start(&["--exact", "--ring", "64"]);
    let shell = Shell::with(&["-u"]);
    let birth = audit.until("a birth", |record| {
        record["type"] == "container_born" && record["process"]["pid"] == shell.pid()
    });
    let link = File::open(format!("/proc/{}/ns/uts", shell.pid())).expect("a namespace");
    let link = Arc::new(link);
    let inside = Arc::new(Barrier::new(number + 1));
    let threads: Vec<_> = (0..number)
        .map(|_| {
            let (link, inside) = (Arc::clone(&link), Arc::clone(&inside));
            let thread = std::thread::Builder::new().stack_size(32 << 10);
            thread
                .spawn(move || {
                    let joined = move_into_link_name_space(
                        link.as_fd(),
                        Some(LinkNameSpaceType::HostNameAndNISDomainName),
                    );
                    inside.wait();
                    joined
                })
                .expect("a thread")
        })
        .collect();
    inside.wait();
    for thread in threads {
        thread.join().expect("its end").expect("it came in");
    }
    let records = audit.end();
    let (submitted, lost) = accounted(&records);
    assert_eq!(lost, 0);
    assert!(submitted > number as u64, "{submitted}");
    let own = std::process::id();
    let entries = of_type(&records, "container_entered").into_iter();
    let entries: Vec<_> = entries.filter(|one| one["process"]["pid"] == own).collect();
    let [entry] = entries.as_slice() else {
        panic!("{} entries", entries.len());
    };
    assert_eq!(entry["container"], birth["container"]);
    let births = of_type(&records, "container_born").into_iter();
    assert_eq!(births.filter(|one| one["process"]["pid"] == own).count(), 0);
    let ends = of_type(&records, "container_ended").into_iter();
    let of_it = |one: &&Value| one["container"]["id"] == birth["container"]["id"];
    assert_eq!(ends.filter(of_it).count(), 0, "the shell lives");
}

#[test]
#[ignore = "needs root"]
fn more_processes_than_there_is_room_for_are_counted_and_end_nevertheless() {
    const CONTAINERS: usize = 40;
    // It is in no table, as it does nothing, and the first that would be put out.
    let _before = Shell::with(&["-u"]);
    let mut audit = Audit::start(&["--processes", "16"]);
    let start = |_| {
        let mut command = Command::new("unshare");
        command.args(["-u", "cat"]).stdin(Stdio::piped());
        command.spawn().expect("unshare")
    };
    let mut all: Vec<_> = (0..CONTAINERS).map(start).collect();
    for _ in 0..CONTAINERS {
        audit.until("a birth", born);
    }
    for child in &mut all {
        drop(child.stdin.take());
        assert!(child.wait().expect("its end").success());
    }
    let records = audit.end();
    accounted(&records);
    let sum = |field: &str| -> u64 {
        let losses = of_type(&records, "loss").into_iter();
        losses.filter_map(|loss| loss[field].as_u64()).sum()
    };
    let (full, put_out) = (sum("not_marked"), sum("put_out"));
    // Whoever found room beyond what there is has it from somebody who was put out.
    assert!(
        full + put_out >= (CONTAINERS - 16) as u64,
        "{full} {put_out}"
    );
    assert_ne!(full, 0);
    assert_ne!(put_out, 0);
    let births = of_type(&records, "container_born").into_iter();
    for birth in births.filter(|one| is_ours(one)) {
        let ends = of_type(&records, "container_ended").into_iter();
        let of_it = ends.filter(|end| end["container"]["id"] == birth["container"]["id"]);
        let ends: Vec<_> = of_it.collect();
        assert_eq!(ends.len(), 1, "{birth:#}");
        assert_eq!(
            (&ends[0]["exit_code"], &ends[0]["unseen"]),
            (&0.into(), &false.into())
        );
    }
}
