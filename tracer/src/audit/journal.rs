//! A record as the journal of systemd takes it: fields, in its native protocol. Owns their names; sending is
//! not its own.

use super::record::{Loss, Record, What};
use super::words;

/// Severities of syslog(3).
const WARNING: u8 = 4;
const NOTICE: u8 = 5;
const INFO: u8 = 6;

/// One entry, as `sd_journal_send` would send it: the line for people, the whole record as JSON, and what it is
/// looked for by.
pub fn entry(record: &Record) -> Vec<u8> {
    let mut entry = Vec::new();
    field(&mut entry, "MESSAGE", &words::message(record));
    field(&mut entry, "PRIORITY", &priority(&record.what).to_string());
    field(&mut entry, "SYSLOG_IDENTIFIER", "tracer");
    field(&mut entry, "TRACER_TYPE", record.what.name());
    field(&mut entry, "TRACER_BOOT_NS", &record.boot_ns.to_string());
    if let Some(container) = record.what.container() {
        field(&mut entry, "TRACER_CONTAINER_ID", &container.id);
        if let Some(name) = &container.name {
            field(&mut entry, "TRACER_CONTAINER_NAME", name);
        }
    }
    if let Some(process) = record.what.process() {
        field(&mut entry, "TRACER_PID", &process.pid.to_string());
        field(&mut entry, "TRACER_COMM", &process.name);
    }
    if let Ok(text) = serde_json::to_string(record) {
        field(&mut entry, "TRACER_RECORD", &text);
    }
    entry
}

fn priority(what: &What) -> u8 {
    match what {
        What::ContainerViolation(violation) if violation.verdict == "fail" => WARNING,
        What::ContainerViolation(_) => NOTICE,
        What::Loss(Loss { .. }) => WARNING,
        _ => INFO,
    }
}

/// `NAME=value` and a newline; what has one itself comes with its length in place of the sign
/// (systemd, `docs/JOURNAL_NATIVE_PROTOCOL.md`).
fn field(entry: &mut Vec<u8>, name: &str, value: &str) {
    entry.extend(name.as_bytes());
    if value.contains('\n') {
        entry.push(b'\n');
        entry.extend((value.len() as u64).to_le_bytes());
    } else {
        entry.push(b'=');
    }
    entry.extend(value.as_bytes());
    entry.push(b'\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_has_a_newline_comes_with_its_length() {
        let mut entry = Vec::new();
        field(&mut entry, "A", "b=c");
        field(&mut entry, "D", "e\nf");
        assert_eq!(entry, b"A=b=c\nD\n\x03\0\0\0\0\0\0\0e\nf\n");
    }
}
