//! What a bundle's process is to hand on through exec: how soon it is killed for memory, umask,
//! clocks, terminal, personality, names. Owns which of them are asked for.

use oci_spec::runtime::{LinuxPersonalityDomain, Spec};

use crate::event::certificate::ClockOffset;

use super::super::attribute::{TerminalAsked, personality_text};
use super::super::condition::{Bound, Comparison};
use super::super::wording::{clock_text, umask_text};
use super::super::{Check, Clock};
use super::List;

pub(super) fn all(spec: &Spec, list: &mut List) {
    if let Some(process) = spec.process() {
        if let Some(score) = process.oom_score_adj() {
            let property = "process.oomScoreAdj";
            let check = Check::OomScoreAdj(Bound::new(Comparison::Exactly, score));
            list.add("oom_score_adj", score.to_string(), property, check);
        }
        if let Some(bits) = process.user().umask() {
            let (text, check) = (umask_text(bits), Check::Umask(bits));
            list.add("umask", text, "process.user.umask", check);
        }
    }
    if let Some(process) = spec.process() {
        // Without the property there is none (config.md, "Process").
        let asked = match process.terminal() {
            Some(true) => TerminalAsked::Own,
            Some(false) | None => TerminalAsked::None,
        };
        let check = Check::Terminal(asked);
        list.add("terminal", asked.text(), "process.terminal", check);
    }
    let linux = spec.linux().as_ref();
    if let Some(personality) = linux.and_then(|linux| linux.personality().as_ref()) {
        // No flag is defined (config-linux.md, "Personality").
        let domain = match personality.domain() {
            LinuxPersonalityDomain::PerLinux => 0,
            LinuxPersonalityDomain::PerLinux32 => 8,
        };
        let (text, check) = (personality_text(domain), Check::Personality(domain));
        list.add("personality", text, "linux.personality", check);
    }
    if let Some(name) = spec.domainname() {
        let check = Check::Domainname(name.clone());
        list.add("domainname", name.clone(), "domainname", check);
    }
    let offsets = linux.and_then(|linux| linux.time_offsets().as_ref());
    for clock in [Clock::Monotonic, Clock::Boottime] {
        let asked = offsets.and_then(|offsets| offsets.get(clock.name()));
        let Some(asked) = asked else { continue };
        let offset = ClockOffset {
            seconds: asked.secs().unwrap_or(0),
            nanoseconds: i64::from(asked.nanosecs().unwrap_or(0)),
        };
        let id = format!("time_offsets.{}", clock.name());
        let check = Check::TimeOffset { clock, offset };
        list.add(id, clock_text(offset), "linux.timeOffsets", check);
    }
}
