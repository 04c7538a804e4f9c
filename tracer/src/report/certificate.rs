//! The birth certificate as JSON: names of the Elastic Common Schema where it has one, `linux.*`
//! for the rest, tetragon's shape for namespaces. A fact that the kernel could not give is
//! `null`. Owns this shape.

mod attribute;

use serde_json::{Map, Value, json};
use tracer_common::record::Certificate as Wire;
use zerocopy::{FromZeros as _, IntoBytes as _};

use crate::event::certificate::{
    Capabilities, Certificate, ClockOffset, IdExtent, Limit, Partial, PathFact, SCHED_DEADLINE,
    UNLIMITED, set_bits,
};
use crate::event::device::DeviceSet;
use crate::event::{NamespaceSlot, Task, Tgid};
use crate::expect::attribute::{device_text, personality_text};
use crate::expect::wording::umask_text;
use crate::expect::{Place, Reading, Readings, SecurityModule, capability, rlimit};
use crate::host::HostFacts;
use crate::model::{Devices, Model, TaskState};

use super::change::Names;

/// A certificate in which every fact is there, for whatever asks which facts there are.
pub fn template(host: &HostFacts) -> Value {
    let mut facts = Wire::new_zeroed();
    facts.valid = u64::MAX;
    // A namespace without a number is one that the kernel could not tell.
    facts.namespaces.as_mut_bytes().fill(1);
    // So is a mask without any processor or memory node.
    (
        facts.cpus_allowed[0],
        facts.cpuset_cpus[0],
        facts.cpuset_mems[0],
    ) = (1, 1, 1);
    // Of the list of devices 0 is no valid state.
    facts.device_list.behavior = 1;
    facts.root.flags = PathFact::UNCOVERED;
    facts.filename[0] = b'/';
    // Only deadlines have their parameters.
    facts.scheduling.policy = SCHED_DEADLINE;
    let facts = Certificate::from(facts);
    let model = Model::new(Tgid(0), &facts);
    let label = |module| (Place::Label(module), Reading::Text(String::new()));
    let labels = Readings(SecurityModule::ALL.map(label).into());
    let context = Context {
        host,
        model: &model,
        task: None,
        baseline: Some(&facts),
        readings: Some(&labels),
    };
    let names = Names {
        root: Tgid(0),
        hierarchies: &[],
    };
    let mut document = document(&facts, &context, &names);
    // Who it was is not among its facts.
    for (name, value) in [
        ("pid", json!(0)),
        ("entity_id", json!("")),
        ("name", json!("")),
    ] {
        document["process"][name] = value;
    }
    document
}

/// What stands beside the facts.
pub(super) struct Context<'a> {
    pub host: &'a HostFacts,
    pub model: &'a Model,
    pub task: Option<&'a TaskState>,
    pub baseline: Option<&'a Certificate>,
    pub readings: Option<&'a Readings>,
}

/// `{apparmor, selinux}`; `null` = this kernel does not run it, or it was not read.
fn security_labels(readings: Option<&Readings>) -> Value {
    let label = |module| match readings?.0.get(&Place::Label(module))? {
        Reading::Text(text) => Some(text.as_str()),
        _ => None,
    };
    let block = SecurityModule::ALL.map(|module| (module.name().to_owned(), json!(label(module))));
    Value::Object(block.into_iter().collect())
}

/// `{mnt: {inum, is_host}, ...}`; `is_host` is `null` when tracer's own is not known.
pub(super) fn namespaces(facts: &Certificate, baseline: Option<&Certificate>) -> Option<Value> {
    let set = facts.namespaces()?;
    let host = baseline.and_then(Certificate::namespaces);
    let block = NamespaceSlot::ALL.into_iter().map(|slot| {
        let inum = set.get(slot);
        let of_host = host.and_then(|host| host.get(slot));
        let is_host = inum.zip(of_host).map(|(inum, host)| inum == host);
        (
            slot.name().to_owned(),
            json!({ "inum": inum, "is_host": is_host }),
        )
    });
    Some(Value::Object(block.collect()))
}

