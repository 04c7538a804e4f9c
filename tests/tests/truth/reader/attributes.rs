//! What a process hands on through exec, as its files below /proc tell it.

use std::fs;

use tracer::event::NamespaceSlot::{Time, TimeForChildren};
use tracer::event::certificate::Certificate;

use super::field;

/// Score, umask and clocks. Session keyrings stand in no file.
pub fn attributes(certificate: &Certificate, pid: u32) {
    let text = fs::read_to_string(format!("/proc/{pid}/oom_score_adj")).expect("a score");
    let told = text.trim().parse().expect("a number");
    assert_eq!(certificate.oom_score_adj(), Some(told));
    let text = field(pid.cast_signed(), "Umask");
    let told = u32::from_str_radix(&text, 8).expect("octal");
    assert_eq!(certificate.umask(), Some(told));
    // The file is about the namespace that its children get.
    let set = certificate.namespaces().expect("namespaces");
    if set.get(Time) == set.get(TimeForChildren) {
        let seen = certificate.time_offsets().expect("offsets");
        let own = [("monotonic", seen.monotonic), ("boottime", seen.boottime)];
        let text = fs::read_to_string(format!("/proc/{pid}/timens_offsets")).expect("offsets");
        for (line, (clock, seen)) in text.lines().zip(own) {
            let words: Vec<&str> = line.split_whitespace().collect();
            let told = [
                clock,
                &seen.seconds.to_string(),
                &seen.nanoseconds.to_string(),
            ];
            assert_eq!(words, told);
        }
        assert_eq!(text.lines().count(), own.len());
    }
}
