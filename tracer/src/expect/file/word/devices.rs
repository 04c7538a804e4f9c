//! Words for devices. Owns their grammar.

use crate::event::device::DeviceSet;
use crate::expect::file::form::Word;

/// Devices by a word.
#[derive(Clone, Copy, Debug)]
pub(in crate::expect::file) enum DeviceGroup {
    None,
    Default,
    All,
}

impl Word for DeviceGroup {
    const ACCEPTS: &'static str =
        "a list of devices, none, default for those that every OCI runtime supplies, or all";
    const WORDS: &'static [&'static str] = &["none", "default", "all"];

    fn read(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Self::None),
            "default" => Some(Self::Default),
            "all" => Some(Self::All),
            _ => None,
        }
    }
}

/// Devices in a list.
#[derive(Clone, Copy, Debug)]
pub(in crate::expect::file) enum DeviceWord {
    Group(DeviceGroup),
    Set(DeviceSet),
}

impl Word for DeviceWord {
    const ACCEPTS: &'static str = "devices and what can be done with them, as \"c 1:3 rw\" or \"b *:* m\" (block or character, major:minor, read, write, mknod), or default";

    fn read(text: &str) -> Option<Self> {
        let set = || DeviceSet::read(text).map(Self::Set);
        DeviceGroup::read(text).map(Self::Group).or_else(set)
    }
}
