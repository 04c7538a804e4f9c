//! A busy loop's processor over time, by the records of its calls. Owns the counting; must not
//! know why it is watched.

use crate::{
    event::{Body, Event, Tgid},
    session::Step,
};

/// Samples that say where a loop runs.
pub const FEWEST: usize = 60;
/// Samples after which a loop that has not moved is taken not to.
pub const MOST: usize = 600;
/// Changes of processor that make wandering.
const MOVES: usize = 4;

/// The watched loop's calls: each record names the processor that it was made on.
pub fn samples(steps: &[Step], watched: Tgid) -> Vec<&Event> {
    steps
        .iter()
        .map(|step| &step.event)
        .filter(|event| event.task.tgid == watched)
        .filter(|event| matches!(&event.body, Body::Syscall(call) if &*call.name == "kill"))
        .collect()
}

/// How often it was on another processor than in the sample before.
pub fn moves(samples: &[&Event]) -> usize {
    samples
        .windows(2)
        .filter(|pair| pair[0].cpu != pair[1].cpu)
        .count()
}

/// Watching longer would tell no more.
pub fn has_wandered(samples: &[&Event]) -> bool {
    samples.len() >= MOST || samples.len() >= FEWEST && moves(samples) >= MOVES
}

/// Samples as `0x12 1x3`; of a long list the beginning.
pub fn stretches(samples: &[&Event]) -> String {
    const SHOWN: usize = 24;
    let mut runs: Vec<(u32, usize)> = Vec::new();
    for event in samples {
        match runs.last_mut() {
            Some((cpu, count)) if *cpu == event.cpu => *count += 1,
            _ => runs.push((event.cpu, 1)),
        }
    }
    let more = runs.len().saturating_sub(SHOWN);
    let mut words: Vec<String> = runs
        .iter()
        .take(SHOWN)
        .map(|(cpu, count)| format!("{cpu}x{count}"))
        .collect();
    if more > 0 {
        words.push(format!("and {more} more"));
    }
    words.join(" ")
}
