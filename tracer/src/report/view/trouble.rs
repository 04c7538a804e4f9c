//! What is wrong with the whole, beyond any container, as cases. Owns their words.

use crate::recording::Cut;
use crate::report::replay::of_cut;
use crate::verdict::Verdict;

use super::{Case, Suite};

/// A recording that is cut off.
pub(super) fn cut_off(cut: Cut) -> Case {
    Case {
        id: "recording".to_owned(),
        asked: "a whole recording".to_owned(),
        seen: format!("{} frames, {} bytes", cut.frames, cut.bytes),
        verdict: Verdict::Inconclusive,
        origin: "always".to_owned(),
        reason: Some(of_cut(cut)),
        evidence: Vec::new(),
    }
}

/// That there is nothing to judge, or that something may be missing. A format that shows cases alone
/// must not be green when the whole is not.
pub(super) fn of_verification(
    outcome: &str,
    verdict: Verdict,
    ended: &str,
    suites: &[Suite],
    waiting: impl Iterator<Item = String>,
) -> Vec<Case> {
    let told = |suite: &Suite| suite.verdict.is_some_and(|found| found != Verdict::Pass);
    let (seen, reason) = match outcome {
        "command_failed" => (ended, "the command failed before it made a container"),
        "no_container" => ("none", "the command made no container that was selected"),
        _ if verdict != Verdict::Pass && !suites.iter().any(told) => (
            "those that are listed",
            "records are missing: a container may not have been seen",
        ),
        _ => return Vec::new(),
    };
    let reasons = std::iter::once(reason.to_owned()).chain(waiting);
    vec![Case {
        id: "containers".to_owned(),
        asked: "a container to judge".to_owned(),
        seen: seen.to_owned(),
        verdict,
        origin: "always".to_owned(),
        reason: Some(reasons.collect::<Vec<_>>().join("; ")),
        evidence: Vec::new(),
    }]
}
