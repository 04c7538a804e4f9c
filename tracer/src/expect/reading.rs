//! What is expected of files in which the kernel tells more of a container than its certificate
//! has: files of its cgroup, values below /proc/sys, device files, interfaces, labels of security
//! modules. Owns the rules as pure predicates, and which places they call for; must not read them.

pub mod resource;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::condition::{Bound, Comparison};
use super::{Check, Expectation, cpu_list, file};
use crate::event::certificate::UNLIMITED;

/// A place to read.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// A file of its cgroup, in the hierarchy that has the controller of that name.
    CgroupFile(String),
    /// A value below /proc/sys, as its own namespaces have it; parts with dots between.
    Sysctl(String),
    /// A device file, by its absolute path inside.
    DeviceNode(String),
    /// An interface of its network namespace.
    NetDevice(String),
    /// The label that a security module gives it.
    Label(SecurityModule),
}

/// A security module of the kernel's that labels processes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecurityModule {
    /// Labels are names of profiles.
    AppArmor,
    /// Labels are contexts.
    SeLinux,
}

impl SecurityModule {
    /// Both.
    pub const ALL: [Self; 2] = [Self::AppArmor, Self::SeLinux];

    /// Lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AppArmor => "apparmor",
            Self::SeLinux => "selinux",
        }
    }

    /// As it calls itself.
    #[must_use]
    pub const fn title(self) -> &'static str {
        match self {
            Self::AppArmor => "AppArmor",
            Self::SeLinux => "SELinux",
        }
    }
}

/// What a place was found to hold.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Reading {
    /// This text, without the end of its last line.
    Text(String),
    /// This device file.
    Device(DeviceNode),
    /// There is no such thing.
    Missing,
    /// It could not be read, and why.
    Unread(String),
}

/// What was read about a container as its payload was executed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Vec<(Place, Reading)>", into = "Vec<(Place, Reading)>")]
pub struct Readings(pub BTreeMap<Place, Reading>);

impl From<Vec<(Place, Reading)>> for Readings {
    fn from(all: Vec<(Place, Reading)>) -> Self {
        Self(all.into_iter().collect())
    }
}

impl From<Readings> for Vec<(Place, Reading)> {
    fn from(all: Readings) -> Self {
        all.0.into_iter().collect()
    }
}

/// A device file as stat(2) has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceNode {
    /// What kind of file it is.
    pub kind: NodeKind,
    /// Major number of the device; 0 of a fifo.
    pub major: u32,
    /// Minor number.
    pub minor: u32,
    /// Permission bits.
    pub mode: u32,
    /// Owner, in the initial user namespace.
    pub uid: u32,
    /// Group, in the initial user namespace.
    pub gid: u32,
}

/// Kinds of files that `linux.devices` can ask for, and all others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NodeKind {
    /// A block device.
    Block,
    /// A character device.
    Character,
    /// A named pipe.
    Fifo,
    /// Anything else.
    Other,
}

impl NodeKind {
    /// In words.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Block => "block device",
            Self::Character => "character device",
            Self::Fifo => "fifo",
            Self::Other => "no device file",
        }
    }
}

/// A device file that must be there. What is `None` is whatever it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodeAsked {
    /// Absolute, inside.
    pub path: String,
    /// What kind of file.
    pub kind: NodeKind,
    /// Major and minor number of the device.
    pub device: Option<(u32, u32)>,
    /// Permission bits.
    pub mode: Option<u32>,
    /// Owner, in the initial user namespace.
    pub uid: Option<u32>,
    /// Group, in the initial user namespace.
    pub gid: Option<u32>,
}

impl NodeAsked {
    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        let device = self.device;
        let numbers = device.map(|(major, minor)| format!("{major}:{minor}"));
        let mode = self.mode.map(|mode| format!("mode {mode:04o}"));
        let uid = self.uid.map(|uid| format!("uid {uid}"));
        let gid = self.gid.map(|gid| format!("gid {gid}"));
        let kind = Some(self.kind.name().to_owned());
        let parts = [kind, numbers, mode, uid, gid];
        parts.into_iter().flatten().collect::<Vec<_>>().join(" ")
    }

    /// What of it is otherwise.
    #[must_use]
    pub fn differs(&self, seen: &DeviceNode) -> Vec<&'static str> {
        let is = |asked: Option<u32>, seen: u32| asked.is_none_or(|asked| asked == seen);
        let device = self.device.is_none_or(|device| {
            let numbered = matches!(self.kind, NodeKind::Block | NodeKind::Character);
            !numbered || device == (seen.major, seen.minor)
        });
        let all = [
            (self.kind == seen.kind, "kind"),
            (device, "device number"),
            (is(self.mode, seen.mode), "mode"),
            (is(self.uid, seen.uid), "owner"),
            (is(self.gid, seen.gid), "group"),
        ];
        let wrong = all.into_iter().filter(|(right, _)| !right);
        wrong.map(|(_, what)| what).collect()
    }
}

/// A file of a cgroup and what must stand in it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileAsked {
    /// Its name, as `memory.swap.max`.
    pub name: String,
    /// What must stand there.
    pub rule: FileRule,
}

