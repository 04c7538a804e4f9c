//! Gives the scheduler a reason to move the watched loop: its companions are held to one
//! processor in turns, so that one is always crowded. Owns their turns; must not touch the
//! watched loop.

use rustix::thread::{CpuSet, Pid, sched_setaffinity};

use super::samples::{has_wandered, samples};
use super::{Failure, stage::Stage};
use crate::{
    cli::exit,
    event::{Body, Tgid},
    session::Step,
};

/// Samples between two turns: longer than a busy processor waits before it looks whether
/// another has more to do.
const TURN: usize = 25;

/// Watches the loop until it has wandered, or will not. The companions are on the processor that
/// it is on, and on another one when that did not make it move.
pub async fn until_wandered(stage: &mut Stage, watched: Tgid, wide: &[u32]) -> Result<(), Failure> {
    let mut crowded = None;
    loop {
        let seen = samples(&stage.session.steps, watched);
        if has_wandered(&seen) {
            return Ok(());
        }
        let enough = seen.len() + TURN;
        let at = seen.last().map(|event| event.cpu);
        crowded = turn(wide, at, crowded);
        if let Some(cpu) = crowded {
            hold(&stage.session.steps, watched, &[cpu])?;
        }
        stage
            .until(|steps| {
                let seen = samples(steps, watched);
                seen.len() >= enough || has_wandered(&seen)
            })
            .await?;
    }
}

/// Lets the watched loop's companions run on `cpus` alone.
pub fn hold(steps: &[Step], watched: Tgid, cpus: &[u32]) -> Result<(), Failure> {
    let mut set = CpuSet::new();
    for cpu in cpus {
        let cpu = usize::try_from(*cpu).unwrap_or(usize::MAX);
        if cpu < CpuSet::MAX_CPU {
            set.set(cpu);
        }
    }
    for companion in companions(steps, watched) {
        let pid = i32::try_from(companion.0).ok().and_then(Pid::from_raw);
        sched_setaffinity(pid, &set).map_err(|errno| {
            Failure::new(
                exit::ERROR,
                format!(
                    "holding {companion}, a loop of the lesson, to a processor failed: {errno}"
                ),
            )
        })?;
    }
    Ok(())
}

/// The processor to crowd next: the one that the loop is `at`, or another than the last one
/// when crowding that did not make it move.
fn turn(wide: &[u32], at: Option<u32>, last: Option<u32>) -> Option<u32> {
    if at == last {
        wide.iter().copied().find(|cpu| Some(*cpu) != last)
    } else {
        at
    }
}

fn companions(steps: &[Step], watched: Tgid) -> impl Iterator<Item = Tgid> {
    steps.iter().filter_map(move |step| match &step.event.body {
        Body::Fork(fork) if step.event.task.tgid == watched => Some(fork.child.tgid),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_companions_follow_the_loop_and_go_elsewhere_when_it_stays() {
        let wide = [0, 3];
        assert_eq!(turn(&wide, None, None), Some(0));
        assert_eq!(turn(&wide, Some(3), Some(0)), Some(3));
        assert_eq!(turn(&wide, Some(3), Some(3)), Some(0));
        assert_eq!(turn(&wide, Some(0), Some(0)), Some(3));
        assert_eq!(turn(&[2], Some(2), Some(2)), None);
    }
}
