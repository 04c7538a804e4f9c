//! A record as a line for people. Owns the words.

use crate::report::escape::escape;

use super::record::{Born, Cgroup, Container, Enforced, Loss, Namespace, Process, Record, What};

/// One line without its end, harmless for a terminal.
pub fn line(record: &Record) -> String {
    format!("{} {}", record.time, message(record))
}

/// The same without the time.
pub fn message(record: &Record) -> String {
    let mut text = record.what.name().to_owned();
    text.push_str(&escape(&words(&record.what)));
    if record.late {
        text.push_str(" (late)");
    }
    text
}

fn words(what: &What) -> String {
    match what {
        What::AuditStarted(started) => format!(
            " tracer {} on {}: setns and unshare seen {}{}",
            started.version,
            started.kernel,
            match started.mode {
                super::record::Mode::Exact => "as they return",
                super::record::Mode::Economy => "by their outcome, at the next fork, exec or exit",
            },
            started
                .enforced
                .as_ref()
                .map_or_else(String::new, |which| format!(
                    "; payloads of {which} held until they are judged"
                ))
        ),
        What::AuditResumed {
            unknown_from,
            unknown_to,
        } => {
            let from = unknown_from.as_deref().unwrap_or("an unknown time");
            format!(" nothing is known from {from} to {unknown_to}")
        }
        What::ContainerFound(born) | What::ContainerBorn(born) => birth(born),
        What::ContainerViolation(violation) => {
            let items = violation.items.iter().map(|item| {
                let reason = item.reason.as_deref().unwrap_or_default();
                format!(
                    "{}: asked {}, seen {}: {reason}",
                    item.id, item.asked, item.seen
                )
            });
            let items: Vec<String> = items.collect();
            format!(
                " {} {} {}{}: {}",
                container(&violation.container),
                violation.verdict.to_uppercase(),
                who(&violation.process),
                done(violation.enforced),
                items.join("; ")
            )
        }
        What::ContainerChanged {
            container: of,
            change,
            by,
        } => format!(" {} {change} by {by}", container(of)),
        What::ContainerEntered {
            container: of,
            process,
            ..
        } => format!(" {} by {}", container(of), who(process)),
        What::ContainerEnded {
            container: of,
            exit_code,
            signal,
            lifetime_ns,
            ..
        } => {
            let how = ended(*exit_code, *signal);
            format!(
                " {} {how} after {} ms",
                container(of),
                lifetime_ns / 1_000_000
            )
        }
        What::NamespaceMade {
            process,
            namespaces,
            ..
        }
        | What::NamespaceJoined {
            process,
            namespaces,
            ..
        } => format!(" {} by {}", list(namespaces), who(process)),
        What::CgroupMade(cgroup) | What::CgroupRemoved(cgroup) => format!(
            " {} hierarchy {} by {}",
            path(cgroup),
            cgroup.hierarchy,
            who(&cgroup.process)
        ),
        What::CgroupMoved { target, cgroup } => format!(
            " {} to {} hierarchy {} by {}",
            who(target),
            path(cgroup),
            cgroup.hierarchy,
            who(&cgroup.process)
        ),
        What::Loss(loss) => lost(loss),
        What::AuditEnded(ended) => format!(
            " by {}: {} submitted, {} read, {} lost; {} containers live",
            ended.reason, ended.submitted, ended.read, ended.lost, ended.containers
        ),
    }
}

fn path(cgroup: &Cgroup) -> String {
    let cut = if cgroup.path_cut { " (cut)" } else { "" };
    format!("{}{cut}", cgroup.path)
}

fn ended(exit_code: Option<u32>, signal: Option<u32>) -> String {
    match (exit_code, signal) {
        (_, Some(signal)) => format!("by signal {signal}"),
        (Some(code), _) => format!("with {code}"),
        _ => "unseen".to_owned(),
    }
}

fn lost(loss: &Loss) -> String {
    let lost = loss
        .lost
        .iter()
        .map(|(kind, count)| format!("{count} {kind}"));
    let lost: Vec<String> = lost.collect();
    format!(
        " {} lost, {} of them not made, {} not understood, {} not marked, {} put out",
        lost.join(", "),
        loss.not_run,
        loss.not_understood,
        loss.not_marked,
        loss.put_out
    )
}

fn birth(born: &Born) -> String {
    let ancestors = born.lineage.ancestors.iter().map(who);
    let ancestors: Vec<String> = ancestors.collect();
    let verdict = born
        .verdict
        .as_deref()
        .map(|word| format!(" {}", word.to_uppercase()));
    let apart = if born.cgroups_alone {
        format!("cgroup {}", born.cgroups.join(","))
    } else {
        list(&born.namespaces)
    };
    format!(
        " {}{} {}{} in {apart} < {}",
        container(&born.container),
        verdict.unwrap_or_default(),
        who(&born.process),
        done(born.enforced),
        ancestors.join(" < ")
    )
}

fn done(enforced: Option<Enforced>) -> String {
    enforced.map_or_else(String::new, |done| format!(", {}", done.words()))
}

fn container(of: &Container) -> String {
    let name = of.name.as_deref().map(|name| format!(" ({name})"));
    let incomplete = if of.incomplete { " incomplete" } else { "" };
    format!("{}{}{incomplete}", of.id, name.unwrap_or_default())
}

fn who(process: &Process) -> String {
    let name = process.executable.as_deref().unwrap_or(&process.name);
    match process.uid() {
        Some(uid) if uid != 0 => format!("{name}[{}] uid {uid}", process.pid),
        _ => format!("{name}[{}]", process.pid),
    }
}

fn list(namespaces: &[Namespace]) -> String {
    let namespaces = namespaces.iter().map(|one| one.kind.as_str());
    namespaces.collect::<Vec<_>>().join(",")
}
