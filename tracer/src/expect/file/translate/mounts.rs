//! What is mounted where. Owns the reading of a mount's options.

use crate::expect::Check;
use crate::expect::file::document::{Document, Mount, MountForm};
use crate::expect::file::form::{Form, Text};
use crate::expect::file::word::MountOption;
use crate::expect::mount::MountRule;

use super::Translation;

/// The smallest page that Linux has.
const PAGE: u64 = 4096;

impl Translation<'_> {
    /// Where they are, in the order of the file's keys.
    pub(super) fn mounts(&mut self, document: &Document) {
        for (place, at) in document.mounts.0.iter().flat_map(|at| &at.value) {
            let rule = rule(&place.0, &at.value);
            let id = format!("mount.{}", place.0);
            self.add(at.line, id, rule.text(), Check::MountRule(rule));
        }
        for at in document.masked.0.iter().flat_map(|at| &at.value) {
            let path = at.value.0.0.clone();
            let (id, absent) = (format!("masked.{path}"), false);
            self.add(
                at.line,
                id,
                "shows nothing",
                Check::PathMasked { path, absent },
            );
        }
        for at in document.read_only.0.iter().flat_map(|at| &at.value) {
            let path = at.value.0.0.clone();
            let (id, absent) = (format!("read_only.{path}"), false);
            self.add(
                at.line,
                id,
                "read-only",
                Check::PathReadOnly { path, absent },
            );
        }
    }
}

fn rule(place: &str, form: &MountForm) -> MountRule {
    let mut rule = MountRule {
        target: place.to_owned(),
        ..MountRule::default()
    };
    let options: &[Text<MountOption>] = match form {
        Form::Word(_) => &[],
        Form::List(options) => options,
        Form::Map(Mount { fs_type, options }) => {
            rule.fs_type = fs_type.0.as_ref().map(|at| at.value.0.0.clone());
            options.0.as_ref().map_or(&[], |at| at.value.as_slice())
        }
    };
    for Text(MountOption(word)) in options {
        if !rule.take(word) {
            rule.take_of_tmpfs(word, PAGE);
        }
    }
    rule
}
