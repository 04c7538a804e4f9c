//! How quantities read in "asked" and "seen", so that both sides of a comparison read alike.

use std::fmt::Write as _;

use crate::container::spec::IdMapping;
use crate::event::certificate::ClockOffset;

use super::MountCheck;

/// Lines of a map as `inside:outside:count`.
pub(crate) fn map_text(lines: &[IdMapping]) -> String {
    if lines.is_empty() {
        return "empty".to_owned();
    }
    let lines: Vec<String> = lines
        .iter()
        .map(|line| format!("{}:{}:{}", line.inside, line.outside, line.count))
        .collect();
    lines.join(" ")
}

/// Processors, runs drawn together: `cpu 0-3 8`.
pub(crate) fn cpu_text(cpus: &[u32]) -> String {
    let mut runs: Vec<(u32, u32)> = Vec::new();
    for &cpu in cpus {
        match runs.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(cpu) => *last = cpu,
            _ => runs.push((cpu, cpu)),
        }
    }
    let mut text = if runs.is_empty() {
        "none".to_owned()
    } else {
        "cpu".to_owned()
    };
    for (first, last) in runs {
        // Writing to a String cannot fail.
        let _ = if first == last {
            write!(text, " {first}")
        } else {
            write!(text, " {first}-{last}")
        };
    }
    text
}

/// An amount of memory; in larger units where that is exact.
pub(crate) fn bytes_text(bytes: u64) -> String {
    let units = [("GiB", 30), ("MiB", 20), ("KiB", 10)];
    let exact = units
        .into_iter()
        .find(|(_, shift)| bytes > 0 && bytes.trailing_zeros() >= *shift);
    match exact {
        Some((unit, shift)) => format!("{} {unit}", bytes >> shift),
        None => format!("{bytes} bytes"),
    }
}

/// Ids in ascending order, or `none`.
pub(crate) fn list_text(ids: &[u32]) -> String {
    if ids.is_empty() {
        return "none".to_owned();
    }
    ids.iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(" ")
}

/// A user and a group as `UID:GID`.
pub(crate) fn ids_text(uid: Option<u32>, gid: Option<u32>) -> String {
    match (uid, gid) {
        (Some(uid), Some(gid)) => format!("{uid}:{gid}"),
        _ => "outside the map".to_owned(),
    }
}

/// CPU time in a period, both given in microseconds.
pub(crate) fn cpu_time_text(quota: u64, period: u64) -> String {
    format!("{quota}/{period} us")
}

/// Permission bits as umask(1) shows them.
pub(crate) fn umask_text(bits: u32) -> String {
    format!("{bits:04o}")
}

/// What a clock is ahead, in seconds with a sign.
pub(crate) fn clock_text(offset: ClockOffset) -> String {
    const SECOND: i128 = 1_000_000_000;
    let total = i128::from(offset.seconds) * SECOND + i128::from(offset.nanoseconds);
    let (sign, amount) = if total < 0 {
        ('-', -total)
    } else {
        ('+', total)
    };
    let digits = format!("{:09}", amount % SECOND);
    match digits.trim_end_matches('0') {
        "" => format!("{sign}{} s", amount / SECOND),
        digits => format!("{sign}{}.{digits} s", amount / SECOND),
    }
}

/// A mount's type, access, and for a tmpfs what else was asked.
pub(crate) fn mount_text(check: &MountCheck) -> String {
    // Writing to a String cannot fail.
    let mut text = check.fs_type.as_deref().unwrap_or("bind").to_owned();
    text.push_str(if check.read_only { ", ro" } else { ", rw" });
    if let Some(size) = check.size_kib {
        let _ = write!(text, ", size {size} KiB");
    }
    if let Some(mode) = check.mode {
        let _ = write!(text, ", mode {mode:o}");
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_offset_reads_as_one_number_though_its_seconds_are_rounded_down() {
        let text = |seconds, nanoseconds| {
            clock_text(ClockOffset {
                seconds,
                nanoseconds,
            })
        };
        assert_eq!(text(0, 0), "+0 s");
        assert_eq!(text(3600, 0), "+3600 s");
        assert_eq!(text(-2, 500_000_000), "-1.5 s");
        assert_eq!(text(0, 1), "+0.000000001 s");
        assert_eq!(text(i64::MIN, 0), "-9223372036854775808 s");
    }
}
