//! Words for mounts. Owns their grammar.

use crate::expect::file::form::Word;
use crate::expect::mount::MountRule;

/// An absolute path inside.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::expect::file) struct Place(pub String);

impl Word for Place {
    const ACCEPTS: &'static str = "an absolute path inside the container, as /proc/kcore";

    fn read(text: &str) -> Option<Self> {
        let plain = text
            .split('/')
            .skip(1)
            .all(|part| !matches!(part, "." | ".."));
        (text.starts_with('/') && plain).then(|| Self(text.to_owned()))
    }
}

/// Something is mounted there.
#[derive(Clone, Copy, Debug)]
pub(in crate::expect::file) struct Mounted;

impl Word for Mounted {
    const ACCEPTS: &'static str =
        "mounted, a list of options as [ro, nosuid], or { type: ..., options: [...] }";
    const WORDS: &'static [&'static str] = &["mounted"];

    fn read(text: &str) -> Option<Self> {
        (text == "mounted").then_some(Self)
    }
}

/// One option of a mount, as mount(8) has it.
#[derive(Clone, Debug)]
pub(in crate::expect::file) struct MountOption(pub String);

impl Word for MountOption {
    const ACCEPTS: &'static str = "an option that a mount shows, as ro, nosuid, nodev, noexec, noatime, idmap, a propagation as rslave, or of a tmpfs size=64m or mode=755";

    fn read(text: &str) -> Option<Self> {
        let mut rule = MountRule::default();
        let known = rule.take(text) || rule.take_of_tmpfs(text, 1);
        known.then(|| Self(text.to_owned()))
    }
}
