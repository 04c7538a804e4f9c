//! `tracer learn namespaces`: the same shell twice, once in a PID namespace of its own: what each
//! can see and signal. Owns the experiment and its words.

use super::{
    Failure, cleared,
    lesson::{Evidence, Lesson, Part, Records, namespace_flags, processes, verdict_of},
    stage::{Shell, Stage},
};
use crate::{
    event::{Body, Event, Fork, NamespaceKind, NamespaceSlot, NsId, Tgid, errno},
    report::escape::escape,
    session::Step,
};

/// What both shells run. `count` is answered with how many processes /proc shows and the shell's
/// own number; a number, with whether a signal could be sent to it (signal 0 does nothing but
/// ask). /proc is listed without a program, which would be one more process.
const SCRIPT: &str = r#"
while read -r word; do
    case "$word" in
    count) set -- /proc/[0-9]*; echo "$# $$";;
    *) if kill -0 "$word"; then echo yes; else echo no; fi;;
    esac
done"#;

/// What is known when both shells have ended.
struct Seen {
    outside: View,
    inside: View,
    /// Every task while both stood still.
    inventory: Vec<Event>,
    steps: Vec<Step>,
}

/// A shell and what it said.
struct View {
    tgid: Tgid,
    /// Processes that its /proc shows.
    count: usize,
    /// Its number as it has it.
    own: u32,
}

/// The lesson.
pub async fn teach(stage: &mut Stage) -> Result<Lesson, Failure> {
    let outside_spec = stage.spec(SCRIPT, Vec::new())?;
    let inside_spec = stage.spec(SCRIPT, vec![NamespaceKind::Mnt, NamespaceKind::Pid])?;
    let mut outer = stage.shell(&outside_spec).await?;
    let mut inner = stage.shell(&inside_spec).await?;
    let outside = count(stage, &mut outer).await?;
    let inside = count(stage, &mut inner).await?;
    let inventory = stage.inventory()?;
    // The other's number as the other has it, and for comparison one's own from the other side.
    for number in [outside.own, inside.tgid.0, inside.own] {
        stage.ask(&mut inner, &number.to_string()).await?;
    }
    for number in [inside.own, inside.tgid.0] {
        stage.ask(&mut outer, &number.to_string()).await?;
    }
    stage.end(inner).await?;
    stage.end(outer).await?;
    stage.settle()?;
    let records = Records::of(&stage.session.observation.counters);
    let seen = Seen {
        outside,
        inside,
        inventory,
        steps: std::mem::take(&mut stage.session.steps),
    };
    Ok(tell(&seen, stage.session.model.root(), records))
}

async fn count(stage: &mut Stage, shell: &mut Shell) -> Result<View, Failure> {
    let answer = stage.ask(shell, "count").await?;
    let mut words = answer.split_whitespace();
    let mut number = || words.next().and_then(|word| word.parse::<u32>().ok());
    let (Some(count), Some(own)) = (number(), number()) else {
        return Err(Failure::new(
            crate::cli::exit::ERROR,
            format!(
                "the shell of the lesson answered `{}` in place of two numbers",
                escape(&answer)
            ),
        ));
    };
    Ok(View {
        tgid: shell.tgid,
        count: usize::try_from(count).unwrap_or(usize::MAX),
        own,
    })
}

fn tell(seen: &Seen, root: Tgid, records: Records) -> Lesson {
    Lesson {
        name: "namespaces",
        title: "What a PID namespace is: other numbers, and nothing that has none",
        introduction: "Two shells run the same script. tracer makes them the same way but for \
                       two flags of one system call: the second gets a new PID namespace, and a \
                       new mount namespace to mount a /proc of its own in. Numbers with a # are \
                       the kernel's records; everything here rests on them."
            .to_owned(),
        parts: vec![
            births(seen),
            counts(seen),
            signals(seen),
            cleared::part(
                &seen.steps,
                root,
                "A namespace needs no removing: it goes with the last process in it.",
            ),
        ],
        records,
    }
}

/// The record of a shell's creation.
fn birth(seen: &Seen, tgid: Tgid) -> Option<(&Event, &Fork)> {
    seen.steps.iter().find_map(|step| match &step.event.body {
        Body::Fork(fork) if fork.child.tgid == tgid => Some((&step.event, &**fork)),
        _ => None,
    })
}

