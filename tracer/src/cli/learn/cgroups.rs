//! `tracer learn cgroups`: a busy loop wanders between processors until one write to a file
//! holds it to one. Owns the experiment and its words.

use std::fs::File;
use std::io::Write as _;

use super::{
    Failure, cleared, crowd,
    lesson::{Evidence, Lesson, Part, Records, verdict_of},
    samples::{FEWEST, moves, samples, stretches},
    stage::{Shell, Stage},
};
use crate::{
    cgroup::{self, Cgroup},
    cli::{exit, run::run_id},
    container::{
        plan::{self, CgroupPlan},
        spec::Resources,
    },
    event::{Body, CgroupAttach, Event, Tgid},
    host::{CgroupVersion, Hierarchy, HostFacts},
    model::Change,
    report::escape::escape,
    session::Step,
};

/// The controller that this lesson is about.
const CONTROLLER: &str = "cpuset";

/// Nine busy loops. The first asks after itself now and then: the record of that call says which
/// processor it was on. The others crowd the processor that it is on: fewer weigh too little
/// beside what else a machine runs, since the scheduler weighs sessions, not loops.
const SCRIPT: &str = r"
spin() { i=0; while [ $i -lt 2000 ]; do i=$((i + 1)); done; }
for companion in 1 2 3 4 5 6 7 8; do
    while :; do spin; done &
done
while :; do spin; kill -0 $$; done";

/// What is known at the end.
struct Seen<'a> {
    host: &'a HostFacts,
    /// tracer's own certificate, from the start.
    baseline: Option<Event>,
    /// The loop that is watched.
    watched: Tgid,
    /// Its certificate while it wanders and when it no longer may.
    before: Option<Event>,
    after: Option<Event>,
    /// The hierarchy with the controller, and the cgroup with one processor.
    hierarchy: &'a Hierarchy,
    path: String,
    /// The file that its number was written to.
    file: &'static str,
    /// Processors of the first cgroup and the one of the second.
    wide: Vec<u32>,
    narrow: u32,
    steps: Vec<Step>,
}

/// The lesson.
pub async fn teach(stage: &mut Stage) -> Result<Lesson, Failure> {
    let host = stage.host.clone();
    let Some(hierarchy) = host.hierarchy_of(CONTROLLER) else {
        return Err(Failure::new(
            exit::ENVIRONMENT,
            "no mounted cgroup hierarchy has the controller cpuset; mount one, see cgroups(7)",
        ));
    };
    let baseline = stage.certificate(stage.session.model.root())?;
    let wide: Vec<u32> = host.cpus_online.iter().copied().take(2).collect();
    let mut spec = stage.spec(SCRIPT, Vec::new())?;
    spec.resources = Resources {
        cpuset_cpus: Some(wide.clone()),
        ..Resources::default()
    };
    let shell = stage.shell(&spec).await?;
    let watched = shell.tgid;
    crowd::until_wandered(stage, watched, &wide).await?;
    let before = stage.certificate(watched)?;

    // The processor that it is not on, so that the write must move it.
    let last = samples(&stage.session.steps, watched)
        .last()
        .map(|event| event.cpu);
    let narrow = wide
        .iter()
        .copied()
        .find(|cpu| Some(*cpu) != last)
        .or(wide.first().copied());
    let narrow = narrow.unwrap_or_default();
    spec.id = run_id()?;
    spec.resources.cpuset_cpus = Some(vec![narrow]);
    let run = stage.begin(&spec.id)?;
    let plan = plan::plan(&spec, &host).map_err(|error| Failure::new(exit::ENVIRONMENT, error))?;
    let plan = plan
        .cgroups
        .iter()
        .find(|plan| plan.hierarchy == hierarchy.id);
    let (cgroup, file) = match plan {
        Some(plan) => move_to(plan, &shell, hierarchy)?,
        None => {
            return Err(Failure::new(
                exit::ERROR,
                "the plan has no cgroup for cpuset",
            ));
        }
    };
    crowd::hold(&stage.session.steps, watched, &[narrow])?;
    let moved = stage.session.steps.len();
    stage
        .until(|steps| samples(steps.get(moved..).unwrap_or_default(), watched).len() >= FEWEST)
        .await?;
    let after = stage.certificate(watched)?;
    let path = format!("/{}", spec.id);
    drop(cgroup);
    Stage::kill(shell)?;
    run.finish()
        .map_err(|error| Failure::new(exit::ERROR, error))?;
    stage.settle()?;

    let records = Records::of(&stage.session.observation.counters);
    let steps = std::mem::take(&mut stage.session.steps);
    let host = &host;
    let seen = Seen {
        host,
        baseline,
        watched,
        before,
        after,
        hierarchy,
        path,
        file,
        wide,
        narrow,
        steps,
    };
    Ok(tell(&seen, stage.session.model.root(), records))
}

