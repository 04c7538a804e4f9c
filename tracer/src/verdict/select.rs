//! Which of the containers of a verification are judged. Owns the choice, and what it leaves open.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::event::KernelPath;
use crate::expect::PathPattern;
use crate::model::Birth;

use super::{Item, Surroundings, Verdict};

/// What engines say of a container's labels, which no record has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Labels {
    /// These, by key.
    Are(BTreeMap<String, String>),
    /// Nobody could say, and why.
    Unknown(String),
}

/// Which containers are judged.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Select {
    /// All but a runtime's own stages.
    #[default]
    Payloads,
    /// All.
    All,
    /// The one of this number.
    Number(usize),
    /// Those of the payloads whose id begins so.
    Id(String),
    /// Those of the payloads that this program made.
    Runtime(String),
    /// Those of the payloads that are this program, by its path or the path's last component.
    Program(String),
    /// Those of the payloads one of whose own cgroups has a path that looks like this.
    Cgroup(PathPattern),
    /// Those of the payloads that an engine has given this label, of that value or any.
    Label(String, Option<String>),
}

/// As it is written on the command line.
impl fmt::Display for Select {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Payloads => out.write_str("payloads"),
            Self::All => out.write_str("all"),
            Self::Number(number) => write!(out, "{number}"),
            Self::Id(prefix) => write!(out, "id={prefix}"),
            Self::Runtime(name) => write!(out, "runtime={name}"),
            Self::Program(name) => write!(out, "program={name}"),
            Self::Cgroup(pattern) => write!(out, "cgroup={}", pattern.text()),
            Self::Label(key, None) => write!(out, "label={key}"),
            Self::Label(key, Some(value)) => write!(out, "label={key}={value}"),
        }
    }
}

impl Select {
    /// Whether it takes containers that are a runtime's own stages, too.
    #[must_use]
    pub fn names_stages(&self) -> bool {
        matches!(self, Self::All | Self::Number(_))
    }

    /// Whether engines must be asked for this container: no record has labels, and who has no id is no
    /// engine's.
    #[must_use]
    pub fn asks(&self, birth: &Birth) -> bool {
        matches!(self, Self::Label(..)) && birth.id.is_some()
    }

    /// Whether it takes this container. One that may be meant is taken.
    #[must_use]
    pub fn takes(&self, birth: &Birth, stage: bool, around: &Surroundings) -> bool {
        match self {
            Self::All => true,
            Self::Number(number) => birth.number == *number,
            // Whether a runtime's own stage shows as a container of the same id is a matter of
            // moments: who names a payload does not mean it.
            _ if stage => false,
            Self::Payloads => true,
            Self::Id(prefix) => {
                let id = birth.id.as_deref();
                id.is_some_and(|id| id.starts_with(prefix.as_str()))
            }
            Self::Runtime(name) => birth.runtime.as_deref() == Some(name),
            Self::Cgroup(pattern) => {
                let mut paths = birth.cgroup_paths.iter();
                paths.any(|path| pattern.matches(path))
            }
            Self::Label(key, value) => {
                let labels = around.labels.get(&birth.seq);
                birth.id.is_some() && may_bear(key, value.as_deref(), labels)
            }
            Self::Program(name) => birth
                .certificate
                .filename()
                .is_none_or(|path| may_be(name, &path)),
        }
    }

    /// Why it is not sure that a container that was taken is meant; `None` = it is.
    #[must_use]
    pub fn unsure(&self, birth: &Birth, around: &Surroundings) -> Option<Item> {
        let reason = if matches!(self, Self::Program(_)) {
            match birth.certificate.filename() {
                None => "the path that it was executed by is not known",
                Some(path) if path.cut => {
                    "the path that it was executed by is longer than the record has room for"
                }
                Some(_) => return None,
            }
        } else if self.asks(birth) {
            unknown(around.labels.get(&birth.seq))?
        } else {
            return None;
        };
        Some(Item {
            id: "selected".to_owned(),
            asked: self.to_string(),
            seen: "cannot be known".to_owned(),
            verdict: Verdict::Inconclusive,
            origin: "--select".to_owned(),
            reason: Some(reason.to_owned()),
            evidence: Vec::new(),
        })
    }
}

/// Whether what was executed by this path is that program, for all that is known.
fn may_be(name: &str, path: &KernelPath) -> bool {
    if path.cut {
        // The last component is not known, and of the others those that there was room for.
        return !name.contains('/') || name.starts_with(path.text.as_str());
    }
    path.text == name || path.text.rsplit('/').next() == Some(name)
}

/// Whether a container has the label, for all that is known.
fn may_bear(key: &str, value: Option<&str>, labels: Option<&Labels>) -> bool {
    match labels {
        Some(Labels::Are(labels)) => labels
            .get(key)
            .is_some_and(|own| value.is_none_or(|value| value == own)),
        Some(Labels::Unknown(_)) | None => true,
    }
}

/// Why labels are not known; `None` = they are.
fn unknown(labels: Option<&Labels>) -> Option<&str> {
    match labels {
        Some(Labels::Are(_)) => None,
        Some(Labels::Unknown(reason)) => Some(reason),
        None => Some("nobody was asked for its labels"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_its_key_or_its_key_and_value() {
        let labels = BTreeMap::from([("job".to_owned(), "7".to_owned())]);
        let labels = Labels::Are(labels);
        let may = |key: &str, value: Option<&str>| may_bear(key, value, Some(&labels));
        assert!(may("job", None) && may("job", Some("7")));
        assert!(!may("job", Some("8")) && !may("jo", None) && !may("other", Some("7")));
        assert_eq!(unknown(Some(&labels)), None);
    }

    #[test]
    fn a_program_is_its_path_or_the_last_of_it_and_may_be_what_is_cut() {
        let path = |text: &str, cut| KernelPath {
            text: text.into(),
            cut,
        };
        let whole = path("/usr/bin/server", false);
        assert!(may_be("server", &whole) && may_be("/usr/bin/server", &whole));
        assert!(!may_be("serve", &whole) && !may_be("/bin/server", &whole));
        let cut = path("/a/long/pa", true);
        assert!(may_be("server", &cut) && may_be("/a/long/path/server", &cut));
        assert!(!may_be("/b/server", &cut) && !may_be("/a/long", &cut));
    }

    #[test]
    fn who_may_bear_it_is_taken_and_is_not_sure() {
        let silent = Labels::Unknown("no answer".to_owned());
        for labels in [None, Some(&silent)] {
            assert!(may_bear("job", Some("7"), labels));
            assert!(unknown(labels).is_some());
        }
        assert_eq!(unknown(Some(&silent)), Some("no answer"));
    }
}
