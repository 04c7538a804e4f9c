//! Attributes that a process hands on through exec. Owns which of them are worth expecting.

use crate::event::certificate::{Certificate, ClockOffset};
use crate::event::{KeySerial, NamespaceKind};
use crate::expect::wording::{clock_text, umask_text};

use super::{Observed, differs};

impl Observed {
    pub(super) fn attributes(&mut self, facts: &Certificate, host: &Certificate) {
        let whose = |same| {
            if same {
                "as tracer's own"
            } else {
                "not tracer's own"
            }
        };
        if let Some(score) = facts.oom_score_adj() {
            let comment = whose(host.oom_score_adj() == Some(score));
            self.one("oom_score_adj", format!("\"=={score}\""), comment);
        }
        if let Some(bits) = facts.umask() {
            let comment = whose(host.umask() == Some(bits));
            self.one("umask", umask_text(bits), comment);
        }
        let keyring = facts.session_keyring();
        if keyring.is_some_and(|own| own != KeySerial(0)) && keyring != host.session_keyring() {
            self.one("session_keyring", "private", "not tracer's own");
        }
        if let Some(offsets) = facts.time_offsets()
            && differs(NamespaceKind::Time, facts, host)
        {
            let map = format!(
                "{{ monotonic: {}, boottime: {} }}",
                seconds(offsets.monotonic),
                seconds(offsets.boottime)
            );
            self.one("time_offsets", map, "seconds, in its own time namespace");
        }
    }
}

/// As the file has it: in YAML a plus sign and a unit are none of a number.
fn seconds(offset: ClockOffset) -> String {
    let text = clock_text(offset);
    let text = text.trim_end_matches(" s");
    text.strip_prefix('+').unwrap_or(text).to_owned()
}
