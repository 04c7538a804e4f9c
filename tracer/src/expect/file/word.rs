//! Single words of an expectation file: amounts, lists of processors, ids, names. Owns their
//! grammar.

use crate::event::certificate::{ClockOffset, UNLIMITED};
use crate::expect::{Bound, Comparison, IdRule, Processors, capability, rlimit};

use super::form::Word;

mod attributes;
mod devices;
mod mounts;
mod readings;

pub(super) use attributes::{
    IoPriority, MemoryFlag, MemoryMode, Nice, NodeList, OomScore, Personality, Policy, RealTime,
    Terminal,
};
pub(super) use devices::{DeviceGroup, DeviceWord};
pub(super) use mounts::{MountOption, Mounted, Place};
pub(super) use readings::{CgroupFileName, Contents, Node, Sysctl};

/// Splits the comparison off; without one it is `==`.
fn comparison(text: &str) -> (Comparison, &str) {
    let all = [
        Comparison::AtMost,
        Comparison::AtLeast,
        Comparison::Exactly,
        Comparison::Below,
        Comparison::Above,
    ];
    all.into_iter()
        .find_map(|one| Some((one, text.strip_prefix(one.symbol())?.trim_start())))
        .unwrap_or((Comparison::Exactly, text))
}

/// A comparison that something can satisfy; of whole numbers, without `<` and `>`.
fn whole(text: &str, value: impl FnOnce(&str) -> Option<u64>) -> Option<Bound<u64>> {
    let (comparison, text) = comparison(text);
    let value = if matches!(text, "max" | "unlimited") {
        UNLIMITED
    } else {
        value(text).filter(|value| *value != UNLIMITED)?
    };
    Some(match comparison {
        // Below no limit is any limit.
        Comparison::Below => Bound::new(Comparison::AtMost, value.checked_sub(1)?),
        Comparison::Above => Bound::new(Comparison::AtLeast, value.checked_add(1)?),
        same => Bound::new(same, value),
    })
}

/// Digits alone: `parse` also takes a sign.
fn number(text: &str) -> Option<u64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().ok())?
}

fn small_number(text: &str) -> Option<u32> {
    number(text).and_then(|value| u32::try_from(value).ok())
}

/// Bytes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Memory(pub Bound<u64>);

impl Word for Memory {
    const ACCEPTS: &'static str = "an amount of memory with a comparison, as \"<=512Mi\", \"==1Gi\", \"<max\" (Ki, Mi, Gi, Ti or bytes)";

    fn read(text: &str) -> Option<Self> {
        whole(text, |text| {
            let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
            let shift = match text[digits.len()..].trim().trim_end_matches('B') {
                "" => 0,
                "Ki" => 10,
                "Mi" => 20,
                "Gi" => 30,
                "Ti" => 40,
                _ => return None,
            };
            number(digits)?.checked_mul(1 << shift)
        })
        .map(Self)
    }
}

/// A number of things.
#[derive(Clone, Copy, Debug)]
pub(super) struct Count(pub Bound<u64>);

impl Word for Count {
    const ACCEPTS: &'static str =
        "a number with a comparison, as \"<=100\", \"==1024\", \"==max\" for no limit";

    fn read(text: &str) -> Option<Self> {
        whole(text, number).map(Self)
    }
}

/// A number of processors' worth of time.
#[derive(Clone, Copy, Debug)]
pub(super) struct Share(pub Bound<Processors>);

impl Word for Share {
    const ACCEPTS: &'static str =
        "a number of processors with a comparison, as \"<=1.5\", \"==2\", \"<max\"";

    fn read(text: &str) -> Option<Self> {
        /// Six places behind the point.
        const PERIOD: u64 = 1_000_000;
        let (comparison, text) = comparison(text);
        if matches!(text, "max" | "unlimited") {
            let value = Processors::UNLIMITED;
            let possible = comparison != Comparison::Above;
            return possible.then_some(Self(Bound::new(comparison, value)));
        }
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let part = (1..=6)
            .contains(&part.len())
            .then(|| number(&format!("{part:0<6}")))??;
        let quota = number(whole)?.checked_mul(PERIOD)?.checked_add(part)?;
        let possible = quota > 0 || comparison != Comparison::Below;
        let value = Processors {
            quota,
            period: PERIOD,
        };
        (possible && quota != UNLIMITED).then_some(Self(Bound::new(comparison, value)))
    }
}

/// Processors, ascending.
#[derive(Clone, Debug)]
pub(super) struct CpuList(pub Vec<u32>);

