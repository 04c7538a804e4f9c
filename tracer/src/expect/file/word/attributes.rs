//! Words for what a process hands on through exec and how the kernel serves it. Owns their grammar.

use crate::expect::attribute::{
    self, IO_CLASSES, IoPriorityAsked, MEMORY_FLAGS, MEMORY_MODES, PERSONALITIES, POLICIES,
    TerminalAsked,
};
use crate::expect::{Bound, Comparison};

use super::{CpuList, Word, comparison, number, small_number};

/// A whole number with a sign, from a range.
pub(super) fn signed(text: &str, least: i32, most: i32) -> Option<Bound<i32>> {
    let (comparison, text) = comparison(text);
    let (is_negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let amount = i32::try_from(number(digits)?).ok()?;
    let value = if is_negative { -amount } else { amount };
    let (comparison, value) = match comparison {
        Comparison::Below => (Comparison::AtMost, value.checked_sub(1)?),
        Comparison::Above => (Comparison::AtLeast, value.checked_add(1)?),
        same => (same, value),
    };
    let possible = (least..=most).contains(&value);
    possible.then_some(Bound::new(comparison, value))
}

/// How soon the kernel kills a process for memory.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct OomScore(pub Bound<i32>);

impl Word for OomScore {
    const ACCEPTS: &'static str =
        "a number from -1000 to 1000 with a comparison, as \"<=0\", \"==-500\"";

    fn read(text: &str) -> Option<Self> {
        signed(text, -1000, 1000).map(Self)
    }
}

/// The controlling terminal.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Terminal(pub TerminalAsked);

impl Word for Terminal {
    const ACCEPTS: &'static str = "none, own, or private";
    const WORDS: &'static [&'static str] = &["none", "own", "private"];

    fn read(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self(TerminalAsked::None)),
            "own" => Some(Self(TerminalAsked::Own)),
            "private" => Some(Self(TerminalAsked::Private)),
            _ => None,
        }
    }
}

/// Number of a scheduling policy.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Policy(pub u32);

impl Word for Policy {
    const ACCEPTS: &'static str = "a policy (other, fifo, rr, batch, idle, deadline), or a map with it, nice, priority or reset_on_fork";

    fn read(text: &str) -> Option<Self> {
        attribute::number(&POLICIES, text).map(Self)
    }
}

/// A nice value.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Nice(pub Bound<i32>);

impl Word for Nice {
    const ACCEPTS: &'static str = "a number from -20 to 19 with a comparison, as \">=0\", \"==5\"";

    fn read(text: &str) -> Option<Self> {
        signed(text, -20, 19).map(Self)
    }
}

/// A priority for real time.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct RealTime(pub Bound<u32>);

impl Word for RealTime {
    const ACCEPTS: &'static str = "a number from 0 to 99 with a comparison, as \"<=10\", \"==0\"";

    fn read(text: &str) -> Option<Self> {
        let Bound { comparison, value } = signed(text, 0, 99)?;
        Some(Self(Bound::new(comparison, u32::try_from(value).ok()?)))
    }
}

/// A priority at disks.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct IoPriority(pub IoPriorityAsked);

impl Word for IoPriority {
    const ACCEPTS: &'static str = "none, idle, or realtime or best-effort with or without a level from 0 to 7, as \"best-effort 4\"";

    fn read(text: &str) -> Option<Self> {
        let (class, level) = match text.split_once(' ') {
            Some((class, level)) => (class, Some(small_number(level.trim())?)),
            None => (text, None),
        };
        let class = attribute::number(&IO_CLASSES, class)?;
        // The other classes have none.
        let possible = level.is_none_or(|level| matches!(class, 1 | 2) && level < 8);
        possible.then_some(Self(IoPriorityAsked { class, level }))
    }
}

/// A personality with all its flags.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct Personality(pub u32);

impl Word for Personality {
    const ACCEPTS: &'static str =
        "linux, linux32, or all bits in hexadecimal, as \"0x40000\"; see personality(2)";