fn births(seen: &Seen) -> Part {
    let mut evidence = Vec::new();
    let outer = birth(seen, seen.outside.tgid);
    let inner = birth(seen, seen.inside.tgid);
    evidence.extend(outer.map(|(event, fork)| Evidence::of([event], made(event, fork))));
    evidence.extend(executed(seen, &seen.outside));
    evidence.extend(inner.map(|(event, fork)| Evidence::of([event], made(event, fork))));
    if let (Some((_, outer)), Some((event, inner))) = (outer, inner) {
        let changes = outer.namespaces.changes_to(&inner.namespaces);
        // What its children will be in changes with it, and is no further difference.
        let own = changes.filter(|(slot, ..)| *slot != NamespaceSlot::PidForChildren);
        evidence.extend(own.map(|(slot, before, after)| {
            Evidence::of([event], format!("{} {before} -> {after}", slot.name()))
        }));
    }
    evidence.extend(executed(seen, &seen.inside));
    let holds = outer.zip(inner).map(|((_, outer), (_, inner))| {
        let changed = |kind: NamespaceKind| {
            let slot = NamespaceSlot::made_in(kind);
            outer.namespaces.get(slot) != inner.namespaces.get(slot)
        };
        inner.vpid == 1
            && inner.flags & NamespaceKind::Pid.clone_flag() != 0
            && outer.flags & NamespaceKind::Pid.clone_flag() == 0
            && NamespaceKind::ALL.into_iter().all(|kind| {
                changed(kind) == [NamespaceKind::Mnt, NamespaceKind::Pid].contains(&kind)
            })
    });
    let meaning = match (&outer, &inner) {
        (Some(_), Some((_, inner))) => format!(
            "A container is not a thing that the kernel has. There is a process with a different \
             set of namespaces, and inside its PID namespace {} is number {}.",
            seen.inside.tgid, inner.vpid
        ),
        _ => "there is no record of a shell's creation".to_owned(),
    };
    Part {
        title: "One system call, two flags".to_owned(),
        text: "clone makes a process; its flags say what it does not share with its maker."
            .to_owned(),
        evidence,
        verdict: verdict_of(holds),
        meaning,
    }
}

fn made(event: &Event, fork: &Fork) -> String {
    let numbers = if fork.vpid == fork.child.tgid.0 {
        format!("{}", fork.child.tgid)
    } else {
        format!("{}, which is {} inside", fork.child.tgid, fork.vpid)
    };
    format!(
        "{} makes {numbers}, by clone with {}",
        escape(&event.task.comm),
        namespace_flags(fork.flags)
    )
}

fn executed(seen: &Seen, view: &View) -> Option<Evidence> {
    let (event, exec) = seen.steps.iter().find_map(|step| match &step.event.body {
        Body::Exec(exec) if step.event.task.tgid == view.tgid => Some((&step.event, exec)),
        _ => None,
    })?;
    let program = exec.certificate.filename().map(|path| escape(&path.text));
    let pid = exec.certificate.namespaces()?.get(NamespaceSlot::Pid)?;
    Some(Evidence::of(
        [event],
        format!(
            "{} runs {} as number {} of pid {pid}",
            view.tgid,
            program.unwrap_or_else(|| "a program".to_owned()),
            exec.certificate.vpid()?
        ),
    ))
}

/// One task of the inventory that is a process, and its PID namespace.
fn process(event: &Event) -> Option<NsId> {
    let Body::TaskSeen(task) = &event.body else {
        return None;
    };
    if event.task.tid.0 != event.task.tgid.0 {
        return None;
    }
    task.namespaces.get(NamespaceSlot::Pid)
}

fn counts(seen: &Seen) -> Part {
    let namespace = |view: &View| {
        birth(seen, view.tgid).and_then(|(_, fork)| fork.namespaces.get(NamespaceSlot::Pid))
    };
    let (outer, inner) = (namespace(&seen.outside), namespace(&seen.inside));
    let members = |wanted: Option<NsId>| -> Vec<&Event> {
        let all = seen
            .inventory
            .iter()
            .filter(|event| process(event).is_some());
        all.filter(|event| wanted.is_none_or(|wanted| process(event) == Some(wanted)))
            .collect()
    };
    let all = members(None);
    let inside = inner.map(|inner| members(Some(inner))).unwrap_or_default();
    let mut evidence = Vec::new();
    if let (Some(outer), Some(inner)) = (outer, inner) {
        evidence.push(Evidence::of(
            all.iter().copied(),
            format!(
                "{} on this machine, by pid {outer} and those below it; the shell outside counts \
                 {}",
                processes(all.len()),
                seen.outside.count
            ),
        ));
        evidence.push(Evidence::of(
            inside.iter().copied(),
            format!(
                "{} in pid {inner}, {}; the shell inside counts {} and says that it is {}",
                processes(inside.len()),
                list(inside.iter().map(|event| event.task.tgid)),
                seen.inside.count,
                seen.inside.own
            ),
        ));
    }
    let holds = (!all.is_empty() && inner.is_some()).then(|| {
        inside.len() == 1
            && inside
                .iter()
                .all(|event| event.task.tgid == seen.inside.tgid)
            && seen.inside.count == 1
            && seen.inside.own == 1
            && seen.outside.count > seen.inside.count
    });
    Part {
        title: "What each can see".to_owned(),
        text: "Both shells count the numbers in their /proc while they stand still. The kernel's \
               own list of tasks is read at the same time (other processes of the machine come \
               and go meanwhile, so the outer counts may differ a little)."
            .to_owned(),
        evidence,
        verdict: verdict_of(holds),
        meaning: "/proc shows a PID namespace, not the machine. Inside there is one process, and \
                  it is number 1. The outside sees it too, under another number: namespaces \
                  nest, and hide in one direction."
            .to_owned(),
    }
}

