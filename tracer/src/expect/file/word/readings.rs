//! Words for files in which the kernel tells more. Owns their grammar.

use crate::expect::file::form::Word;
use crate::expect::reading::NodeKind;

/// A file of a cgroup: its controller, a dot, the rest.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::expect::file) struct CgroupFileName(pub String);

impl Word for CgroupFileName {
    const ACCEPTS: &'static str = "the name of a file of a cgroup, as memory.swap.max";

    fn read(text: &str) -> Option<Self> {
        let plain = |letter: char| letter.is_ascii_alphanumeric() || "._-".contains(letter);
        let (controller, rest) = text.split_once('.')?;
        let named = !controller.is_empty() && !rest.is_empty() && text.len() <= 64;
        (named && text.chars().all(plain)).then(|| Self(text.to_owned()))
    }
}

/// A value below /proc/sys: parts with dots between.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::expect::file) struct Sysctl(pub String);

impl Word for Sysctl {
    const ACCEPTS: &'static str = "the name of a value below /proc/sys, as net.ipv4.ip_forward";

    fn read(text: &str) -> Option<Self> {
        crate::expect::reading::sysctl_parts(text).map(|_| Self(text.to_owned()))
    }
}

/// What stands in a file.
#[derive(Clone, Debug)]
pub(in crate::expect::file) struct Contents(pub String);

impl Word for Contents {
    const ACCEPTS: &'static str = "what stands there, as 0, \"<=64Mi\", max, or whole lines";

    fn read(text: &str) -> Option<Self> {
        (!text.trim().is_empty()).then(|| Self(text.trim().to_owned()))
    }
}

/// A device file.
#[derive(Clone, Copy, Debug)]
pub(in crate::expect::file) struct Node {
    pub kind: NodeKind,
    pub device: Option<(u32, u32)>,
}

impl Word for Node {
    const ACCEPTS: &'static str = "a kind and the device's numbers, as \"c 10:229\" or \"b 8:0\"";

    fn read(text: &str) -> Option<Self> {
        let (kind, numbers) = text.split_once(' ')?;
        let kind = match kind {
            "c" => NodeKind::Character,
            "b" => NodeKind::Block,
            _ => return None,
        };
        let (major, minor) = numbers.trim().split_once(':')?;
        let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        let number = |text: &str| digits(text).then(|| text.parse().ok())?;
        let device = Some((number(major)?, number(minor)?));
        Some(Self { kind, device })
    }
}
