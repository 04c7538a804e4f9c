//! Attributes that a process hands on through exec. Owns their ids and words.

use crate::expect::file::document::{Document, TimeOffsets};
use crate::expect::file::form::{At, Text};
use crate::expect::file::word::{OomScore, Seconds, Umask};
use crate::expect::wording::{clock_text, umask_text};
use crate::expect::{Check, Clock};

use super::Translation;

impl Translation<'_> {
    pub(super) fn attributes(&mut self, document: &Document) {
        if let Some(at) = &document.oom_score_adj.0 {
            let Text(OomScore(bound)) = at.value;
            let text = bound.text(ToString::to_string);
            self.add(at.line, "oom_score_adj", text, Check::OomScoreAdj(bound));
        }
        if let Some(at) = &document.umask.0 {
            let Text(Umask(bits)) = at.value;
            self.add(at.line, "umask", umask_text(bits), Check::Umask(bits));
        }
        let check = Check::SessionKeyringPrivate;
        let keyring = &document.session_keyring;
        self.word(keyring, "session_keyring", "not the host's", check);
    }

    pub(super) fn time_offsets(&mut self, at: At<TimeOffsets>) {
        for (clock, asked) in [
            (Clock::Monotonic, at.value.monotonic),
            (Clock::Boottime, at.value.boottime),
        ] {
            let Some(at) = asked.0 else { continue };
            let Text(Seconds(offset)) = at.value;
            let id = format!("time_offsets.{}", clock.name());
            let check = Check::TimeOffset { clock, offset };
            self.add(at.line, id, clock_text(offset), check);
        }
    }
}