/// The whole certificate.
pub(super) fn document(facts: &Certificate, context: &Context<'_>, names: &Names<'_>) -> Value {
    let ids = facts.ids();
    let id = |pick: fn(&crate::event::certificate::Ids) -> u32| ids.as_ref().map(pick);
    let task = context.task.map(|state| &state.task);
    json!({
        "process": {
            "pid": task.map(|task| task.tgid),
            "vpid": facts.vpid(),
            "entity_id": task.map(|task| entity_id(&context.host.boot_id, task)),
            "name": task.map(|task| &task.comm),
            "executable": facts.filename().map(|path| path.text),
            "parent": { "pid": facts.parent() },
            "user": { "id": id(|ids| ids.euid) },
            "real_user": { "id": id(|ids| ids.uid) },
            "saved_user": { "id": id(|ids| ids.suid) },
            "group": { "id": id(|ids| ids.egid) },
            "real_group": { "id": id(|ids| ids.gid) },
            "saved_group": { "id": id(|ids| ids.sgid) },
            "supplemental_groups": facts.groups().map(|groups| partial(&groups, |id| json!(id))),
        },
        "host": { "hostname": facts.hostname(), "domain": facts.domainname() },
        "linux": {
            "ns": namespaces(facts, context.baseline),
            "cgroup": cgroups(facts, context, names),
            "fsuid": id(|ids| ids.fsuid),
            "fsgid": id(|ids| ids.fsgid),
            "uid_map": facts.uid_map().map(|map| partial(&map, extent)),
            "gid_map": facts.gid_map().map(|map| partial(&map, extent)),
            "capabilities": facts.capabilities().map(|sets| capabilities(&sets)),
            "securebits": facts.securebits(),
            "no_new_privs": facts.no_new_privs(),
            "seccomp": { "mode": facts.seccomp_mode(), "filters": facts.seccomp_filters() },
            "limits": limits(facts),
            "cpus_allowed": facts.cpus_allowed(),
            "cpuset_cpus": facts.cpuset_cpus(),
            "cpuset_mems": facts.cpuset_mems(),
            "root": facts.root().map(|path| place(&path)),
            "cwd": facts.cwd().map(|path| place(&path)),
            "exe": facts.exe().map(|path| place(&path)),
            "rlimits": rlimits(facts),
            "descriptors": descriptors(facts),
            "devices": devices(facts, context.model),
            "oom_score_adj": facts.oom_score_adj(),
            "umask": facts.umask().map(umask_text),
            "ptrace_parent": { "pid": facts.ptrace_parent() },
            "security_labels": security_labels(context.readings),
            "session_keyring": session_keyring(facts, context.baseline),
            "time_offsets": facts.time_offsets().map(|offsets| json!({
                "monotonic": clock_offset(&offsets.monotonic),
                "boottime": clock_offset(&offsets.boottime),
            })),
            "terminal": attribute::terminal(facts, context.baseline),
            "scheduler": attribute::scheduler(facts),
            "io_priority": attribute::io_priority(facts),
            "memory_policy": attribute::memory_policy(facts),
            "personality": facts.personality().map(personality_text),
        },
    })
}

/// FNV-1a, 128 bits, of boot id, thread group and start time: a name for the process that no
/// later one with the same number has. For correlation, not against forgery.
pub(crate) fn entity_id(boot_id: &str, task: &Task) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let hash = format!("{boot_id}/{}/{}", task.tgid, task.start_ns)
        .bytes()
        .fold(OFFSET, |hash, byte| {
            (hash ^ u128::from(byte)).wrapping_mul(PRIME)
        });
    format!("{hash:032x}")
}

fn partial<T>(list: &Partial<T>, one: impl FnMut(&T) -> Value) -> Value {
    let items: Vec<Value> = list.items.iter().map(one).collect();
    json!({ "items": items, "truncated": list.truncated })
}

fn extent(line: &IdExtent) -> Value {
    json!({ "inside": line.inside, "outside": line.outside, "count": line.count })
}

fn cgroups(facts: &Certificate, context: &Context<'_>, names: &Names<'_>) -> Value {
    let Some(set) = facts.cgroups() else {
        return Value::Null;
    };
    let members = set.members.iter().map(|member| {
        let key = member.key;
        let hierarchy = context
            .host
            .hierarchies
            .iter()
            .find(|one| one.id == key.hierarchy);
        let place = context.task.and_then(|task| task.place(key.hierarchy));
        let place = place.filter(|place| place.key == key);
        json!({
            "hierarchy": key.hierarchy,
            "name": hierarchy.map(crate::host::Hierarchy::label),
            "id": key.id,
            "level": member.level,
            "path": context.model.cgroup(key).map(|birth| &birth.path.text),
            "way_in": place.as_ref().map(|place| place.way.words(names.root)),
            "seq": place.and_then(|place| place.seq),
        })
    });
    json!({ "items": members.collect::<Vec<_>>(), "truncated": set.truncated })
}

/// Names as the schema wants them: `CAP_SYS_ADMIN`.
fn capabilities(sets: &Capabilities) -> Value {
    let names = |set: u64| {
        set_bits(set)
            .map(|number| format!("CAP_{}", capability::name(number).to_uppercase()))
            .collect::<Vec<_>>()
    };
    json!({
        "bounding": names(sets.bounding),
        "permitted": names(sets.permitted),
        "effective": names(sets.effective),
        "inheritable": names(sets.inheritable),
        "ambient": names(sets.ambient),
    })
}

/// Numbers beyond what JSON readers hold exactly are words.
fn amount(value: u64) -> Value {
    if value == UNLIMITED {
        json!("unlimited")
    } else {
        json!(value)
    }
}

fn limits(facts: &Certificate) -> Value {
    let limit = |limit: Limit| {
        json!({
            "own": amount(limit.own),
            "effective": amount(limit.effective),
            "levels_up": limit.depth,
        })
    };
    json!({
        "memory_bytes": facts.memory().map(limit),
        "pids": facts.pids().map(limit),
        "cpu_ns": facts.cpu().map(|cpu| json!({
            "own": { "quota": amount(cpu.own_quota), "period": cpu.own_period },
            "effective": { "quota": amount(cpu.quota), "period": cpu.period },
            "levels_up": cpu.depth,
        })),
    })
}

