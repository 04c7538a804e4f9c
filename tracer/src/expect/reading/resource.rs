//! Resources that files of the cgroup alone tell of. Owns the names that v1 and v2 have for each, and
//! what a runtime that follows the OCI specification writes there.

use super::{FileAsked, FileRule};

/// A file of this name that holds what would be written there.
#[must_use]
pub fn written(name: &str, text: &str) -> FileAsked {
    FileAsked {
        name: name.to_owned(),
        rule: FileRule::of(name, text),
    }
}

/// A number as files of cgroups have it: below 0 is no limit.
#[must_use]
pub fn amount(value: i64) -> String {
    u64::try_from(value).map_or_else(|_| "max".to_owned(), |value| value.to_string())
}

/// Memory that is left to it when others need some.
#[must_use]
pub fn reservation(bytes: i64) -> Vec<FileAsked> {
    let text = amount(bytes);
    vec![
        written("memory.soft_limit_in_bytes", &text),
        written("memory.low", &text),
    ]
}

/// Memory and swap together; v2 has swap alone, which takes the limit of memory to know.
#[must_use]
pub fn swap(both: i64, limit: Option<i64>) -> Vec<FileAsked> {
    let mut files = vec![written("memory.memsw.limit_in_bytes", &amount(both))];
    match (both, limit) {
        (..0, _) => files.push(written("memory.swap.max", "max")),
        (_, Some(limit)) if both >= limit => {
            files.push(written("memory.swap.max", &amount(both - limit)));
        }
        _ => {}
    }
    files
}

/// A share of the processors' time. On v2 any of the weights that runtimes make of it.
#[must_use]
pub fn shares(shares: u64) -> Vec<FileAsked> {
    let mut files = vec![written("cpu.shares", &shares.to_string())];
    for weight in weights(shares) {
        files.push(written("cpu.weight", &weight.to_string()));
    }
    files.dedup();
    files
}

/// Both ways in which runtimes have made a weight of v2, from 1 to 10,000, of shares, from 2 to
/// 262,144: in a straight line, and since 2025 so that 1,024 is 100
/// (opencontainers/cgroups, `ConvertCPUSharesToCgroupV2Value`).
fn weights(shares: u64) -> [u64; 2] {
    let shares = shares.clamp(2, 262_144);
    let straight = 1 + (shares - 2) * 9_999 / 262_142;
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "shares are at most 2^18 and the weight from 1 to 10,000"
    )]
    let curved = {
        let bits = (shares as f64).log2();
        let exponent = (bits * bits + 125.0 * bits) / 612.0 - 7.0 / 34.0;
        10f64.powf(exponent).ceil() as u64
    };
    [straight, curved.clamp(1, 10_000)]
}

/// A share of the disks' time, from 10 to 1,000.
#[must_use]
pub fn block_weight(weight: u16) -> Vec<FileAsked> {
    let own = weight.to_string();
    // From 10 to 1,000 on v1, from 1 to 10,000 on v2 (crun's and runc's conversion).
    let converted = 1 + (u64::from(weight).saturating_sub(10)) * 9_999 / 990;
    vec![
        written("blkio.weight", &own),
        written("blkio.bfq.weight", &own),
        written("io.bfq.weight", &format!("default {weight}")),
        written("io.weight", &format!("default {converted}")),
    ]
}

/// A limit of a device's use each second: v1 has a file for each kind, v2 a key.
#[must_use]
pub fn throttle(device: &str, file_of_v1: &str, key_of_v2: &str, rate: u64) -> Vec<FileAsked> {
    vec![
        written(
            &format!("blkio.throttle.{file_of_v1}_device"),
            &format!("{device} {rate}"),
        ),
        written("io.max", &format!("{device} {key_of_v2}={rate}")),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::certificate::UNLIMITED;

    #[test]
    fn shares_make_the_weights_that_runtimes_write() {
        assert_eq!(weights(1024), [39, 100]);
        assert_eq!(weights(2), [1, 1]);
        assert_eq!(weights(262_144), [10_000, 10_000]);
        assert_eq!(weights(0), [1, 1]);
        assert_eq!(weights(u64::MAX), [10_000, 10_000]);
    }

    #[test]
    fn below_nothing_is_no_limit() {
        assert_eq!(amount(-1), "max");
        assert_eq!(
            FileRule::of("memory.low", "max"),
            FileRule::exactly(UNLIMITED)
        );
    }
}
