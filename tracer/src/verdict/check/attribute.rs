//! What a process hands on through exec: how soon it is killed for memory, umask, session keyring,
//! clocks. Owns their comparison.

use crate::event::KeySerial;
use crate::event::certificate::{Certificate, ClockOffset};
use crate::expect::wording::{clock_text, umask_text};
use crate::expect::{Bound, Clock};

use super::super::finding::{Facts, Finding};

pub(super) fn oom_score_adj(asked: Bound<i32>, facts: &Facts<'_>) -> Finding {
    facts.fact("oom_score_adj", Certificate::oom_score_adj, |seen| {
        let text = seen.to_string();
        let reason = format!("it is not {}", asked.text(ToString::to_string));
        let evidence = facts.certificate_evidence(text.clone());
        Finding::decide(asked.holds(&seen), text, reason, evidence)
    })
}

pub(super) fn umask(asked: u32, facts: &Facts<'_>) -> Finding {
    facts.fact("the umask", Certificate::umask, |seen| {
        let text = umask_text(seen);
        let evidence = facts.certificate_evidence(text.clone());
        Finding::decide(seen == asked, text, "it is not the one asked for", evidence)
    })
}

/// Another than tracer's, which is the one that all get who are given none.
pub(super) fn session_keyring(facts: &Facts<'_>) -> Finding {
    let read = Certificate::session_keyring;
    facts.fact_and_host("session keyring", read, |own, host| {
        let (text, reason) = if own == KeySerial(0) {
            (
                "none".to_owned(),
                "it has none: its user's is taken instead",
            )
        } else {
            (format!("keyring {own}"), "it is tracer's own")
        };
        let evidence = facts.certificate_evidence(text.clone());
        let private = own != KeySerial(0) && own != host;
        Finding::decide(private, text, reason, evidence)
    })
}

pub(super) fn time_offset(clock: Clock, asked: ClockOffset, facts: &Facts<'_>) -> Finding {
    facts.fact(
        "the time namespace's offsets",
        Certificate::time_offsets,
        |offsets| {
            let seen = match clock {
                Clock::Monotonic => offsets.monotonic,
                Clock::Boottime => offsets.boottime,
            };
            let text = clock_text(seen);
            let evidence = facts.certificate_evidence(text.clone());
            Finding::decide(seen == asked, text, "it is not the one asked for", evidence)
        },
    )
}