    fn read(text: &str) -> Option<Self> {
        let named = attribute::number(&PERSONALITIES, text);
        let bits = || {
            let digits = text.strip_prefix("0x")?;
            // `from_str_radix` takes a sign.
            let all_hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
            all_hex.then(|| u32::from_str_radix(digits, 16).ok())?
        };
        named.or_else(bits).map(Self)
    }
}

/// Mode of a memory policy.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct MemoryMode(pub u32);

impl Word for MemoryMode {
    const ACCEPTS: &'static str = "a mode (default, prefer, bind, interleave, local, prefer-many, weighted-interleave), or a map with it, nodes or flags";

    fn read(text: &str) -> Option<Self> {
        attribute::number(&MEMORY_MODES, text).map(Self)
    }
}

/// Flag of a memory policy.
#[derive(Clone, Copy, Debug)]
pub(in super::super) struct MemoryFlag(pub u32);

impl Word for MemoryFlag {
    const ACCEPTS: &'static str = "static, relative, or balancing";
    const WORDS: &'static [&'static str] = &["static", "relative", "balancing"];

    fn read(text: &str) -> Option<Self> {
        attribute::number(&MEMORY_FLAGS, text).map(Self)
    }
}

/// Memory nodes, ascending.
#[derive(Clone, Debug)]
pub(in super::super) struct NodeList(pub Vec<u32>);

impl Word for NodeList {
    const ACCEPTS: &'static str = "a list of memory nodes, as 0, 0-2 or 0,3";

    fn read(text: &str) -> Option<Self> {
        CpuList::read(text).map(|list| Self(list.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_has_a_sign_and_stays_in_its_range() {
        let score = |text| OomScore::read(text).map(|score| score.0);
        let is = |comparison, value| Some(Bound::new(comparison, value));
        assert_eq!(score("-500"), is(Comparison::Exactly, -500));
        assert_eq!(score("<=0"), is(Comparison::AtMost, 0));
        assert_eq!(score("< 0"), is(Comparison::AtMost, -1));
        assert_eq!(score(">-1000"), is(Comparison::AtLeast, -999));
        for wrong in [
            "",
            "-",
            "--1",
            "+1",
            "1001",
            "<-1000",
            ">1000",
            "max",
            "1.5",
            "99999999999",
        ] {
            assert_eq!(score(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn nice_values_and_priorities_have_their_own_ranges() {
        let nice = |text| Nice::read(text).map(|nice| nice.0.value);
        assert_eq!([nice("-20"), nice("<=19")], [Some(-20), Some(19)]);
        assert_eq!([nice("-21"), nice("20"), nice("")], [None; 3]);
        let priority = |text| RealTime::read(text).map(|priority| priority.0.value);
        assert_eq!([priority("0"), priority("<99")], [Some(0), Some(98)]);
        assert_eq!([priority("-1"), priority("100"), priority("<0")], [None; 3]);
    }

    #[test]
    fn only_classes_with_levels_have_one() {
        let read = |text| {
            let IoPriority(asked) = IoPriority::read(text)?;
            Some((asked.class, asked.level))
        };
        assert_eq!(read("none"), Some((0, None)));
        assert_eq!(read("realtime 0"), Some((1, Some(0))));
        assert_eq!(read("best-effort"), Some((2, None)));
        assert_eq!(read("best-effort  7"), Some((2, Some(7))));
        for wrong in [
            "",
            "best-effort 8",
            "idle 0",
            "none 4",
            "best-effort -1",
            "2",
            "rt",
        ] {
            assert_eq!(read(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn a_personality_has_a_name_or_all_its_bits() {
        let bits = |text| Personality::read(text).map(|personality| personality.0);
        assert_eq!(bits("linux"), Some(0));
        assert_eq!(bits("linux32"), Some(8));
        assert_eq!(bits("0x40008"), Some(0x4_0008));
        for wrong in ["", "0x", "0x+1", "8", "LINUX64", "0x100000000"] {
            assert_eq!(bits(wrong), None, "{wrong}");
        }
    }
}
