//! Values of flags: amounts, shares of processors, sets of capabilities, resource limits. Owns
//! their grammar, which the runtimes have in common.

use crate::container::spec::IdMapping;

use super::super::{capability, rlimit};

/// `64m`: units count in 1024, of either case, with or without `b` or `ib` behind.
pub(super) fn bytes(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    let digits = lower.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let shift = match &lower[digits.len()..] {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

/// Processors as in `1.5`, in microseconds of each 100,000.
pub(super) fn quota(text: &str) -> Option<u64> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = if whole.is_empty() {
        0
    } else {
        whole.parse().ok()?
    };
    // Five places are microseconds; what is finer is cut off.
    let places: String = fraction.chars().chain("00000".chars()).take(5).collect();
    if fraction.contains(|letter: char| !letter.is_ascii_digit()) {
        return None;
    }
    whole
        .checked_mul(100_000)?
        .checked_add(places.parse().ok()?)
}

/// One capability, or all: `NET_RAW`, `cap_net_raw`, `ALL`.
pub(super) fn capabilities(text: &str) -> Option<u64> {
    let lower = text.to_ascii_lowercase();
    if lower == "all" {
        return Some(u64::MAX);
    }
    let name = lower.strip_prefix("cap_").unwrap_or(&lower);
    capability::number(name).map(|number| 1 << number)
}

/// A soft and a hard value, `256:512`; a single one is both. `-1`, `unlimited` and `infinity` are
/// none.
pub(super) fn limits(text: &str) -> Option<(u64, u64)> {
    let one = |text: &str| match text {
        "-1" | "unlimited" | "infinity" => Some(u64::MAX),
        number => number.parse().ok(),
    };
    match text.split_once(':') {
        Some((soft, hard)) => Some((one(soft)?, one(hard)?)),
        None => one(text).map(|both| (both, both)),
    }
}

/// `nofile=256:512`: number, name, soft, hard.
pub(super) fn rlimit(text: &str) -> Option<(u32, &'static str, u64, u64)> {
    let (name, values) = text.split_once('=')?;
    let lower = name.to_ascii_lowercase();
    let name = lower.strip_prefix("rlimit_").unwrap_or(&lower);
    let number = rlimit::number(name)?;
    let name = rlimit::NAMES.get(usize::try_from(number).ok()?)?;
    let (soft, hard) = limits(values)?;
    Some((number, name, soft, hard))
}

/// `0:100000:65536`: inside, outside, how many.
pub(super) fn mapping(text: &str) -> Option<IdMapping> {
    let numbers: Option<Vec<u32>> = text.split(':').map(|part| part.parse().ok()).collect();
    match numbers?[..] {
        [inside, outside, count] => Some(IdMapping {
            inside,
            outside,
            count,
        }),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_count_in_1024() {
        assert_eq!(bytes("64m"), Some(64 << 20));
        assert_eq!(bytes("1GiB"), Some(1 << 30));
        assert_eq!(bytes("4096"), Some(4096));
        for bad in ["", "m", "1x", "-1", "99999999999t"] {
            assert_eq!(bytes(bad), None, "{bad}");
        }
    }

    #[test]
    fn shares_of_processors_are_microseconds() {
        assert_eq!(quota("1.5"), Some(150_000));
        assert_eq!(quota(".25"), Some(25_000));
        assert_eq!(quota("2"), Some(200_000));
        for bad in ["a", "1.x", "-1", "1.5.0"] {
            assert_eq!(quota(bad), None, "{bad}");
        }
    }

    #[test]
    fn limits_maps_and_capabilities_are_read() {
        assert_eq!(rlimit("nofile=256:512"), Some((7, "nofile", 256, 512)));
        assert_eq!(
            rlimit("RLIMIT_CORE=-1"),
            Some((4, "core", u64::MAX, u64::MAX))
        );
        assert_eq!(rlimit("host"), None);
        assert_eq!(capabilities("CAP_NET_RAW"), Some(1 << 13));
        assert_eq!(capabilities("none"), None);
        assert_eq!(mapping("0:1:2").map(|line| line.count), Some(2));
        assert_eq!(mapping("0:@1:2"), None);
    }
}