/// Makes the cgroup and writes the loop's number to its file: `tasks` is the old interface's,
/// where single threads are moved, `cgroup.procs` the new one's, where processes are.
fn move_to(
    plan: &CgroupPlan,
    shell: &Shell,
    hierarchy: &Hierarchy,
) -> Result<(Cgroup, &'static str), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::new(exit::ERROR, error.to_string());
    let cgroup = cgroup::create(plan).map_err(|error| failed(&error))?;
    match hierarchy.version {
        CgroupVersion::V1 => {
            let mut tasks = File::from(cgroup.tasks().map_err(|error| failed(&error))?);
            tasks
                .write_all(shell.tgid.to_string().as_bytes())
                .map_err(|error| {
                    let path = cgroup.path.display();
                    failed(&format!(
                        "writing {} to {path}/tasks failed: {error}",
                        shell.tgid
                    ))
                })?;
            Ok((cgroup, "tasks"))
        }
        CgroupVersion::V2 => {
            cgroup
                .attach(shell.tgid.0)
                .map_err(|error| failed(&error))?;
            Ok((cgroup, "cgroup.procs"))
        }
    }
}

fn tell(seen: &Seen<'_>, root: Tgid, records: Records) -> Lesson {
    Lesson {
        name: "cgroups",
        title: "What a cgroup is: a folder that decides what its processes may use",
        introduction: "A busy loop runs in a cgroup that may use two processors, beside eight \
                       more such loops. Then its number is written to a file of another cgroup, whose \
                       cpuset holds one. Every record says on which processor it was made: that \
                       is how the loop is watched."
            .to_owned(),
        parts: vec![
            trees(seen),
            wandering(seen),
            the_write(seen),
            held(seen),
            cleared::part(
                &seen.steps,
                root,
                "A folder with a process in it cannot be removed: first the loops, then the cgroups.",
            ),
        ],
        records,
    }
}

fn trees(seen: &Seen<'_>) -> Part {
    let mut evidence = Vec::new();
    let cgroups = seen.baseline.as_ref().and_then(|event| match &event.body {
        Body::Snapshot(certificate) => Some((event, certificate.cgroups()?)),
        _ => None,
    });
    let mut named = 0;
    if let Some((event, cgroups)) = &cgroups {
        for hierarchy in &seen.host.hierarchies {
            let Some(member) = cgroups.in_hierarchy(hierarchy.id) else {
                continue;
            };
            named += 1;
            evidence.push(Evidence::of(
                [*event],
                tree(hierarchy, member.key.id, member.level),
            ));
        }
    }
    let version = match seen.hierarchy.version {
        CgroupVersion::V1 => "v1: a tree for each controller, and a file `tasks`",
        CgroupVersion::V2 => "v2: one tree for all, and a file `cgroup.procs`",
    };
    Part {
        title: "Which trees there are".to_owned(),
        text: "A cgroup is a folder in a tree; a process is in exactly one of each tree. A \
               controller is on one tree. tracer itself is in these:"
            .to_owned(),
        evidence,
        verdict: verdict_of(cgroups.map(|_| named == seen.host.hierarchies.len())),
        meaning: format!("Here {CONTROLLER} speaks {version}."),
    }
}

fn tree(hierarchy: &Hierarchy, id: u64, level: u32) -> String {
    let version = match hierarchy.version {
        CgroupVersion::V1 => "v1",
        CgroupVersion::V2 => "v2",
    };
    let what = match (
        hierarchy.version,
        hierarchy.controllers.as_slice(),
        &hierarchy.name,
    ) {
        (_, [], Some(name)) => format!("no controller, named {name}"),
        (CgroupVersion::V2, [], None) => "no controller left for it".to_owned(),
        (_, controllers, _) => controllers.join(" "),
    };
    let place = if level == 0 {
        "its root".to_owned()
    } else {
        format!("cgroup {id}, level {level}")
    };
    format!("tree {} ({version}): {what}; in {place}", hierarchy.id)
}

/// Where the kernel lets a task run, by a certificate: processors allowed, those of its cpuset.
fn processors(event: Option<&Event>) -> Option<(Vec<u32>, Vec<u32>)> {
    match &event?.body {
        Body::Snapshot(facts) => Some((facts.cpus_allowed()?, facts.cpuset_cpus()?)),
        _ => None,
    }
}

fn allowed(event: &Event) -> Option<Evidence> {
    let (allowed, cpuset) = processors(Some(event))?;
    Some(Evidence::of(
        [event],
        format!(
            "allowed: {}; its cpuset: {}",
            numbers(&allowed),
            numbers(&cpuset)
        ),
    ))
}

fn numbers(cpus: &[u32]) -> String {
    let (word, list): (&str, Vec<String>) = (
        if cpus.len() == 1 {
            "processor"
        } else {
            "processors"
        },
        cpus.iter().map(u32::to_string).collect(),
    );
    format!("{word} {}", list.join(" "))
}

