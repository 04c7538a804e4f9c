//! What certificates show side by side: namespaces against the host's, the tree of cgroups with
//! the limits in force, and every fact in words. Owns these forms.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;

use crate::event::NamespaceSlot;
use crate::expect::wording::bytes_text;
use crate::report::export::escape;
use crate::report::view::{Suite, View};

/// A row for each container, a column for each kind.
pub(super) struct NamespaceMatrix {
    pub kinds: Vec<&'static str>,
    pub rows: Vec<(String, Vec<Cell>)>,
}

/// One namespace of one container.
pub(super) struct Cell {
    /// `own`, `host` or `unknown`.
    pub class: &'static str,
    pub word: String,
    pub number: String,
}

pub(super) fn namespaces(view: &View) -> Option<NamespaceMatrix> {
    let kinds: Vec<&str> = NamespaceSlot::ALL.iter().map(|slot| slot.name()).collect();
    let with = view.suites.iter();
    let with: Vec<(&Suite, &Value)> = with
        .filter_map(|suite| Some((suite, suite.namespaces.as_ref()?)))
        .collect();
    // The first container that has each.
    let mut first: HashMap<(&str, u64), usize> = HashMap::new();
    let rows = with.iter().map(|(suite, set)| {
        let cells = kinds.iter().map(|kind| {
            let number = set[kind]["inum"].as_u64();
            let having = number.map(|number| *first.entry((kind, number)).or_insert(suite.number));
            cell(&set[kind], having.filter(|other| *other != suite.number))
        });
        (escape(&suite.name), cells.collect())
    });
    let rows: Vec<(String, Vec<Cell>)> = rows.collect();
    (!rows.is_empty()).then_some(NamespaceMatrix { kinds, rows })
}

fn cell(namespace: &Value, shared: Option<usize>) -> Cell {
    let number = namespace["inum"].as_u64();
    let (class, word) = match (number, namespace["is_host"].as_bool()) {
        (None, _) => ("unknown", "not known".to_owned()),
        (Some(_), None) => ("unknown", "host's not known".to_owned()),
        (Some(_), Some(true)) => ("host", "host's".to_owned()),
        (Some(_), Some(false)) => match shared {
            Some(other) => ("own", format!("as container {other}")),
            None => ("own", "own".to_owned()),
        },
    };
    Cell {
        class,
        word,
        number: number.map(|number| number.to_string()).unwrap_or_default(),
    }
}

/// The cgroups of one hierarchy.
pub(super) struct CgroupTree {
    pub hierarchy: String,
    pub nodes: Vec<Node>,
}

/// One cgroup, or a folder on the way to one.
pub(super) struct Node {
    pub depth: usize,
    pub name: String,
    /// Containers in it, each with how it came there.
    pub members: Vec<String>,
    pub limits: Vec<String>,
}

#[derive(Default)]
struct Branch {
    branches: BTreeMap<String, Branch>,
    members: Vec<String>,
    limits: Vec<String>,
}

pub(super) fn cgroups(view: &View) -> Vec<CgroupTree> {
    let mut trees: BTreeMap<String, Branch> = BTreeMap::new();
    for suite in &view.suites {
        let Some(facts) = &suite.certificate else {
            continue;
        };
        let members = facts["linux"]["cgroup"]["items"].as_array();
        let labels = members.into_iter().flatten();
        let labels: Vec<&str> = labels.filter_map(|one| one["name"].as_str()).collect();
        for member in members.into_iter().flatten() {
            let number = member["hierarchy"].as_u64().unwrap_or_default();
            let label = member["name"]
                .as_str()
                .map_or_else(|| format!("hierarchy {number}"), str::to_owned);
            let path = member["path"].as_str().map_or_else(
                || format!("cgroup {}, made before the run", member["id"]),
                str::to_owned,
            );
            let mut branch = trees.entry(label.clone()).or_default();
            for part in path.split('/').filter(|part| !part.is_empty()) {
                branch = branch.branches.entry(part.to_owned()).or_default();
            }
            let way = member["way_in"].as_str();
            let way = way.map(|way| format!(", {way}")).unwrap_or_default();
            branch.members.push(format!("{}{way}", suite.name));
            for limit in limits(&facts["linux"], &label, &labels) {
                if !branch.limits.contains(&limit) {
                    branch.limits.push(limit);
                }
            }
        }
    }
    let tree = |(hierarchy, branch): (String, Branch)| {
        let mut nodes = Vec::new();
        flatten(&branch, 0, "/", &mut nodes);
        CgroupTree {
            hierarchy: escape(&hierarchy),
            nodes,
        }
    };
    trees.into_iter().map(tree).collect()
}

fn flatten(branch: &Branch, depth: usize, name: &str, nodes: &mut Vec<Node>) {
    nodes.push(Node {
        depth,
        name: escape(name),
        members: branch.members.iter().map(|one| escape(one)).collect(),
        limits: branch.limits.iter().map(|one| escape(one)).collect(),
    });
    for (name, branch) in &branch.branches {
        flatten(branch, depth + 1, name, nodes);
    }
}

