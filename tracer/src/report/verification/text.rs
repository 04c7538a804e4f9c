//! A verification for people: a table for each container, a summary of all, the last line. Owns
//! these forms.

use std::io::{self, Write};

use crate::expect::catalog::guarantee::Guarantee;
use crate::report::escape::escape;
use crate::report::grid::{self, Cell, Column, Row};
use crate::report::{Style, compact as lines, replay, summary, table as tables};
use crate::verdict::{Act, Verdict};

use super::{Container, Outcome, Verification};

const SUMMARY: [Column; 6] = [
    Column::right("#", 1),
    Column::left("RUNTIME", 7),
    Column::left("ID", 12),
    Column::left("PAYLOAD", 16),
    Column::left("VERDICT", 12),
    Column::left("EXPECTATIONS", 12),
];

/// A table for each container that was judged, then the summary of all.
pub(super) fn table(report: &Verification, out: &mut dyn Write, style: Style) -> io::Result<()> {
    for container in report.containers.iter().filter(|one| one.verdict.is_some()) {
        writeln!(out, "container {}", escape(&title(container)))?;
        tables::items(&container.items, out, style)?;
        created(container, out)?;
        drift(container, out)?;
        enforced(container, out)?;
        writeln!(out)?;
    }
    if !report.containers.is_empty() {
        let rows: Vec<Row> = report.containers.iter().map(row).collect();
        grid::write(&SUMMARY, &rows, out, style)?;
        writeln!(out)?;
    }
    last_line(report, out, style)
}

/// A line for each container, each item that does not pass and each drift.
pub(super) fn compact(report: &Verification, out: &mut dyn Write, style: Style) -> io::Result<()> {
    for container in &report.containers {
        let word = word(container);
        writeln!(out, "{word} container {}", escape(&title(container)))?;
        let whose = format!("{}: ", container.number);
        for item in &container.items {
            lines::failed_item(&whose, item, out, style)?;
        }
        created(container, out)?;
        // A runtime's own stage changes by what the runtime does.
        if !container.stage {
            drift(container, out)?;
        }
        enforced(container, out)?;
    }
    last_line(report, out, style)
}

fn title(container: &Container) -> String {
    let mut title = container.number.to_string();
    if let Some(runtime) = &container.runtime {
        title = format!("{title}, made by {runtime}");
    }
    if let Some(id) = &container.id {
        title = format!("{title}, {id}");
    }
    title = format!("{title}: {}", payload(container));
    if let Some(vpid) = container.payload.vpid
        && vpid != container.payload.pid.0
    {
        title = format!("{title}, pid {vpid} inside");
    }
    if let Some(within) = container.within {
        title = format!("{title}, within container {within}");
    }
    let kinds: Vec<&str> = container
        .own_namespaces
        .iter()
        .map(|kind| kind.name())
        .collect();
    let kinds = if kinds.is_empty() {
        "no namespace of its own, but a cgroup".to_owned()
    } else {
        format!("own {}", kinds.join(" "))
    };
    format!("{title}; {kinds}; #{}", container.record)
}

fn payload(container: &Container) -> String {
    let payload = &container.payload;
    let program = payload.executable.as_ref().unwrap_or(&payload.name);
    format!("{program}[{}]", payload.pid)
}

fn word(container: &Container) -> String {
    match container.verdict {
        Some(verdict) => verdict.name().to_uppercase(),
        None if container.stage => "STAGE".to_owned(),
        None => "NOT SELECTED".to_owned(),
    }
}

/// What was seen before the payload was started, if anybody was seen to wait.
fn created(container: &Container, out: &mut dyn Write) -> io::Result<()> {
    let Some(created) = &container.created else {
        return Ok(());
    };
    write!(out, "created #{}: ", created.record)?;
    if container.verdict.is_none() {
        return writeln!(out, "seen before its payload was started");
    }
    if created.differing.is_empty() {
        return writeln!(out, "the same outcomes before its payload was started");
    }
    let then = created.differing.iter().map(|item| {
        let seen = escape(&item.seen);
        format!("{} was {} ({seen})", item.id, item.verdict.name())
    });
    let then: Vec<String> = then.collect();
    writeln!(out, "before its payload was started {}", then.join(", "))
}

fn drift(container: &Container, out: &mut dyn Write) -> io::Result<()> {
    for drift in &container.drift {
        writeln!(
            out,
            "drift #{} {}: {}",
            drift.seq,
            escape(&drift.by),
            escape(&drift.what)
        )?;
    }
    Ok(())
}