fn wandering(seen: &Seen<'_>) -> Part {
    let (before, _) = around_the_move(seen);
    let moved = moves(&before);
    let mut evidence: Vec<Evidence> = seen.before.iter().filter_map(allowed).collect();
    evidence.push(Evidence::of(before.iter().copied(), stretches(&before)));
    let (verdict, meaning) = if seen.wide.len() < 2 {
        (
            None,
            "this machine has one processor: there is nowhere to wander".to_owned(),
        )
    } else if moved == 0 {
        let count = before.len();
        (
            None,
            format!("the loop stayed where it was in {count} samples; run the lesson again"),
        )
    } else {
        let meaning = format!(
            "It changed processor {moved} times in {} samples. Where it runs is the scheduler's \
             choice, among those that its cgroup allows.",
            before.len()
        );
        let within = before.iter().all(|event| seen.wide.contains(&event.cpu));
        let facts = processors(seen.before.as_ref());
        (
            facts.map(|(allowed, cpuset)| within && allowed == seen.wide && cpuset == seen.wide),
            meaning,
        )
    };
    Part {
        title: "A busy loop wanders".to_owned(),
        text: format!(
            "Nine busy loops share {}. Eight of them are held to one processor in turns, so that \
             it is crowded. The processor of each sample of the ninth, {}, as `processor x \
             samples in a row`:",
            numbers(&seen.wide),
            seen.watched
        ),
        evidence,
        verdict: verdict_of(verdict),
        meaning,
    }
}

/// The record of the move.
fn attachment<'a>(seen: &'a Seen<'_>) -> Option<(&'a Step, &'a CgroupAttach)> {
    seen.steps.iter().find_map(|step| match &step.event.body {
        Body::CgroupAttach(attach)
            if attach.target.tgid == seen.watched && attach.path.text == seen.path =>
        {
            Some((step, attach))
        }
        _ => None,
    })
}

/// Samples before and after the record of the move; without one, all are before.
fn around_the_move<'a>(seen: &'a Seen<'_>) -> (Vec<&'a Event>, Vec<&'a Event>) {
    let at = attachment(seen).map_or(u64::MAX, |(step, _)| step.event.seq);
    samples(&seen.steps, seen.watched)
        .into_iter()
        .partition(|event| event.seq < at)
}

fn the_write(seen: &Seen<'_>) -> Part {
    let mut evidence = Vec::new();
    let made = seen.steps.iter().find_map(|step| match &step.event.body {
        Body::CgroupMkdir(made) if made.path.text == seen.path => Some((&step.event, made)),
        _ => None,
    });
    if let Some((event, made)) = made {
        let by = escape(&event.task.comm);
        let id = made.cgroup.key.id;
        evidence.push(Evidence::of(
            [event],
            format!("{by} makes {}, cgroup {id}", seen.path),
        ));
    }
    let attachment = attachment(seen);
    if let Some((step, attach)) = attachment {
        let from = step.changes.iter().find_map(|change| match change {
            Change::Cgroup {
                before: Some(before),
                ..
            } => Some(format!(" from cgroup {}", before.id)),
            _ => None,
        });
        evidence.push(Evidence::of(
            [&step.event],
            format!(
                "{} ({}) moves {} ({}){} to cgroup {}",
                escape(&step.event.task.comm),
                step.event.task.tgid,
                escape(&attach.target.comm),
                attach.target.tgid,
                from.unwrap_or_default(),
                attach.cgroup.key.id
            ),
        ));
    }
    evidence.extend(seen.after.iter().filter_map(allowed));
    let facts = processors(seen.after.as_ref());
    let holds = attachment
        .and(facts)
        .map(|(allowed, cpuset)| allowed == [seen.narrow] && cpuset == [seen.narrow]);
    Part {
        title: "One number, written to one file".to_owned(),
        text: format!(
            "A new folder appears in tree {}, its cpuset.cpus is set to {}, and {} is written \
             to its file `{}`.",
            seen.hierarchy.id, seen.narrow, seen.watched, seen.file
        ),
        evidence,
        verdict: verdict_of(holds),
        meaning: "The loop was not asked, and nothing in it has changed. The kernel has another \
                  answer now to the question where it may run."
            .to_owned(),
    }
}

fn held(seen: &Seen<'_>) -> Part {
    let (_, after) = around_the_move(seen);
    let holds = (!after.is_empty()).then(|| after.iter().all(|event| event.cpu == seen.narrow));
    Part {
        title: "The same loop, held".to_owned(),
        text: format!(
            "The other loops, which may use {}, are all on processor {} now.",
            numbers(&seen.wide),
            seen.narrow
        ),
        evidence: vec![Evidence::of(after.iter().copied(), stretches(&after))],
        verdict: verdict_of(holds),
        meaning: match holds {
            Some(true) => format!(
                "In {} samples it was on processor {} and on no other. The limits of a container \
                 are this: its processes' number in a file.",
                after.len(),
                seen.narrow
            ),
            Some(false) => "it was seen on another processor after the move".to_owned(),
            None => "there is no sample after the move".to_owned(),
        },
    }
}

#[cfg(test)]
#[path = "cgroups_tests.rs"]
mod tests;
