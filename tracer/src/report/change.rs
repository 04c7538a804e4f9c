//! What an event changed, in words and as fields. Owns the words of the timeline.

use serde::Serialize;

use crate::event::body::{NamespaceCall, Unknown, UnknownReason};
use crate::event::{Body, Event, NamespaceSlot, Task, Tgid, errno, syscall};
use crate::model::Change;

/// Names of hierarchies and of tracer itself, for words.
pub(super) struct Names<'a> {
    pub root: Tgid,
    pub hierarchies: &'a [(u32, String)],
}

impl Names<'_> {
    fn hierarchy(&self, id: u32) -> String {
        self.hierarchies
            .iter()
            .find(|(known, _)| *known == id)
            .map_or_else(|| format!("hierarchy {id}"), |(_, label)| label.clone())
    }
}

/// One change, as JSON shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ChangeReport {
    /// `task`, `namespace`, `cgroup`, `exec`, `exit`.
    pub kind: &'static str,
    /// Which namespace or hierarchy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// Id before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<u64>,
    /// Id after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<u64>,
    /// In words.
    pub text: String,
}

/// Words of an event. Neighbours that differ in `member` alone can share a line.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Words {
    /// What is common.
    pub subject: Vec<String>,
    /// What is peculiar: a hierarchy, a mount point.
    pub member: Option<String>,
}

pub(super) fn who(task: &Task) -> String {
    format!("{}[{}]", task.comm, task.tgid)
}

/// Words of an event with its changes.
pub(super) fn words(event: &Event, changes: &[Change], names: &Names<'_>) -> Words {
    let mut words = Words::default();
    match &event.body {
        Body::CgroupMkdir(dir) | Body::CgroupRmdir(dir) => {
            words.subject.push(dir.path.text.to_string());
            words.member = Some(names.hierarchy(dir.cgroup.key.hierarchy));
        }
        Body::CgroupAttach(attach) => {
            let itself = attach.target.tgid == event.task.tgid;
            let target = if itself {
                "itself".to_owned()
            } else {
                who(&attach.target)
            };
            words
                .subject
                .push(format!("{target} to {}", attach.path.text));
            words.member = Some(names.hierarchy(attach.cgroup.key.hierarchy));
        }
        Body::Namespace(call) => words.subject = namespace_words(call, changes, names),
        Body::Syscall(call) => {
            let failed = errno::of_return(call.ret).map(|name| format!("failed: {name}"));
            words
                .subject
                .extend(syscall::hint(&call.name, &call.arguments));
            words.subject.extend(failed);
            words.member = (!call.path.text.is_empty()).then(|| call.path.text.to_string());
        }
        Body::Snapshot(_) if event.task.tgid == names.root => {
            words.subject.push("facts of tracer itself".to_owned());
        }
        Body::Snapshot(_) => {
            words.subject.push("facts read at rest".to_owned());
            words.subject.extend(texts(changes, names));
        }
        Body::Lineage(lineage) => {
            let ancestors = lineage.ancestors.iter();
            words.subject.push(
                ancestors
                    .map(|one| format!("{}[{}]", one.comm, one.tgid))
                    .collect::<Vec<_>>()
                    .join(" < "),
            );
        }
        Body::TaskSeen(_) => words.subject.push("there already".to_owned()),
        Body::DeviceProgram(part) => words
            .subject
            .push(format!("program {} on devices", part.id)),
        Body::Unknown(unknown) => words.subject.push(unknown_words(unknown)),
        Body::Fork(_) | Body::Exec(_) | Body::Exit(_) => words.subject = texts(changes, names),
    }
    words
}

fn namespace_words(call: &NamespaceCall, changes: &[Change], names: &Names<'_>) -> Vec<String> {
    if let Some(error) = errno::of_return(call.ret) {
        return vec![format!("failed: {error}")];
    }
    let texts = texts(changes, names);
    if texts.is_empty() {
        vec!["changes nothing".to_owned()]
    } else {
        texts
    }
}