/// What was done about a container that was judged as it was executed.
fn enforced(container: &Container, out: &mut dyn Write) -> io::Result<()> {
    let Some(enforced) = &container.enforced else {
        return Ok(());
    };
    let not_passed = enforced.not_passed.join(", ");
    if enforced.may_be_stage && matches!(enforced.act, Act::Killed | Act::KilledLate) {
        writeln!(
            out,
            "it may have been a stage of its runtime: --select runtime=NAME judges the containers \
             of one runtime alone"
        )?;
    }
    match enforced.act {
        Act::LetGo if enforced.verdict.is_none() => Ok(()),
        Act::LetGo => {
            let prevented = enforced.guarantees.iter();
            let mut prevented = prevented.filter(|one| one.guarantee == Guarantee::Prevented);
            let kept = prevented
                .next()
                .map_or("", |_| "; the kernel refuses it setns and unshare");
            writeln!(out, "held, judged and let go{kept}")
        }
        Act::Killed => writeln!(out, "killed before its first instruction for {not_passed}"),
        Act::KilledLate => writeln!(
            out,
            "killed for {not_passed}; the kernel refused to hold it, so that something of it may have run"
        ),
        Act::KilledForDrift => writeln!(out, "killed, with all of its container, for drift"),
        Act::NotHeld => writeln!(
            out,
            "not held, and judged at the end: nothing but a cgroup sets it apart, and only the end tells \
             whether it is a stage of its runtime; --select all holds those as well"
        ),
    }
}

fn row(container: &Container) -> Row {
    let items = container.items.len();
    let mut counts = match (container.verdict, container.stage) {
        (Some(_), _) => format!("{items}"),
        (None, true) => "a runtime's own stage".to_owned(),
        (None, false) => "not selected".to_owned(),
    };
    for verdict in [Verdict::Fail, Verdict::Inconclusive] {
        let count = container.count(verdict);
        if count > 0 {
            counts = format!("{counts}, {count} {}", verdict.name());
        }
    }
    let verdict = container.verdict;
    let text = |text: &Option<String>| Cell::new(text.clone().unwrap_or_else(|| "-".to_owned()));
    Row {
        cells: vec![
            Cell::new(container.number.to_string()),
            text(&container.runtime),
            text(&container.id),
            Cell::new(payload(container)),
            Cell {
                lines: vec![verdict.map_or("-", Verdict::name).to_owned()],
                color: verdict.map(summary::color),
            },
            Cell::new(counts),
        ],
        notes: Vec::new(),
    }
}

fn last_line(report: &Verification, out: &mut dyn Write, style: Style) -> io::Result<()> {
    for waited in &report.never_started {
        writeln!(
            out,
            "created #{}: {}[{}] was set up as a container, and nothing was started in it",
            waited.record,
            escape(&waited.name),
            waited.pid
        )?;
    }
    let verdict = report.verdict.name().to_uppercase();
    let judged = report
        .containers
        .iter()
        .filter(|container| container.verdict.is_some());
    let (mut containers, mut items) = (0_usize, 0);
    for container in judged {
        containers += 1;
        items += container.items.len();
    }
    let what = match report.outcome {
        Outcome::Judged => {
            let plural = if containers == 1 { "" } else { "s" };
            format!("{containers} container{plural}, {items} expectations")
        }
        Outcome::NoContainer if report.containers.is_empty() => {
            "the command made no container (one that a daemon makes is found with --daemon)"
                .to_owned()
        }
        Outcome::NoContainer => "no container was selected".to_owned(),
        Outcome::CommandFailed => "the command failed before it made a container".to_owned(),
    };
    let end = match (report.command.code, report.command.signal) {
        (Some(code), _) => format!("command exit {code}"),
        (None, Some(signal)) => format!("command killed by signal {signal}"),
        (None, None) => "command's end not known".to_owned(),
    };
    replay::lines(report.replay.as_ref(), out)?;
    let counters = &report.counters;
    writeln!(
        out,
        "{}  {what}; events {}, lost {}, unknown {}; {end}; {}.{} ms",
        grid::painted(&verdict, Some(summary::color(report.verdict)), style),
        counters.read,
        counters.lost,
        counters.unknown,
        report.timing.total_us / 1000,
        report.timing.total_us % 1000 / 100,
    )
}
