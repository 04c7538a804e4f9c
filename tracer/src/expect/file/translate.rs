//! From the keys of a file to expectations, each with the line that asks for it. Owns their ids
//! and words.

mod attributes;
mod devices;
mod mounts;
mod readings;

use crate::event::certificate::UNLIMITED;
use crate::event::{NamespaceKind, NsId};
use crate::expect::wording::{bytes_text, cpu_text, list_text};
use crate::expect::{
    Bound, Check, Expectation, IdRule, MapKind, PathPattern, SetName, capability, rlimit,
};

use super::document::{
    Capabilities, Cgroup, Cpus, Document, Kind, List, Namespaces, RlimitForm, RootFact, Seccomp,
    Set, SetForm, SoftHard, User,
};
use super::form::{Asked, At, Form, Never, Text};
use super::word::{AllOrNone, Count, CpuList, Id, Memory, NoNumbers, Private, Share};

/// The expectations of one file; else the line and the key of what asks for nothing and looks as
/// if it did.
pub(super) fn expectations(
    document: Document,
    file: &str,
) -> Result<Vec<Expectation>, (u64, &'static str)> {
    let mut list = Translation {
        file,
        list: Vec::new(),
    };
    list.limits(&document);
    list.rest(&document);
    list.attributes(&document);
    list.mounts(&document);
    list.readings(&document);
    list.part("namespaces", document.namespaces, Translation::namespaces)?;
    list.part("capabilities", document.capabilities, |list, at| {
        list.capabilities(at);
    })?;
    list.devices(&document.devices);
    list.part("user", document.user, |list, at| list.user(&at.value))?;
    list.part("root", document.root, Translation::root)?;
    list.part(
        "time_offsets",
        document.time_offsets,
        Translation::time_offsets,
    )?;
    list.part("rlimits", document.rlimits, |list, at| {
        for (resource, at) in at.value {
            list.rlimit(resource.0, &at);
        }
    })?;
    Ok(list.list)
}

/// Expectations so far.
struct Translation<'a> {
    file: &'a str,
    list: Vec<Expectation>,
}

/// How a limit of whole numbers is put.
fn limit_text(bound: Bound<u64>, amount: fn(u64) -> String) -> String {
    // "at most one less than no limit" is how `<max` is kept.
    if bound == Bound::new(crate::expect::Comparison::AtMost, UNLIMITED - 1) {
        return "a limit".to_owned();
    }
    bound.text(|value| match *value {
        UNLIMITED => "no limit".to_owned(),
        value => amount(value),
    })
}

fn members(list: &List) -> u64 {
    match list {
        Form::Word(AllOrNone::All) => capability::KNOWN,
        Form::Word(AllOrNone::None) => 0,
        Form::List(names) => names.iter().fold(0, |set, name| set | 1 << name.0.0),
        Form::Map(never) => match *never {},
    }
}

/// As many names as fit into a column of a report.
const FEW: u32 = 4;

fn names(set: u64) -> String {
    match set {
        0 => "none".to_owned(),
        capability::KNOWN => "all".to_owned(),
        set if set.count_ones() <= FEW => capability::names(set),
        set => capability::summary(set),
    }
}