impl Word for CpuList {
    const ACCEPTS: &'static str = "a list of processors, as 0, 0-2 or 0,3";

    fn read(text: &str) -> Option<Self> {
        /// Every list of a real machine is shorter.
        const LONGEST: usize = 4096;
        if text.len() > LONGEST {
            return None;
        }
        let mut list = Vec::new();
        for part in text.split(',') {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let (first, last) = (small_number(first.trim())?, small_number(last.trim())?);
            // More than any kernel is built for: a slip of the keyboard, not a machine.
            if first > last || last >= 65_536 {
                return None;
            }
            list.extend(first..=last);
            // Each part could be all of them.
            list.sort_unstable();
            list.dedup();
        }
        Some(Self(list))
    }
}

/// Number of a capability.
#[derive(Clone, Copy, Debug)]
pub(super) struct Capability(pub u32);

impl Word for Capability {
    const ACCEPTS: &'static str = "a capability, as net_raw or CAP_NET_RAW; see capabilities(7)";

    fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        capability::number(lower.strip_prefix("cap_").unwrap_or(&lower)).map(Self)
    }
}

/// All or none of the capabilities.
#[derive(Clone, Copy, Debug)]
pub(super) enum AllOrNone {
    All,
    None,
}

impl Word for AllOrNone {
    const ACCEPTS: &'static str = "a list of capabilities, all, or none";
    const WORDS: &'static [&'static str] = &["all", "none"];

    fn read(text: &str) -> Option<Self> {
        match text {
            "all" => Some(Self::All),
            "none" => Some(Self::None),
            _ => None,
        }
    }
}

/// A user or group inside.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id(pub IdRule);

impl Word for Id {
    const ACCEPTS: &'static str = "a number, or \"not 0\"";

    fn read(text: &str) -> Option<Self> {
        let rule = match text {
            "not 0" => IdRule::NotRoot,
            number => IdRule::Exactly(small_number(number)?),
        };
        Some(Self(rule))
    }
}

/// Number of a resource limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Resource(pub u32);

impl Word for Resource {
    const ACCEPTS: &'static str = "a resource limit, as nofile or core; see getrlimit(2)";

    fn read(text: &str) -> Option<Self> {
        let lower = text.to_ascii_lowercase();
        rlimit::number(lower.strip_prefix("rlimit_").unwrap_or(&lower)).map(Self)
    }
}

/// Permission bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Umask(pub u32);

impl Word for Umask {
    const ACCEPTS: &'static str = "three or four octal digits, as 0022";

    fn read(text: &str) -> Option<Self> {
        let octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        if !octal || !matches!(text.len(), 3 | 4) {
            return None;
        }
        let bits = u32::from_str_radix(text, 8).ok()?;
        (bits <= 0o777).then_some(Self(bits))
    }
}

/// What a clock is ahead.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seconds(pub ClockOffset);

impl Word for Seconds {
    const ACCEPTS: &'static str = "seconds with a sign and up to nine places, as 3600 or -1.5";

    fn read(text: &str) -> Option<Self> {
        let (is_negative, text) = match text.strip_prefix('-') {
            Some(text) => (true, text),
            None => (false, text.strip_prefix('+').unwrap_or(text)),
        };
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let part = (1..=9)
            .contains(&part.len())
            .then(|| number(&format!("{part:0<9}")))??;
        let part = i64::try_from(part).ok()?;
        let whole = i64::try_from(number(whole)?).ok()?;
        // As the kernel keeps it: seconds rounded down, and what is above that.
        let (seconds, nanoseconds) = match (is_negative, part) {
            (false, part) => (whole, part),
            (true, 0) => (-whole, 0),
            (true, part) => (-whole - 1, 1_000_000_000 - part),
        };
        Some(Self(ClockOffset {
            seconds,
            nanoseconds,
        }))
    }
}