fn place(path: &PathFact) -> Value {
    let has = |flag: u32| path.flags & flag != 0;
    json!({
        "inode": path.ino,
        "device": device_text(path.dev),
        "fs_magic": format!("{:#x}", path.magic),
        "mnt_ns": path.mnt_ns,
        "mnt_id": path.mnt_id,
        "is_mount_root": has(PathFact::MOUNT_ROOT),
        "is_namespace_root": has(PathFact::AT_NAMESPACE_ROOT),
        "is_covered": match (has(PathFact::COVERED), has(PathFact::UNCOVERED)) {
            (true, _) => Some(true),
            (_, true) => Some(false),
            _ => None,
        },
        "read_only": has(PathFact::MOUNT_READ_ONLY) || has(PathFact::FS_READ_ONLY),
    })
}

fn rlimits(facts: &Certificate) -> Value {
    let limits: Map<String, Value> = (0..16)
        .filter_map(|resource| {
            let limit = facts.rlimit(resource)?;
            let value = json!({ "soft": amount(limit.soft), "hard": amount(limit.hard) });
            Some((rlimit::name(resource), value))
        })
        .collect();
    if limits.is_empty() {
        Value::Null
    } else {
        Value::Object(limits)
    }
}

fn descriptors(facts: &Certificate) -> Value {
    let Some(list) = facts.descriptors() else {
        return Value::Null;
    };
    partial(&list, |open| {
        json!({
            "fd": open.fd,
            "inode": open.ino,
            "mode": format!("{:o}", open.mode),
            "mnt_ns": open.mnt_ns,
            "close_on_exec": open.flags & crate::event::certificate::Descriptor::CLOSE_ON_EXEC != 0,
        })
    })
}

/// What can be used, in the words of v1's files, and what of that cannot after all; both are `null`
/// where that is not known, and why it is not is said.
fn devices(facts: &Certificate, model: &Model) -> Value {
    let found = Devices::of(facts, model.device_programs(), []);
    let (lists, error) = match found {
        Ok(devices) => (Some(devices.lists()), None),
        Err(error) => (None, Some(error.to_string())),
    };
    let texts = |sets: &Vec<DeviceSet>| {
        let texts = sets.iter().map(ToString::to_string);
        texts.collect::<Vec<_>>()
    };
    json!({
        "usable": lists.as_ref().map(|(usable, _)| texts(usable)),
        "except": lists.as_ref().map(|(_, except)| texts(except)),
        "not_known": error,
    })
}

/// A serial number of 0 is none; `is_host` is `null` when tracer's own is not known.
fn session_keyring(facts: &Certificate, baseline: Option<&Certificate>) -> Option<Value> {
    let own = facts.session_keyring()?;
    let host = baseline.and_then(Certificate::session_keyring);
    let is_host = host.map(|host| host == own);
    Some(json!({ "serial": own, "is_host": is_host }))
}

fn clock_offset(offset: &ClockOffset) -> Value {
    json!({ "seconds": offset.seconds, "nanoseconds": offset.nanoseconds })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::Tgid;
    use crate::verdict::sample::Scenario;

    fn absent(at: &str, value: &Value) -> Vec<String> {
        match value {
            Value::Null => vec![at.to_owned()],
            Value::Object(members) => {
                let members = members.iter();
                members
                    .flat_map(|(name, value)| absent(&format!("{at}.{name}"), value))
                    .collect()
            }
            _ => Vec::new(),
        }
    }

    /// What is not in it, no rule can name.
    #[test]
    fn the_template_has_every_fact() {
        let not_told_of_anybody = [".linux.cwd.is_covered", ".linux.exe.is_covered"];
        // Whoever has none of the first two, or a list of devices that is understood.
        let of_some = [
            ".linux.terminal.device",
            ".linux.terminal.devpts",
            ".linux.devices.not_known",
        ];
        let mut expected = [&not_told_of_anybody[..], &of_some].concat();
        expected.sort_unstable();
        assert_eq!(absent("", &template(&Scenario::good().host)), expected);
    }

    #[test]
    fn a_process_that_reuses_a_number_has_another_entity_id() {
        let task = |start_ns| Task {
            tgid: Tgid(7),
            start_ns,
            ..Task::default()
        };
        assert_eq!(entity_id("b", &task(1)), entity_id("b", &task(1)));
        assert_ne!(entity_id("b", &task(1)), entity_id("b", &task(2)));
        assert_ne!(entity_id("b", &task(1)), entity_id("c", &task(1)));
    }

    #[test]
    fn the_hash_is_the_published_one() {
        // Test vector of draft-eastlake-fnv for the empty string is the offset itself; one byte
        // "a" is checked here through the same fold.
        let hash = (0x6c62_272e_07bb_0142_62b8_2175_6295_c58d_u128 ^ u128::from(b'a'))
            .wrapping_mul(0x0000_0000_0100_0000_0000_0000_0000_013b);
        assert_eq!(format!("{hash:032x}"), "d228cb696f1a8caf78912b704e4a8964");
    }
}