fn list(numbers: impl Iterator<Item = Tgid>) -> String {
    let numbers: Vec<String> = numbers.map(|number| number.to_string()).collect();
    numbers.join(", ")
}

/// What `kill` returned to `by` for `number`.
fn answer(seen: &Seen, by: Tgid, number: u32) -> Option<(&Event, i64)> {
    seen.steps.iter().find_map(|step| match &step.event.body {
        Body::Syscall(call)
            if step.event.task.tgid == by
                && &*call.name == "kill"
                && call.arguments[0] == u64::from(number) =>
        {
            Some((&step.event, call.ret))
        }
        _ => None,
    })
}

fn signals(seen: &Seen) -> Part {
    let (outside, inside) = (&seen.outside, &seen.inside);
    let no_such = |answer: Option<(&Event, i64)>| answer.map(|(_, ret)| ret == -NO_SUCH_PROCESS);
    let mut evidence = Vec::new();
    let mut say = |view: &View, side: &str, number: u32, note: &str| {
        let found = answer(seen, view.tgid, number);
        if let Some((event, ret)) = found {
            evidence.push(Evidence::of(
                [event],
                format!("{side}: kill({number}, 0) = {}{note}", returned(ret)),
            ));
        }
        found
    };
    let to_outer = say(
        inside,
        "inside",
        outside.own,
        ", the number of the shell outside",
    );
    let to_self = say(
        inside,
        "inside",
        inside.tgid.0,
        ", its own number as the outside has it",
    );
    let to_one = say(inside, "inside", inside.own, ", its own number");
    let by_inner_number = say(outside, "outside", inside.own, namesake(seen).as_str());
    let by_outer_number = say(
        outside,
        "outside",
        inside.tgid.0,
        ", the number that the outside has for it",
    );
    // Outside, the inside's number is nobody's or somebody else's: the shell has another there.
    let elsewhere = birth(seen, inside.tgid)
        .and(no_such(by_inner_number))
        .map(|nobody| nobody || inside.tgid.0 != inside.own);
    let reached = |answer: Option<(&Event, i64)>| answer.map(|(_, ret)| ret == 0);
    let all = [
        no_such(to_outer),
        no_such(to_self),
        reached(to_one),
        elsewhere,
        reached(by_outer_number),
    ];
    let holds = if all.contains(&Some(false)) {
        Some(false)
    } else {
        all.iter().all(Option::is_some).then_some(true)
    };
    Part {
        title: "Whom each can signal".to_owned(),
        text: "kill with signal 0 sends nothing and says whether it could. Both shells are root \
               with the same capabilities: no permission is in the way."
            .to_owned(),
        evidence,
        verdict: verdict_of(holds),
        meaning: "ESRCH: no such process. A number means something in one PID namespace only, and \
                  what has no number in it cannot be named, so it cannot be signalled. By the \
                  other's numbers neither side reaches the other."
            .to_owned(),
    }
}

/// Whose the inner shell's number is outside.
fn namesake(seen: &Seen) -> String {
    let (number, other) = (seen.inside.own, seen.inside.tgid);
    let found = seen
        .inventory
        .iter()
        .find(|event| event.task.tgid.0 == number && process(event).is_some());
    match found {
        Some(event) => {
            format!(
                ", but that is {} here, and the other shell {other}",
                escape(&event.task.comm)
            )
        }
        None => format!(", but that is another process here: the other shell is {other}"),
    }
}

/// `ESRCH` (include/uapi/asm-generic/errno-base.h).
const NO_SUCH_PROCESS: i64 = 3;

fn returned(ret: i64) -> String {
    errno::of_return(ret).unwrap_or_else(|| ret.to_string())
}

#[cfg(test)]
#[path = "namespaces_tests.rs"]
mod tests;