/// The words that stand for one thing each.
macro_rules! keyword {
    ($($(#[$doc:meta])* $name:ident($word:literal, $accepts:literal);)+) => {
        $($(#[$doc])*
        #[derive(Clone, Copy, Debug)]
        pub(super) struct $name;

        impl Word for $name {
            const ACCEPTS: &'static str = $accepts;
            const WORDS: &'static [&'static str] = &[$word];

            fn read(text: &str) -> Option<Self> {
                (text == $word).then_some(Self)
            }
        })+
    };
}

keyword! {
    /// Of its own container.
    Inside("inside", "inside");
    /// Nothing of it.
    Nothing("none", "none");
    /// Nothing of it, where a list is the other form.
    NoNumbers("none", "none, or a list of numbers");
    /// An empty set, where a map is the other form.
    NoCapabilities("none", "none, or a map with within, without or exactly");
    /// A cgroup of its own.
    Private("private", "private, or a map with a path");
    /// One, and not the host's.
    NotHosts("private", "private");
    /// None at all.
    Deny("deny", "deny");
    /// The state of the map's first id.
    RootMapping("root_is_not_host_root", "root_is_not_host_root");
}

/// A text that says something.
#[derive(Clone, Debug)]
pub(super) struct Name(pub String);

impl Word for Name {
    const ACCEPTS: &'static str = "a text";

    fn read(text: &str) -> Option<Self> {
        (!text.is_empty()).then(|| Self(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn memory(text: &str) -> Option<Bound<u64>> {
        Memory::read(text).map(|memory| memory.0)
    }

    #[test]
    fn amounts_have_a_comparison_and_units_of_1024() {
        let is = |comparison, value| Some(Bound::new(comparison, value));
        assert_eq!(memory("<=512Mi"), is(Comparison::AtMost, 512 << 20));
        assert_eq!(memory("<= 512 MiB"), is(Comparison::AtMost, 512 << 20));
        assert_eq!(memory("<1Ki"), is(Comparison::AtMost, 1023));
        assert_eq!(memory(">1Ki"), is(Comparison::AtLeast, 1025));
        assert_eq!(memory("4096"), is(Comparison::Exactly, 4096));
        assert_eq!(memory("max"), is(Comparison::Exactly, UNLIMITED));
        assert_eq!(memory("<max"), is(Comparison::AtMost, UNLIMITED - 1));
        for wrong in [
            "",
            "Mi",
            "<0",
            ">max",
            "1M",
            "1m",
            "-1",
            "+1",
            "1.5Gi",
            "=1",
            "99999999999999999999",
            "18446744073709551615",
            "99999999Ti",
        ] {
            assert_eq!(memory(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn processors_have_up_to_six_places() {
        let share = |text| Share::read(text).map(|share| share.0.value);
        let half = Processors {
            quota: 3,
            period: 2,
        };
        assert_eq!(share("<=1.5"), Some(half));
        assert_eq!(share("<max"), Some(Processors::UNLIMITED));
        for wrong in ["", ".5", "1.", "1.0000001", "a", ">max", "<0", "-1"] {
            assert_eq!(share(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn names_are_taken_in_any_case_with_or_without_their_prefix() {
        for name in ["sys_admin", "CAP_SYS_ADMIN", "Cap_Sys_Admin", "SYS_ADMIN"] {
            assert_eq!(Capability::read(name).map(|found| found.0), Some(21));
        }
        assert!(Capability::read("cap_cap_kill").is_none());
        assert_eq!(Resource::read("RLIMIT_NOFILE"), Some(Resource(7)));
    }

    #[test]
    fn a_umask_is_octal_whatever_yaml_takes_it_for() {
        let bits = |text| Umask::read(text).map(|umask| umask.0);
        assert_eq!(bits("0022"), Some(0o22));
        assert_eq!(bits("022"), Some(0o22));
        assert_eq!(bits("777"), Some(0o777));
        for wrong in ["", "22", "0o22", "0028", "1777", "00022", "-022"] {
            assert_eq!(bits(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn seconds_are_kept_rounded_down() {
        let offset = |text| {
            let Seconds(offset) = Seconds::read(text)?;
            Some((offset.seconds, offset.nanoseconds))
        };
        assert_eq!(offset("3600"), Some((3600, 0)));
        assert_eq!(offset("+1.5"), Some((1, 500_000_000)));
        assert_eq!(offset("-5"), Some((-5, 0)));
        assert_eq!(offset("-1.5"), Some((-2, 500_000_000)));
        assert_eq!(offset("-0"), Some((0, 0)));
        for wrong in [
            "",
            "-",
            "1.",
            ".5",
            "1.0000000001",
            "1h",
            "9223372036854775808",
        ] {
            assert_eq!(offset(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_user_is_a_number_or_not_root() {
        assert!(matches!(Id::read("not 0"), Some(Id(IdRule::NotRoot))));
        assert!(matches!(Id::read("7"), Some(Id(IdRule::Exactly(7)))));
        for wrong in ["", "root", "not 1", "-1", "4294967296"] {
            assert!(Id::read(wrong).is_none(), "{wrong}");
        }
    }
}
