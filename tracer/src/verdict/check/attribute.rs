//! What a process hands on through exec: how soon it is killed for memory, umask, session keyring,
//! clocks, terminal, personality, domain name. Owns their comparison.

use crate::event::KeySerial;
use crate::event::certificate::{Certificate, ClockOffset, Terminal};
use crate::expect::attribute::{TerminalAsked, personality_text, terminal_text};
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

/// Tracer's own is the one that whoever started the container types into.
pub(super) fn terminal(asked: TerminalAsked, facts: &Facts<'_>) -> Finding {
    let name = "controlling terminal";
    let read = Certificate::terminal;
    let decide = |holds: bool, seen: Terminal, reason: &str| {
        let text = terminal_text(seen);
        let evidence = facts.certificate_evidence(text.clone());
        Finding::decide(holds, text, reason, evidence)
    };
    match asked {
        TerminalAsked::None => facts.fact(name, read, |own| {
            decide(own == Terminal::NONE, own, "it has one")
        }),
        TerminalAsked::Own | TerminalAsked::Private => {
            facts.fact_and_host(name, read, |own, host| {
                if own == Terminal::NONE {
                    let holds = asked == TerminalAsked::Private;
                    return decide(holds, own, "it has none");
                }
                decide(own != host, own, "it is tracer's own")
            })
        }
    }
}

pub(super) fn personality(asked: u32, facts: &Facts<'_>) -> Finding {
    facts.fact("the personality", Certificate::personality, |seen| {
        let text = personality_text(seen);
        let evidence = facts.certificate_evidence(text.clone());
        Finding::decide(seen == asked, text, "it is not the one asked for", evidence)
    })
}

pub(super) fn domainname(asked: &str, facts: &Facts<'_>) -> Finding {
    facts.fact("the domain name", Certificate::domainname, |name| {
        let evidence = facts.certificate_evidence(name.clone());
        Finding::decide(name == asked, name, "it is another", evidence)
    })
}