fn unknown_words(unknown: &Unknown) -> String {
    let reason = match unknown.reason {
        UnknownReason::NoHeader => "shorter than a header".to_owned(),
        UnknownReason::Abi(version) => format!("version {version} of the contract"),
        UnknownReason::Truncated { promised } => format!("{promised} bytes promised"),
        UnknownReason::Kind => "a kind of a newer writer".to_owned(),
        UnknownReason::Short { needed } => format!("{needed} bytes needed"),
        UnknownReason::Call(number) => format!("system call {number}"),
    };
    format!("kind {}, {} bytes: {reason}", unknown.kind, unknown.len)
}

/// One line for each change; the namespaces for children only where they go their own way.
fn texts(changes: &[Change], names: &Names<'_>) -> Vec<String> {
    changes
        .iter()
        .filter(|change| !repeats_own(change, changes))
        .map(|change| text(change, names))
        .collect()
}

fn repeats_own(change: &Change, all: &[Change]) -> bool {
    let Change::Namespace {
        slot,
        before,
        after,
        ..
    } = change
    else {
        return false;
    };
    let own = NamespaceSlot::own(slot.kind());
    own != *slot
        && all.iter().any(|other| {
            matches!(other, Change::Namespace { slot, before: b, after: a, .. }
                if *slot == own && b == before && a == after)
        })
}

fn text(change: &Change, names: &Names<'_>) -> String {
    match change {
        Change::Created {
            child,
            thread: true,
            ..
        } => format!("thread {}", child.tid),
        Change::Created { child, vpid, .. } if *vpid == child.tgid.0 => who(child),
        Change::Created { child, vpid, .. } => format!("{}, pid {vpid} inside", who(child)),
        Change::Namespace {
            slot,
            before,
            after,
            ..
        } => {
            format!("{} {before} -> {after}", slot.name())
        }
        Change::Cgroup {
            after, path, way, ..
        } => {
            let hierarchy = names.hierarchy(after.hierarchy);
            let place = path.as_ref().map_or_else(
                || format!("cgroup {}", after.id),
                |path| path.text.to_string(),
            );
            format!("{hierarchy} {place}, {}", way.words(names.root))
        }
        Change::CgroupMade { key, path } | Change::CgroupRemoved { key, path } => {
            format!("{} {}", names.hierarchy(key.hierarchy), path.text)
        }
        Change::Executed { filename } => filename
            .as_ref()
            .map_or_else(|| "a program".to_owned(), |path| path.text.to_string()),
        Change::Ended {
            signal: Some(signal),
            ..
        } => format!("killed by signal {signal}"),
        Change::Ended {
            status,
            group: true,
            ..
        } => format!("exit {status}"),
        Change::Ended { status, .. } => format!("thread exit {status}"),
    }
}

/// A change with its ids as fields.
pub(super) fn report(change: &Change, names: &Names<'_>) -> ChangeReport {
    let (kind, name, before, after) = match change {
        Change::Created { child, .. } => ("task", None, None, Some(u64::from(child.tid.0))),
        Change::Namespace {
            slot,
            before,
            after,
            ..
        } => {
            let ids = (Some(u64::from(before.0)), Some(u64::from(after.0)));
            ("namespace", Some(slot.name().to_owned()), ids.0, ids.1)
        }
        Change::Cgroup { before, after, .. } => {
            let name = names.hierarchy(after.hierarchy);
            (
                "cgroup",
                Some(name),
                before.map(|key| key.id),
                Some(after.id),
            )
        }
        Change::CgroupMade { key, .. } => (
            "cgroup",
            Some(names.hierarchy(key.hierarchy)),
            None,
            Some(key.id),
        ),
        Change::CgroupRemoved { key, .. } => (
            "cgroup",
            Some(names.hierarchy(key.hierarchy)),
            Some(key.id),
            None,
        ),
        Change::Executed { .. } => ("exec", None, None, None),
        Change::Ended { .. } => ("exit", None, None, None),
    };
    ChangeReport {
        kind,
        name,
        before,
        after,
        text: text(change, names),
    }
}
