//! Attributes that a process hands on through exec, and how the kernel serves it. Owns which of them
//! are worth expecting.

use crate::event::certificate::{Certificate, ClockOffset, Scheduling, Terminal};
use crate::event::{KeySerial, NamespaceKind};
use crate::expect::attribute::{
    MEMORY_FLAGS, MEMORY_MODES, POLICIES, io_priority_text, name, personality_text, set_names,
};
use crate::expect::wording::{clock_text, umask_text};

use super::{Observed, differs, quoted};

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
        match (facts.terminal(), host.terminal()) {
            (Some(Terminal::NONE), _) => self.one("terminal", "none", "its session has none"),
            (Some(own), Some(host)) if own != host => {
                self.one("terminal", "own", "not tracer's own");
            }
            _ => {}
        }
        self.served(facts, host);
        if let Some(bits) = facts.personality() {
            let comment = whose(host.personality() == Some(bits));
            self.one("personality", quoted(&personality_text(bits)), comment);
        }
        if let Some(name) = facts.domainname()
            && differs(NamespaceKind::Uts, facts, host)
        {
            self.one("domainname", quoted(&name), "in its own UTS namespace");
        }
    }

    /// Where it is served otherwise than tracer itself.
    fn served(&mut self, facts: &Certificate, host: &Certificate) {
        let comment = "not tracer's own";
        if let Some(seen) = facts.scheduling()
            && host.scheduling() != Some(seen)
        {
            let mut parts = vec![format!("policy: {}", name(&POLICIES, seen.policy))];
            parts.push(format!("nice: \"=={}\"", seen.nice));
            parts.push(format!("priority: \"=={}\"", seen.priority));
            let reset = seen.flags & Scheduling::RESET_ON_FORK != 0;
            parts.push(format!("reset_on_fork: {reset}"));
            self.one("scheduler", format!("{{ {} }}", parts.join(", ")), comment);
        }
        if let Some(seen) = facts.io_priority()
            && host.io_priority() != Some(seen)
        {
            self.one("io_priority", io_priority_text(seen), comment);
        }
        if let Some(seen) = facts.memory_policy()
            && host.memory_policy().as_ref() != Some(&seen)
        {
            let mut parts = vec![format!("mode: {}", name(&MEMORY_MODES, seen.mode))];
            if !seen.nodes.is_empty() {
                let nodes: Vec<String> = seen.nodes.iter().map(ToString::to_string).collect();
                parts.push(format!("nodes: \"{}\"", nodes.join(",")));
            }
            if seen.flags != 0 {
                let flags = set_names(&MEMORY_FLAGS, seen.flags);
                parts.push(format!("flags: [{}]", flags.join(", ")));
            }
            self.one(
                "memory_policy",
                format!("{{ {} }}", parts.join(", ")),
                comment,
            );
        }
    }
}

/// As the file has it: in YAML a plus sign and a unit are none of a number.
fn seconds(offset: ClockOffset) -> String {
    let text = clock_text(offset);
    let text = text.trim_end_matches(" s");
    text.strip_prefix('+').unwrap_or(text).to_owned()
}
