//! The last part of a lesson that makes something: that nothing of it is left, by the records of
//! every end. Owns that comparison; the removing is the runtime's.

use std::collections::BTreeSet;

use super::lesson::{Evidence, Part, processes, verdict_of};
use crate::{
    event::{Body, CgroupKey, Event, Tgid},
    session::Step,
};

/// Every process that descends from `root` has ended, and every cgroup that `root` has made is
/// removed. `note` is what else there is to say about that.
pub fn part(steps: &[Step], root: Tgid, note: &str) -> Part {
    let made: BTreeSet<CgroupKey> = cgroups(steps, |event| match &event.body {
        Body::CgroupMkdir(made) if event.task.tgid == root => Some(made.cgroup.key),
        _ => None,
    });
    let removed: BTreeSet<CgroupKey> = cgroups(steps, |event| match &event.body {
        Body::CgroupRmdir(gone) => Some(gone.cgroup.key),
        _ => None,
    });
    let born: BTreeSet<Tgid> = steps
        .iter()
        .filter_map(|step| match &step.event.body {
            // A thread of tracer itself is not something that a lesson makes.
            Body::Fork(fork) if fork.child.tid.0 == fork.child.tgid.0 => Some(fork.child.tgid),
            _ => None,
        })
        .collect();
    let ends: Vec<&Event> = steps
        .iter()
        .map(|step| &step.event)
        .filter(|event| matches!(&event.body, Body::Exit(exit) if exit.group_dead))
        .filter(|event| born.contains(&event.task.tgid))
        .collect();
    let removals: Vec<&Event> = steps
        .iter()
        .map(|step| &step.event)
        .filter(|event| {
            matches!(&event.body, Body::CgroupRmdir(gone) if made.contains(&gone.cgroup.key))
        })
        .collect();
    let ended: BTreeSet<Tgid> = ends.iter().map(|event| event.task.tgid).collect();
    let (alive, left) = (
        born.difference(&ended).count(),
        made.difference(&removed).count(),
    );
    let evidence = vec![
        Evidence::of(
            ends.iter().copied(),
            format!("{} ended", processes(ended.len())),
        ),
        Evidence::of(
            removals.iter().copied(),
            format!(
                "{} cgroups removed, of {} made",
                made.len() - left,
                made.len()
            ),
        ),
    ];
    let meaning = if alive + left == 0 {
        format!("Everything that was made here has ended or is removed. {note}")
    } else {
        format!(
            "{} and {left} cgroups have no record of their end",
            processes(alive)
        )
    };
    Part {
        title: "Nothing is left".to_owned(),
        text: "The kernel records ends as it records beginnings.".to_owned(),
        evidence,
        verdict: verdict_of((alive + left == 0).then_some(true)),
        meaning,
    }
}

fn cgroups(steps: &[Step], key: impl Fn(&Event) -> Option<CgroupKey>) -> BTreeSet<CgroupKey> {
    steps.iter().filter_map(|step| key(&step.event)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::sample;
    use crate::verdict::Verdict;

    fn steps() -> Vec<Step> {
        let none = sample::cgroups(&[]);
        let events = [
            sample::event(1, &sample::mkdir(sample::ROOT, 4, 70, "/tracer-1")),
            sample::event(
                2,
                &sample::fork(sample::ROOT, sample::INIT, 0, sample::HOST, &none),
            ),
            sample::event(3, &sample::exit(sample::INIT, 0)),
            sample::event(4, &sample::rmdir(sample::ROOT, 4, 70, "/tracer-1")),
        ];
        events
            .into_iter()
            .map(|event| Step {
                event,
                changes: Vec::new(),
            })
            .collect()
    }

    fn without(seq: u64) -> Part {
        let mut steps = steps();
        steps.retain(|step| step.event.seq != seq);
        part(&steps, Tgid(sample::ROOT.tgid), "")
    }

    #[test]
    fn an_end_for_every_beginning_is_shown() {
        let part = without(0);
        assert_eq!(part.verdict, Verdict::Pass);
        assert_eq!(part.evidence[0].shows, "1 process ended");
        assert_eq!(part.evidence[1].shows, "1 cgroups removed, of 1 made");
    }

    #[test]
    fn a_beginning_without_its_end_is_not_shown() {
        assert_eq!(without(3).verdict, Verdict::Inconclusive);
        assert_eq!(without(4).verdict, Verdict::Inconclusive);
        assert!(without(4).meaning.contains("1 cgroups"));
    }
}
