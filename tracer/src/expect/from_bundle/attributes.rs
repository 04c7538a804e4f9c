//! What a bundle's process is to hand on through exec: how soon it is killed for memory, umask,
//! clocks. Owns which of them are asked for.

use oci_spec::runtime::Spec;

use crate::event::certificate::ClockOffset;

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
    let linux = spec.linux().as_ref();
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
