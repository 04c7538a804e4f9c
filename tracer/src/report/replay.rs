//! What sets the report of a replay apart from that of the run itself: another question, or a
//! recording that is cut off. Owns these fields and their words.

use std::io::{self, Write};

use serde::{Deserialize, Serialize};

use crate::recording::Cut;

use super::escape::escape;

/// At least one of the two.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Replay {
    /// Flags that say by what it was judged, in place of what was recorded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub judged_anew_by: Vec<String>,
    /// The recording is cut off: what is in the report is what came before. Nothing of it is
    /// final, and times taken are 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cut: Option<Cut>,
}

impl Replay {
    /// `None` where nothing sets it apart.
    #[must_use]
    pub fn new(judged_anew_by: Vec<String>, cut: Option<Cut>) -> Option<Self> {
        let replay = Self {
            judged_anew_by,
            cut,
        };
        (replay != Self::default()).then_some(replay)
    }

    /// In words, a sentence each.
    pub(super) fn sentences(&self) -> Vec<String> {
        let anew = (!self.judged_anew_by.is_empty()).then(|| {
            let flags = self.judged_anew_by.join(", ");
            format!("judged anew by {flags}, in place of what was recorded")
        });
        anew.into_iter().chain(self.cut.map(of_cut)).collect()
    }
}

/// What follows from it.
pub(crate) fn of_cut(cut: Cut) -> String {
    format!("the recording is cut off: {cut}; what came after cannot be known")
}

/// The same in short, for each thing that rests on what is missing.
pub(crate) fn missing_behind(cut: Cut) -> String {
    format!("the recording is cut off after {} frames", cut.frames)
}

/// Before the last line of a report for people.
pub(super) fn lines(replay: Option<&Replay>, out: &mut dyn Write) -> io::Result<()> {
    for sentence in replay.iter().flat_map(|replay| replay.sentences()) {
        writeln!(out, "{}", escape(&sentence))?;
    }
    Ok(())
}