/// Limits that this hierarchy has a controller for: on v1 it bears their names, and a controller
/// that no v1 hierarchy has is v2's.
fn limits(facts: &Value, hierarchy: &str, all: &[&str]) -> Vec<String> {
    let names =
        |label: &str, controller: &str| label.split([',', ' ']).any(|name| name == controller);
    let has = |controller: &str| {
        names(hierarchy, controller)
            || hierarchy == "unified" && !all.iter().any(|label| names(label, controller))
    };
    let limits = &facts["limits"];
    let levels = |limit: &Value| match limit["levels_up"].as_u64() {
        None | Some(0) => String::new(),
        Some(levels) => format!(", set {levels} up"),
    };
    let effective = |key: &str| limits[key]["effective"].as_u64();
    let mut found = Vec::new();
    if let Some(bytes) = effective("memory_bytes").filter(|_| has("memory")) {
        found.push(format!(
            "{}{}",
            bytes_text(bytes),
            levels(&limits["memory_bytes"])
        ));
    }
    if let Some(tasks) = effective("pids").filter(|_| has("pids")) {
        found.push(format!("{tasks} tasks{}", levels(&limits["pids"])));
    }
    let cpu = &limits["cpu_ns"];
    let quota = cpu["effective"]["quota"].as_u64();
    let period = cpu["effective"]["period"].as_u64();
    if let (Some(quota), Some(period), true) = (quota, period, has("cpu")) {
        let (quota, period) = (quota / 1000, period / 1000);
        found.push(format!("{quota} of {period} µs of cpu{}", levels(cpu)));
    }
    if let Some(cpus) = facts["cpuset_cpus"].as_array().filter(|_| has("cpuset")) {
        let cpus: Vec<String> = cpus.iter().map(Value::to_string).collect();
        found.push(format!("cpus {}", cpus.join(" ")));
    }
    found
}

/// A fact and its value.
pub(super) struct Fact {
    pub name: String,
    pub value: String,
}

/// Every fact of a certificate, in groups.
pub(super) fn facts(suite: &Suite) -> Vec<(String, Vec<Fact>)> {
    let mut groups: Vec<(String, Vec<Fact>)> = Vec::new();
    let Some(Value::Object(parts)) = &suite.certificate else {
        return groups;
    };
    for (part, members) in parts {
        let Value::Object(members) = members else {
            continue;
        };
        let mut plain = Vec::new();
        let mut nested = Vec::new();
        for (name, value) in members {
            // What is many facts is a group of its own, which names them.
            let mut alone = Vec::new();
            gather("", value, &mut alone);
            if alone.len() > 3 {
                nested.push((escape(&format!("{part}.{name}")), alone));
            } else {
                gather(name, value, &mut plain);
            }
        }
        groups.push((escape(part), plain));
        groups.extend(nested);
    }
    groups
}

fn gather(name: &str, value: &Value, facts: &mut Vec<Fact>) {
    let below = |part: &str| match name {
        "" => part.to_owned(),
        name => format!("{name}.{part}"),
    };
    match value {
        Value::Object(members) if members.contains_key("items") => {
            gather(name, &members["items"], facts);
            if members["truncated"] == true {
                gather(&below("and more"), &Value::Bool(true), facts);
            }
        }
        Value::Object(members) if !members.is_empty() && !is_pair(value) => {
            for (member, value) in members {
                gather(&below(member), value, facts);
            }
        }
        Value::Array(items) if items.iter().any(Value::is_object) => {
            for (number, item) in (1..).zip(items) {
                let number: usize = number;
                facts.push(Fact {
                    name: escape(&below(&number.to_string())),
                    value: escape(&words(item)),
                });
            }
        }
        value => facts.push(Fact {
            name: escape(name),
            value: escape(&words(value)),
        }),
    }
}

/// A resource limit is one fact.
fn is_pair(value: &Value) -> bool {
    value.get("soft").is_some() && value.get("hard").is_some()
}

fn words(value: &Value) -> String {
    match value {
        Value::Null => "not known".to_owned(),
        Value::Bool(true) => "yes".to_owned(),
        Value::Bool(false) => "no".to_owned(),
        Value::Number(number) => number.to_string(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.is_empty() => "none".to_owned(),
        Value::Array(items) => {
            let parts: Vec<String> = items.iter().map(words).collect();
            parts.join(" ")
        }
        Value::Object(_) if is_pair(value) => {
            format!("{} : {}", words(&value["soft"]), words(&value["hard"]))
        }
        Value::Object(members) => {
            let parts = members
                .iter()
                .map(|(name, value)| format!("{name} {}", words(value)));
            parts.collect::<Vec<_>>().join(", ")
        }
    }
}
