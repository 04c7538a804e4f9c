//! What an expectation may demand short of one exact value: comparisons, sets, patterns. Owns
//! their meaning as pure predicates; must not look at a certificate, which the judge does.

use serde::{Deserialize, Serialize};

use std::cmp::Ordering;
use std::fmt;

use crate::event::certificate::UNLIMITED;

/// How what is seen compares with what is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Comparison {
    /// `<=`
    AtMost,
    /// `<`
    Below,
    /// `==`
    Exactly,
    /// `>=`
    AtLeast,
    /// `>`
    Above,
}

impl Comparison {
    /// As it is written.
    pub const fn symbol(self) -> &'static str {
        match self {
            Self::AtMost => "<=",
            Self::Below => "<",
            Self::Exactly => "==",
            Self::AtLeast => ">=",
            Self::Above => ">",
        }
    }
}

/// An amount that something is compared with. For a `u64`, [`UNLIMITED`] is no limit: more than
/// any amount.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bound<T> {
    /// How.
    pub comparison: Comparison,
    /// With what.
    pub value: T,
}

/// An end of a range, and whether the value itself is outside.
type Edge<'a, T> = (&'a T, bool);

impl<T: Ord> Bound<T> {
    /// Whether it holds of what is seen.
    pub fn holds(&self, seen: &T) -> bool {
        let order = seen.cmp(&self.value);
        match self.comparison {
            Comparison::AtMost => order != Ordering::Greater,
            Comparison::Below => order == Ordering::Less,
            Comparison::Exactly => order == Ordering::Equal,
            Comparison::AtLeast => order != Ordering::Less,
            Comparison::Above => order == Ordering::Greater,
        }
    }

    fn low(&self) -> Option<Edge<'_, T>> {
        match self.comparison {
            Comparison::AtLeast | Comparison::Exactly => Some((&self.value, false)),
            Comparison::Above => Some((&self.value, true)),
            Comparison::AtMost | Comparison::Below => None,
        }
    }

    fn high(&self) -> Option<Edge<'_, T>> {
        match self.comparison {
            Comparison::AtMost | Comparison::Exactly => Some((&self.value, false)),
            Comparison::Below => Some((&self.value, true)),
            Comparison::AtLeast | Comparison::Above => None,
        }
    }

    /// Whatever satisfies this satisfies `other`.
    pub fn implies(&self, other: &Self) -> bool {
        let low = match (self.low(), other.low()) {
            (_, None) => true,
            (None, Some(_)) => false,
            // An open end is the stricter one.
            (Some((own, open)), Some((least, least_open))) => {
                own > least || own == least && open >= least_open
            }
        };
        let high = match (self.high(), other.high()) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some((own, open)), Some((most, most_open))) => {
                own < most || own == most && open >= most_open
            }
        };
        low && high
    }

    /// Nothing satisfies both.
    pub fn excludes(&self, other: &Self) -> bool {
        let apart = |low: Option<Edge<'_, T>>, high: Option<Edge<'_, T>>| match (low, high) {
            (Some((low, low_open)), Some((high, high_open))) => {
                low > high || low == high && (low_open || high_open)
            }
            _ => false,
        };
        apart(self.low(), other.high()) || apart(other.low(), self.high())
    }
}

/// The smallest page that Linux has.
const PAGE: u64 = 4096;

impl Bound<u64> {
    /// Of memory the kernel keeps whole pages: what is asked is rounded down as it does.
    #[must_use]
    pub fn in_pages(self) -> Self {
        let value = match self.value {
            UNLIMITED => UNLIMITED,
            // `<max`, which any limit satisfies.
            value if value == UNLIMITED - 1 => value,
            bytes if self.comparison == Comparison::Below => {
                bytes.div_ceil(PAGE).saturating_mul(PAGE)
            }
            bytes => bytes / PAGE * PAGE,
        };
        Self { value, ..self }
    }
}

impl<T> Bound<T> {
    /// With the same comparison.
    pub const fn new(comparison: Comparison, value: T) -> Self {
        Self { comparison, value }
    }

    /// In words, given how an amount is put.
    pub(crate) fn text(&self, amount: impl FnOnce(&T) -> String) -> String {
        format!("{} {}", self.comparison.symbol(), amount(&self.value))
    }
}

/// CPU time for each span of time: 1.5 processors are 3 in each 2, whatever the unit. Ordered by
/// that share, so that 50 of 100 is 1 of 2.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Processors {
    /// Time; [`UNLIMITED`] = no limit.
    pub quota: u64,
    /// In each; never 0.
    pub period: u64,
}

impl Processors {
    /// No limit.
    pub const UNLIMITED: Self = Self {
        quota: UNLIMITED,
        period: 1,
    };
}

impl Ord for Processors {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.quota == UNLIMITED, other.quota == UNLIMITED) {
            (true, true) => Ordering::Equal,
            (true, false) => Ordering::Greater,
            (false, true) => Ordering::Less,
            // Without division; two factors of 64 bits fit.
            (false, false) => (u128::from(self.quota) * u128::from(other.period))
                .cmp(&(u128::from(other.quota) * u128::from(self.period))),
        }
    }
}