impl Translation<'_> {
    fn add(&mut self, line: u64, id: impl Into<String>, asked: impl Into<String>, check: Check) {
        self.list.push(Expectation {
            id: id.into(),
            asked: asked.into(),
            origin: format!("{}:{line}", self.file),
            check,
        });
    }

    /// A key with parts, of which there must be one.
    fn part<T>(
        &mut self,
        key: &'static str,
        asked: Asked<T>,
        add: impl FnOnce(&mut Self, At<T>),
    ) -> Result<(), (u64, &'static str)> {
        let Some(at) = asked.0 else { return Ok(()) };
        let (line, before) = (at.line, self.list.len());
        add(self, at);
        if self.list.len() == before {
            return Err((line, key));
        }
        Ok(())
    }

    /// One that a word alone asks for.
    fn word<T>(&mut self, asked: &Asked<T>, id: &str, text: &str, check: Check) {
        if let Some(at) = &asked.0 {
            self.add(at.line, id, text, check);
        }
    }

    fn limits(&mut self, document: &Document) {
        if let Some(at) = &document.memory_max.0 {
            let Text(Memory(bound)) = at.value;
            let text = limit_text(bound, bytes_text);
            self.add(at.line, "memory.max", text, Check::MemoryBound(bound));
        }
        if let Some(at) = &document.pids_max.0 {
            let Text(Count(bound)) = at.value;
            let text = limit_text(bound, |tasks| format!("{tasks} tasks"));
            self.add(at.line, "pids.max", text, Check::PidsBound(bound));
        }
        if let Some(at) = &document.cpu_max.0 {
            let Text(Share(bound)) = at.value;
            let text = bound.text(ToString::to_string);
            self.add(at.line, "cpu.max", text, Check::CpuBound(bound));
        }
        self.cpus(
            &document.cpuset_cpus,
            "cpuset.cpus",
            Check::CpusetCpus,
            Check::CpusetWithin,
        );
        self.memory_nodes(&document.cpuset_mems);
        self.cpus(
            &document.cpus_allowed,
            "cpus_allowed",
            Check::CpusAllowed,
            Check::CpusAllowedWithin,
        );
    }

    fn cpus(
        &mut self,
        asked: &Asked<Form<CpuList, Never, Cpus>>,
        id: &str,
        exactly: fn(Vec<u32>) -> Check,
        within: fn(Vec<u32>) -> Check,
    ) {
        let Some(at) = &asked.0 else { return };
        let (text, check) = match &at.value {
            Form::Word(CpuList(cpus)) => (cpu_text(cpus), exactly(cpus.clone())),
            Form::Map(Cpus { within: Text(list) }) => (
                format!("within {}", cpu_text(&list.0)),
                within(list.0.clone()),
            ),
            Form::List(never) => match *never {},
        };
        self.add(at.line, id, text, check);
    }

    fn namespaces(&mut self, namespaces: At<Namespaces>) {
        let Namespaces {
            private,
            new,
            shared,
            joined,
        } = namespaces.value;
        self.kinds(private, "not the host's", Check::NamespacePrivate);
        self.kinds(new, "new", Check::NamespaceNew);
        self.kinds(shared, "the host's", Check::NamespaceShared);
        for (kind, at) in joined.0.into_iter().flat_map(|at| at.value) {
            let (kind, id) = (NamespaceKind::from(kind), NsId(at.value));
            let name = format!("namespace.{}", kind.name());
            self.add(
                at.line,
                name,
                format!("joins {id}"),
                Check::NamespaceIs { kind, id },
            );
        }
    }

    fn kinds(
        &mut self,
        asked: Asked<Vec<At<Kind>>>,
        text: &str,
        check: fn(NamespaceKind) -> Check,
    ) {
        for kind in asked.0.into_iter().flat_map(|at| at.value) {
            let (line, kind) = (kind.line, NamespaceKind::from(kind.value));
            self.add(
                line,
                format!("namespace.{}", kind.name()),
                text,
                check(kind),
            );
        }
    }

    fn capabilities(&mut self, at: At<Form<super::word::NoCapabilities, Never, Capabilities>>) {
        let sets = match at.value {
            Form::Word(_) => {
                for set in SetName::ALL {
                    self.exactly(set, at.line, 0);
                }
                return;
            }
            Form::Map(sets) => sets,
            Form::List(never) => match never {},
        };
        for set in SetName::ALL {
            self.within(set, &sets.within);
            self.without(set, &sets.without);
        }
        for (set, asked) in [
            (SetName::Bounding, sets.bounding),
            (SetName::Permitted, sets.permitted),
            (SetName::Effective, sets.effective),
            (SetName::Inheritable, sets.inheritable),
            (SetName::Ambient, sets.ambient),
        ] {
            self.capability_set(set, asked);
        }
    }

    fn capability_set(&mut self, set: SetName, asked: Asked<SetForm>) {
        let Some(at) = asked.0 else { return };
        match at.value {
            Form::Word(_) => self.exactly(set, at.line, 0),
            Form::Map(Set {
                within,
                without,
                exactly,
            }) => {
                self.within(set, &within);
                self.without(set, &without);
                if let Some(at) = exactly.0 {
                    self.exactly(set, at.line, members(&at.value));
                }
            }
            Form::List(never) => match never {},
        }
    }

    fn within(&mut self, set: SetName, asked: &Asked<List>) {
        let Some(at) = &asked.0 else { return };
        let allowed = members(&at.value);
        let id = format!("capabilities.{}", set.name());
        let text = format!("within {}", names(allowed));
        self.add(
            at.line,
            id,
            text,
            Check::CapabilitiesWithin { set, allowed },
        );
    }

    fn without(&mut self, set: SetName, asked: &Asked<List>) {
        let Some(at) = &asked.0 else { return };
        let denied = members(&at.value);
        let id = format!("capabilities.{}", set.name());
        let text = format!("without {}", names(denied));
        self.add(
            at.line,
            id,
            text,
            Check::CapabilitiesWithout { set, denied },
        );
    }

    fn exactly(&mut self, set: SetName, line: u64, asked: u64) {
        let id = format!("capabilities.{}", set.name());
        let check = Check::Capabilities {
            set,
            asked,
            mask: capability::KNOWN,
        };
        self.add(line, id, names(asked), check);
    }

    fn user(&mut self, user: &User) {
        for (asked, map, id) in [
            (&user.uid, MapKind::Users, "user.uid"),
            (&user.gid, MapKind::Groups, "user.gid"),
        ] {
            let Some(at) = &asked.0 else { continue };
            let Text(Id(rule)) = at.value;
            let text = match rule {
                IdRule::Exactly(id) => format!("{id} inside"),
                IdRule::NotRoot => "not 0 inside".to_owned(),
            };
            self.add(at.line, id, text, Check::IdInside { map, rule });
        }
    }

    fn rlimit(&mut self, resource: u32, at: &At<RlimitForm>) {
        let bound = |asked: &Asked<Text<Count>>| asked.0.as_ref().map(|at| at.value.0.0);
        let (soft, hard) = match &at.value {
            Form::Word(Count(bound)) => (Some(*bound), Some(*bound)),
            Form::Map(SoftHard { soft, hard }) => (bound(soft), bound(hard)),
            Form::List(never) => match *never {},
        };
        let text = |bound, name| {
            let bound: Option<Bound<u64>> = bound;
            bound.map(|bound| format!("{name} {}", limit_text(bound, rlimit::value)))
        };
        let parts: Vec<String> = [text(soft, "soft"), text(hard, "hard")]
            .into_iter()
            .flatten()
            .collect();
        let check = Check::RlimitBound {
            resource,
            soft,
            hard,
        };
        let id = format!("rlimit.{}", rlimit::name(resource));
        self.add(at.line, id, parts.join(", "), check);
    }

    /// Numbers in a list, or none.
    fn numbers(
        &mut self,
        asked: &Asked<Form<NoNumbers, Vec<u32>, Never>>,
        id: &str,
        check: impl FnOnce(Vec<u32>) -> Check,
    ) {
        let Some(at) = &asked.0 else { return };
        let mut numbers = match &at.value {
            Form::Word(NoNumbers) => Vec::new(),
            Form::List(numbers) => numbers.clone(),
            Form::Map(never) => match *never {},
        };
        numbers.sort_unstable();
        numbers.dedup();
        let text = match numbers.len() {
            0 => "none".to_owned(),
            _ => format!("within {}", list_text(&numbers)),
        };
        self.add(at.line, id, text, check(numbers));
    }

    fn rest(&mut self, document: &Document) {
        self.numbers(&document.groups, "groups", Check::GroupsWithin);
        self.numbers(
            &document.inherited_fds,
            "descriptors",
            |numbers| match numbers.len() {
                0 => Check::Descriptors,
                _ => Check::DescriptorsWithin(numbers),
            },
        );
        for (asked, map, id) in [
            (&document.uid_map, MapKind::Users, "uid_map.root"),
            (&document.gid_map, MapKind::Groups, "gid_map.root"),
        ] {
            let check = Check::RootIsNotHostRoot(map);
            self.word(asked, id, "not the host's root", check);
        }
        let bits = Check::Securebits(0);
        self.word(&document.securebits, "securebits", "none", bits);
        if let Some(at) = &document.no_new_privs.0 {
            let (text, check) = if at.value {
                ("set", Check::NoNewPrivs)
            } else {
                ("not set", Check::NoNewPrivsUnset)
            };
            self.add(at.line, "no_new_privs", text, check);
        }
        if let Some(at) = &document.seccomp.0 {
            let (text, check) = match at.value {
                Seccomp::Filter => ("a filter of its own", Check::SeccompFiltered),
                Seccomp::Unconfined => ("none of its own", Check::SeccompUnconfined),
            };
            self.add(at.line, "seccomp", text, check);
        }
        self.word(&document.cwd, "cwd", "in its own mnt", Check::Cwd);
        self.word(&document.exe, "exe", "in its own mnt", Check::Exe);
        if let Some(at) = &document.hostname.0 {
            let name = at.value.0.0.clone();
            self.add(at.line, "hostname", name.clone(), Check::Hostname(name));
        }
        if let Some(at) = &document.cgroup.0 {
            let (text, check) = match &at.value {
                Form::Word(Private) => ("its own", Check::CgroupPrivate),
                Form::Map(Cgroup { path: Text(path) }) => {
                    let pattern = PathPattern::of(&path.0);
                    (path.0.as_str(), Check::CgroupPath(pattern))
                }
                Form::List(never) => match *never {},
            };
            self.add(at.line, "cgroup", text, check);
        }
        if let Some(at) = &document.payload.0 {
            let name = at.value.0.0.clone();
            self.add(at.line, "payload", name.clone(), Check::Program(name));
        }
        self.word(&document.drift, "drift", "none", Check::Drift);
    }

    fn root(&mut self, facts: At<Vec<At<RootFact>>>) {
        for fact in facts.value {
            let (id, text, check) = match fact.value {
                RootFact::Pivoted => {
                    let own = "the root of its own mnt";
                    ("root.pivoted", own, Check::RootPivoted)
                }
                RootFact::NotHost => ("root.not_host", "not the host's", Check::RootNotHost),
                RootFact::ReadOnly => ("root.read_only", "read-only", Check::RootReadOnly),
            };
            self.add(fact.line, id, text, check);
        }
    }
}