/// What must stand in a file of a cgroup.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileRule {
    /// A number that compares so. `max` and -1 are more than any amount.
    Number(Bound<u64>),
    /// These numbers and no others, as lists of processors have them.
    Set(Vec<u32>),
    /// For each of these a line that begins with the same word and has all the others; of none, no line.
    Lines(Vec<String>),
}

impl FileRule {
    /// From what is asked for a file of this name, as it would be written to the file, or a
    /// comparison.
    #[must_use]
    pub fn of(name: &str, text: &str) -> Self {
        let text = text.trim();
        if name.starts_with("cpuset.")
            && let Some(list) = cpu_list(text)
        {
            return Self::Set(list);
        }
        if let Some(bound) = amount(text) {
            return Self::Number(if counts_pages(name) {
                bound.in_pages()
            } else {
                bound
            });
        }
        let lines = text.lines().filter(|line| !line.trim().is_empty());
        Self::Lines(lines.map(str::to_owned).collect())
    }

    /// Exactly this number.
    #[must_use]
    pub const fn exactly(value: u64) -> Self {
        Self::Number(Bound::new(Comparison::Exactly, value))
    }

    /// In words.
    #[must_use]
    pub fn text(&self) -> String {
        match self {
            Self::Number(bound) => bound.text(|value| match *value {
                UNLIMITED => "max".to_owned(),
                value => value.to_string(),
            }),
            Self::Set(list) => super::wording::list_text(list),
            Self::Lines(lines) if lines.is_empty() => "empty".to_owned(),
            Self::Lines(lines) => lines.join("; "),
        }
    }

    /// Whether it holds of what stands in the file; `None` = it is no number where one is asked
    /// for, or no list.
    #[must_use]
    pub fn holds(&self, text: &str) -> Option<bool> {
        match self {
            Self::Number(bound) => Some(bound.holds(&number(text)?)),
            Self::Set(list) => Some(cpu_list(text.trim())? == *list),
            Self::Lines(lines) if lines.is_empty() => Some(text.trim().is_empty()),
            Self::Lines(lines) => Some(lines.iter().all(|asked| has_line(text, asked))),
        }
    }
}

/// A number with or without a comparison, and with a unit as the kernel's files or people have it.
fn amount(text: &str) -> Option<Bound<u64>> {
    if text == "-1" {
        return Some(Bound::new(Comparison::Exactly, UNLIMITED));
    }
    let of_kernel = text.ends_with(['K', 'M', 'G', 'T']);
    file::amount(text).or_else(|| of_kernel.then(|| file::amount(&format!("{text}i")))?)
}

/// Files in which the kernel keeps whole pages.
fn counts_pages(name: &str) -> bool {
    name.starts_with("memory.") && !name.ends_with("swappiness") && !name.ends_with("group")
}

/// What v1 shows where there is no limit: the most pages that fit into a signed number.
const MOST_PAGES: u64 = i64::MAX as u64 / 4096 * 4096;

fn number(text: &str) -> Option<u64> {
    match text.trim() {
        "max" | "-1" => Some(UNLIMITED),
        digits => digits.parse().ok().map(|value| match value {
            MOST_PAGES => UNLIMITED,
            value => value,
        }),
    }
}

/// A line that begins with the first word that is asked for and has the rest.
fn has_line(text: &str, asked: &str) -> bool {
    let mut words = asked.split_whitespace();
    let Some(first) = words.next() else {
        return true;
    };
    let line = text
        .lines()
        .map(|line| line.split_whitespace().collect::<Vec<_>>())
        .find(|line| line.first() == Some(&first));
    line.is_some_and(|line| words.all(|word| line.iter().skip(1).any(|there| *there == word)))
}

/// The parts of a value's name, which are the parts of its path below /proc/sys: with dots between,
/// or with slashes where a slash comes first, as sysctl(8) has it. `None` = it is no such name.
#[must_use]
pub fn sysctl_parts(key: &str) -> Option<Vec<String>> {
    let first = key.find(['.', '/'])?;
    let slashes = key[first..].starts_with('/');
    let (between, other) = if slashes { ('/', '.') } else { ('.', '/') };
    let parts: Vec<String> = key
        .split(between)
        .map(|part| {
            if slashes {
                part.to_owned()
            } else {
                part.replace(other, ".")
            }
        })
        .collect();
    let plain =
        |part: &String| !part.is_empty() && part != "." && part != ".." && !part.contains('\0');
    parts.iter().all(plain).then_some(parts)
}

/// Every place that these call for, each once.
#[must_use]
pub fn places(expectations: &[Expectation]) -> Vec<Place> {
    let mut all: Vec<Place> = expectations
        .iter()
        .flat_map(|one| of_check(&one.check))
        .collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn of_check(check: &Check) -> Vec<Place> {
    match check {
        Check::CgroupFile(files) => {
            let names = files.iter().map(|file| file.name.clone());
            names.map(Place::CgroupFile).collect()
        }
        Check::Sysctl { key, .. } => vec![Place::Sysctl(key.clone())],
        Check::DeviceNode(asked) => vec![Place::DeviceNode(asked.path.clone())],
        Check::NetDevice(name) => vec![Place::NetDevice(name.clone())],
        Check::Label { module, .. } => vec![Place::Label(*module)],
        _ => Vec::new(),
    }
}
