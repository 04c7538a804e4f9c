//! What was read from files of the kernel's as the payload was executed. Owns its comparison.

use crate::expect::reading::{FileAsked, NodeAsked};
use crate::expect::{Place, Reading, SecurityModule};

use super::super::Evidence;
use super::super::finding::{Facts, Finding};

fn evidence(source: &str, detail: impl Into<String>) -> Vec<Evidence> {
    vec![Evidence {
        seq: None,
        source: source.to_owned(),
        detail: detail.into(),
    }]
}

fn absent(what: &str, reason: &str, source: &str, detail: String) -> Finding {
    Finding::Violated {
        seen: what.to_owned(),
        reason: reason.to_owned(),
        evidence: evidence(source, detail),
    }
}

/// What a place was found to hold, or why that cannot be known.
fn found<'a>(place: &Place, facts: &Facts<'a>) -> Result<&'a Reading, Finding> {
    let readings = facts.observation.readings.as_ref();
    match readings.map(|readings| readings.0.get(place)) {
        None => Err(Finding::unknown("nothing was read about it")),
        Some(None) => Err(Finding::unknown("that place was not read")),
        Some(Some(Reading::Unread(reason))) => Err(Finding::unknown(reason)),
        Some(Some(reading)) => Ok(reading),
    }
}

/// Reads a text; a device file is none.
fn text<'a>(place: &Place, facts: &Facts<'a>) -> Result<Option<&'a str>, Finding> {
    Ok(match found(place, facts)? {
        Reading::Text(text) => Some(text),
        _ => None,
    })
}

pub(super) fn cgroup_file(asked: &[FileAsked], facts: &Facts<'_>) -> Finding {
    let mut there = Vec::new();
    let mut unknown = None;
    for file in asked {
        match text(&Place::CgroupFile(file.name.clone()), facts) {
            Ok(Some(text)) => there.push((file, text)),
            Ok(None) => {}
            Err(reason) => unknown = Some(reason),
        }
    }
    let line =
        |(file, text): &(&FileAsked, &str)| format!("{}: {}", file.name, text.replace('\n', "; "));
    if let Some(right) = there
        .iter()
        .find(|(file, text)| file.rule.holds(text) == Some(true))
    {
        return Finding::Holds {
            seen: right.1.replace('\n', "; "),
            evidence: evidence("cgroup", line(right)),
        };
    }
    if let Some(unknown) = unknown {
        return unknown;
    }
    let Some(first) = there.first() else {
        let names: Vec<&str> = asked.iter().map(|file| file.name.as_str()).collect();
        let detail = format!("not there: {}", names.join(", "));
        let reason = "its cgroup has no such file";
        return absent("no such file", reason, "cgroup", detail);
    };
    Finding::Violated {
        seen: first.1.replace('\n', "; "),
        reason: format!("it is not {}", first.0.rule.text()),
        evidence: there
            .iter()
            .flat_map(|one| evidence("cgroup", line(one)))
            .collect(),
    }
}

/// With one space between words.
fn words(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

pub(super) fn sysctl(key: &str, value: &str, facts: &Facts<'_>) -> Finding {
    match text(&Place::Sysctl(key.to_owned()), facts) {
        Err(unknown) => unknown,
        Ok(None) => absent(
            "no such value",
            "the kernel has no such value in its namespaces",
            "sysctl",
            format!("{key} is not there"),
        ),
        Ok(Some(seen)) => {
            let seen = words(seen);
            let evidence = evidence("sysctl", format!("{key} = {seen}"));
            let holds = seen == words(value);
            Finding::decide(holds, seen, format!("it is not {value}"), evidence)
        }
    }
}

pub(super) fn device_node(asked: &NodeAsked, facts: &Facts<'_>) -> Finding {
    match found(&Place::DeviceNode(asked.path.clone()), facts) {
        Err(unknown) => unknown,
        Ok(Reading::Device(seen)) => {
            let wrong = asked.differs(seen);
            let text = NodeAsked {
                path: asked.path.clone(),
                kind: seen.kind,
                device: Some((seen.major, seen.minor)),
                mode: Some(seen.mode),
                uid: Some(seen.uid),
                gid: Some(seen.gid),
            }
            .text();
            let evidence = evidence("statx", format!("{}: {text}", asked.path));
            Finding::decide(wrong.is_empty(), text, wrong.join(", "), evidence)
        }
        Ok(_) => absent(
            "nothing is there",
            "the device file is missing",
            "statx",
            format!("{} is not there", asked.path),
        ),
    }
}

pub(super) fn net_device(name: &str, facts: &Facts<'_>) -> Finding {
    match found(&Place::NetDevice(name.to_owned()), facts) {
        Err(unknown) => unknown,
        Ok(Reading::Missing) => absent(
            "no such interface",
            "its network namespace has no interface of that name",
            "interfaces",
            format!("{name} is not there"),
        ),
        Ok(_) => Finding::Holds {
            seen: "there".to_owned(),
            evidence: evidence("interfaces", name),
        },
    }
}

pub(super) fn label(module: SecurityModule, asked: &str, facts: &Facts<'_>) -> Finding {
    let title = module.title();
    match text(&Place::Label(module), facts) {
        Err(unknown) => unknown,
        Ok(None) => absent(
            "no label",
            &format!("this kernel does not run {title}"),
            module.name(),
            format!("{title} is not active"),
        ),
        Ok(Some(seen)) => {
            let (name, mode) = split(module, seen);
            let evidence = evidence(module.name(), seen);
            let reason = if name == asked {
                format!("the profile is in {} mode", mode.unwrap_or_default())
            } else {
                "it is another".to_owned()
            };
            let in_force = mode.is_none_or(|mode| mode == "enforce" || mode == "kill");
            Finding::decide(name == asked && in_force, seen, reason, evidence)
        }
    }
}

/// The name and, of AppArmor, the mode behind it in parentheses; who is unconfined has none.
fn split(module: SecurityModule, label: &str) -> (&str, Option<&str>) {
    let of_apparmor = module == SecurityModule::AppArmor;
    let parts = label
        .strip_suffix(')')
        .filter(|_| of_apparmor)
        .and_then(|label| label.rsplit_once(" ("));
    parts.map_or((label, None), |(name, mode)| (name, Some(mode)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mode_of_a_profile_is_split_off() {
        let apparmor = SecurityModule::AppArmor;
        let enforced = ("docker-default", Some("enforce"));
        assert_eq!(split(apparmor, "docker-default (enforce)"), enforced);
        assert_eq!(split(apparmor, "unconfined"), ("unconfined", None));
        let context = "system_u:system_r:container_t:s0:c1,c2";
        assert_eq!(split(SecurityModule::SeLinux, context), (context, None));
    }
}
