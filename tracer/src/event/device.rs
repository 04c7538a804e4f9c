//! Device numbers and what may be done with a device, as the kernel's device cgroups know them.
//! Owns these words and their text, which is that of the v1 controller's files: `c 1:3 rwm`.

use serde::{Deserialize, Serialize};

use std::fmt;

/// Block or character devices, by the bit that stands for them in the kernel
/// (include/linux/device_cgroup.h, `DEVCG_DEV_BLOCK`; the same as `BPF_DEVCG_DEV_BLOCK`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum DeviceKind {
    /// Block devices.
    Block,
    /// Character devices.
    Character,
}

impl DeviceKind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Block, Self::Character];

    /// The bit that stands for it.
    pub const fn bit(self) -> u8 {
        match self {
            Self::Block => 1,
            Self::Character => 2,
        }
    }
}

/// What may be done, a bit each, as `DEVCG_ACC_MKNOD` and its like have it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Access(pub u8);

impl Access {
    /// Nothing.
    pub const NONE: Self = Self(0);
    /// A device file can be made.
    pub const MKNOD: Self = Self(1);
    /// It can be opened for reading.
    pub const READ: Self = Self(2);
    /// It can be opened for writing.
    pub const WRITE: Self = Self(4);
    /// All three.
    pub const ALL: Self = Self(7);

    /// What is in either.
    #[must_use]
    pub const fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }

    /// What is in both.
    #[must_use]
    pub const fn and(self, other: Self) -> Self {
        Self(self.0 & other.0)
    }

    /// What is in this and not in the other.
    #[must_use]
    pub const fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is nothing in it.
    pub const fn is_none(self) -> bool {
        self.0 == 0
    }

    /// From letters `r`, `w` and `m`; `None` = there is another, or none.
    pub fn read(letters: &str) -> Option<Self> {
        let one = |letter| match letter {
            'r' => Some(Self::READ),
            'w' => Some(Self::WRITE),
            'm' => Some(Self::MKNOD),
            _ => None,
        };
        let mut all = Self::NONE;
        for letter in letters.chars() {
            all = all.or(one(letter)?);
        }
        (!all.is_none()).then_some(all)
    }
}

impl fmt::Display for Access {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (bit, letter) in [(Self::READ, "r"), (Self::WRITE, "w"), (Self::MKNOD, "m")] {
            if !self.and(bit).is_none() {
                out.write_str(letter)?;
            }
        }
        Ok(())
    }
}

/// A set of devices and what may or may not be done with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceSet {
    /// Of this kind; `None` = of both.
    pub kind: Option<DeviceKind>,
    /// With this major number; `None` = with any.
    pub major: Option<u32>,
    /// With this minor number; `None` = with any.
    pub minor: Option<u32>,
    /// What may be done.
    pub access: Access,
}

impl DeviceSet {
    /// Every device, everything.
    pub const EVERY: Self = Self {
        kind: None,
        major: None,
        minor: None,
        access: Access::ALL,
    };

    /// What of `access` it says of a device.
    pub fn of(&self, kind: DeviceKind, major: u32, minor: u32) -> Access {
        let fits = self.kind.is_none_or(|own| own == kind)
            && self.major.is_none_or(|own| own == major)
            && self.minor.is_none_or(|own| own == minor);
        if fits { self.access } else { Access::NONE }
    }

    /// From the text that a v1 controller would take; `None` = it would not.
    pub fn read(text: &str) -> Option<Self> {
        let mut words = text.split_ascii_whitespace();
        let (kind, numbers, access) = (words.next()?, words.next(), words.next());
        let kind = match kind {
            "a" => None,
            "b" => Some(DeviceKind::Block),
            "c" => Some(DeviceKind::Character),
            _ => return None,
        };
        if words.next().is_some() {
            return None;
        }
        let number = |text: &str| match text {
            "*" => Some(None),
            text => text.parse().ok().map(Some),
        };
        let (major, minor) = numbers.unwrap_or("*:*").split_once(':')?;
        Some(Self {
            kind,
            major: number(major)?,
            minor: number(minor)?,
            access: access.map_or(Some(Access::ALL), Access::read)?,
        })
    }
}

impl fmt::Display for DeviceSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kind = match self.kind {
            None => "a",
            Some(DeviceKind::Block) => "b",
            Some(DeviceKind::Character) => "c",
        };
        let number = |number: Option<u32>| number.map_or_else(|| "*".to_owned(), |n| n.to_string());
        let (major, minor) = (number(self.major), number(self.minor));
        write!(out, "{kind} {major}:{minor} {}", self.access)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_set_reads_as_it_is_written() {
        for text in ["c 1:3 rwm", "b *:* m", "a *:* rwm", "c 136:* rw"] {
            let set = DeviceSet::read(text).expect(text);
            assert_eq!(set.to_string(), text);
        }
        assert_eq!(DeviceSet::read("a"), Some(DeviceSet::EVERY));
        for text in ["", "d 1:3 r", "c 1 r", "c 1:3 x", "c x:3 r", "c 1:3 r w"] {
            assert_eq!(DeviceSet::read(text), None, "{text}");
        }
    }
}
