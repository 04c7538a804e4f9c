//! What a bundle may demand of a mount. Owns the words of mount options and of propagation; must
//! not look at a mount table, which the judge does.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

/// How mounts and unmounts spread between a mount and its peers (mount_namespaces(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Propagation {
    /// Nothing goes either way.
    Private,
    /// Nothing goes out.
    Slave,
    /// Both ways.
    Shared,
    /// As private, and it cannot be bound elsewhere.
    Unbindable,
}

impl Propagation {
    /// From the name of a mode, with an `r` before it for all mounts below.
    pub fn named(name: &str) -> Option<Self> {
        match name {
            "private" | "rprivate" => Some(Self::Private),
            "slave" | "rslave" => Some(Self::Slave),
            "shared" | "rshared" => Some(Self::Shared),
            "unbindable" | "runbindable" => Some(Self::Unbindable),
            _ => None,
        }
    }

    /// Lower case.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Private => "private",
            Self::Slave => "slave",
            Self::Shared => "shared",
            Self::Unbindable => "unbindable",
        }
    }
}

/// A mount as a bundle asks for it. What is `None` or not listed is whatever it is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MountRule {
    /// Absolute path inside.
    pub target: String,
    /// Type of the file system.
    pub fs_type: Option<String>,
    /// Options as mountinfo names them, and whether they are to be set.
    pub options: Vec<(Cow<'static, str>, bool)>,
    /// Propagation.
    pub propagation: Option<Propagation>,
    /// Size of a tmpfs in KiB, whole pages.
    pub size_kib: Option<u64>,
    /// Permission bits of a tmpfs.
    pub mode: Option<u32>,
}

/// What mountinfo calls a mount with a map of ids of its own.
pub(super) const IDMAPPED: &str = "idmapped";

/// Options of mount(8) that mountinfo shows: the word, what mountinfo calls it, whether it sets
/// that or takes it away.
const OPTIONS: [(&str, &str, bool); 32] = [
    ("ro", "ro", true),
    ("rro", "ro", true),
    ("rw", "ro", false),
    ("rrw", "ro", false),
    ("nosuid", "nosuid", true),
    ("suid", "nosuid", false),
    ("nodev", "nodev", true),
    ("dev", "nodev", false),
    ("noexec", "noexec", true),
    ("exec", "noexec", false),
    ("noatime", "noatime", true),
    ("atime", "noatime", false),
    ("nodiratime", "nodiratime", true),
    ("diratime", "nodiratime", false),
    ("relatime", "relatime", true),
    ("nosymfollow", "nosymfollow", true),
    ("symfollow", "nosymfollow", false),
    ("rnosuid", "nosuid", true),
    ("rsuid", "nosuid", false),
    ("rnodev", "nodev", true),
    ("rdev", "nodev", false),
    ("rnoexec", "noexec", true),
    ("rexec", "noexec", false),
    ("rnoatime", "noatime", true),
    ("ratime", "noatime", false),
    ("rnodiratime", "nodiratime", true),
    ("rdiratime", "nodiratime", false),
    ("rrelatime", "relatime", true),
    ("rnosymfollow", "nosymfollow", true),
    ("rsymfollow", "nosymfollow", false),
    ("idmap", IDMAPPED, true),
    ("ridmap", IDMAPPED, true),
];

impl MountRule {
    /// Takes in one option; tells whether mountinfo shows it.
    pub fn take(&mut self, word: &str) -> bool {
        if let Some(propagation) = Propagation::named(word) {
            self.propagation = Some(propagation);
            return true;
        }
        let Some((_, name, set)) = OPTIONS.iter().find(|(own, ..)| *own == word) else {
            return false;
        };
        // The last word on an option is the one that counts.
        self.options.retain(|(other, _)| other != name);
        self.options.push((Cow::Borrowed(*name), *set));
        true
    }

    /// Takes in a word of a tmpfs; tells whether it is one. `page` is the size of a page.
    pub fn take_of_tmpfs(&mut self, word: &str, page: u64) -> bool {
        if let Some(size) = word.strip_prefix("size=").and_then(size) {
            // Whole pages, rounded up (shmem_parse_one() in mm/shmem.c); 0 is no limit.
            let size = (size > 0).then(|| size.div_ceil(page).saturating_mul(page) / 1024);
            self.size_kib = size;
            return true;
        }
        if let Some(mode) = word.strip_prefix("mode=") {
            self.mode = u32::from_str_radix(mode, 8).ok();
            return self.mode.is_some();
        }
        false
    }

    /// What is asked, in a few words.
    pub fn text(&self) -> String {
        let mut words: Vec<String> = self.fs_type.iter().cloned().collect();
        for (name, set) in &self.options {
            words.push(match (&**name, *set) {
                ("ro", false) => "rw".to_owned(),
                (name, true) => name.to_owned(),
                (name, false) => format!("without {name}"),
            });
        }
        words.extend(self.propagation.map(|mode| mode.name().to_owned()));
        words.extend(self.size_kib.map(|size| format!("size {size} KiB")));
        words.extend(self.mode.map(|mode| format!("mode {mode:o}")));
        if words.is_empty() {
            return "mounted".to_owned();
        }
        words.join(", ")
    }
}

/// An amount as memparse() of the kernel takes it; a share of memory is not one.
fn size(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| letter.is_ascii_alphabetic());
    let number: u64 = digits.parse().ok()?;
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => 0,
        "k" => 10,
        "m" => 20,
        "g" => 30,
        _ => return None,
    };
    number.checked_mul(1 << shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_on_an_option_counts() {
        let mut rule = MountRule::default();
        for word in ["ro", "nosuid", "suid", "rw", "rslave"] {
            assert!(rule.take(word), "{word}");
        }
        assert!(!rule.take("size=1k"));
        assert_eq!(
            rule.options,
            [("nosuid".into(), false), ("ro".into(), false)]
        );
        assert_eq!(rule.text(), "without nosuid, rw, slave");
        assert!(rule.take("rnosuid"));
        assert_eq!(rule.text(), "rw, nosuid, slave");
    }

    #[test]
    fn every_mode_of_propagation_has_a_name_and_a_recursive_one() {
        for name in ["private", "slave", "shared", "unbindable"] {
            let mode = Propagation::named(name).expect("a mode");
            assert_eq!(mode.name(), name);
            assert_eq!(Propagation::named(&format!("r{name}")), Some(mode));
        }
        assert_eq!(Propagation::named("ro"), None);
    }
}