impl PartialOrd for Processors {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Processors {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Processors {}

impl fmt::Display for Processors {
    /// To a thousandth of a processor, rounded down.
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.quota == UNLIMITED {
            return out.write_str("no limit");
        }
        let thousandths = u128::from(self.quota) * 1000 / u128::from(self.period.max(1));
        let digits = format!("{:03}", thousandths % 1000);
        match digits.trim_end_matches('0') {
            "" => write!(out, "{} cpus", thousandths / 1000),
            digits => write!(out, "{}.{digits} cpus", thousandths / 1000),
        }
    }
}

/// Which user or group it may be, as its own user namespace numbers them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum IdRule {
    /// This one.
    Exactly(u32),
    /// Any but 0.
    NotRoot,
}

/// What a path must look like.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum PathPattern {
    /// The very text.
    Exactly(String),
    /// The path ends with these components.
    Suffix(String),
    /// A text in which `*` stands for anything, `/` included.
    Glob(String),
}

impl PathPattern {
    /// Absolute paths are meant exactly, a `*` makes a pattern, anything else is a suffix.
    pub fn of(text: &str) -> Self {
        let own = text.to_owned();
        if text.contains('*') {
            Self::Glob(own)
        } else if text.starts_with('/') {
            Self::Exactly(own)
        } else {
            Self::Suffix(own)
        }
    }

    /// As it was written.
    pub fn text(&self) -> &str {
        match self {
            Self::Exactly(text) | Self::Suffix(text) | Self::Glob(text) => text,
        }
    }

    /// Whether `path` looks like it.
    pub fn matches(&self, path: &str) -> bool {
        match self {
            Self::Exactly(text) => path == text,
            Self::Suffix(text) => path
                .strip_suffix(text.as_str())
                .is_some_and(|before| before.is_empty() || before.ends_with('/')),
            Self::Glob(text) => glob(text, path),
        }
    }
}

/// The pieces between the stars, each found as early as can be, which is enough for `*` alone.
fn glob(pattern: &str, text: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else {
        return pattern == text;
    };
    let Some(mut text) = text.strip_prefix(first) else {
        return false;
    };
    let mut pieces = rest.split('*').peekable();
    while let Some(piece) = pieces.next() {
        if pieces.peek().is_none() {
            return text.ends_with(piece);
        }
        match text.split_once(piece) {
            Some((_, behind)) => text = behind,
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const ALL: [Comparison; 5] = [
        Comparison::AtMost,
        Comparison::Below,
        Comparison::Exactly,
        Comparison::AtLeast,
        Comparison::Above,
    ];

    fn bound() -> impl Strategy<Value = Bound<u64>> {
        (0..5_usize, 0..6_u64).prop_map(|(at, value)| Bound::new(ALL[at], value))
    }

    proptest! {
        #[test]
        fn what_implies_and_what_excludes_is_so_of_every_amount(one in bound(), two in bound(), seen in 0..8_u64) {
            if one.implies(&two) && one.holds(&seen) {
                prop_assert!(two.holds(&seen));
            }
            if one.excludes(&two) {
                prop_assert!(!(one.holds(&seen) && two.holds(&seen)));
            }
            prop_assert_eq!(one.excludes(&two), two.excludes(&one));
            prop_assert!(one.implies(&one));
        }

        #[test]
        fn a_pattern_of_stars_and_letters_agrees_with_a_plain_search(pattern in "[ab*]{0,6}", text in "[ab]{0,6}") {
            fn plain(pattern: &[u8], text: &[u8]) -> bool {
                match pattern.split_first() {
                    None => text.is_empty(),
                    Some((b'*', rest)) => (0..=text.len()).any(|at| plain(rest, &text[at..])),
                    Some((letter, rest)) => text
                        .split_first()
                        .is_some_and(|(first, behind)| first == letter && plain(rest, behind)),
                }
            }
            prop_assert_eq!(glob(&pattern, &text), plain(pattern.as_bytes(), text.as_bytes()));
        }
    }

    #[test]
    fn processors_compare_by_share_and_no_limit_is_the_most() {
        let share = |quota, period| Processors { quota, period };
        assert_eq!(share(50, 100), share(1, 2));
        assert!(share(3, 2) > share(149, 100));
        assert!(Processors::UNLIMITED > share(u64::MAX - 1, 1));
        assert_eq!(share(3, 2).to_string(), "1.5 cpus");
        assert_eq!(share(2, 1).to_string(), "2 cpus");
        assert_eq!(Processors::UNLIMITED.to_string(), "no limit");
    }

    #[test]
    fn a_suffix_is_whole_components() {
        let suffix = PathPattern::of("box.scope");
        assert!(suffix.matches("/a/box.scope"));
        assert!(suffix.matches("box.scope"));
        assert!(!suffix.matches("/a/inbox.scope"));
        assert!(PathPattern::of("/a/*.scope").matches("/a/b/c.scope"));
        assert!(!PathPattern::of("/a").matches("/a/b"));
    }
}
