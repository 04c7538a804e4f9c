//! Claims about the translation of a bundle.

mod files;
mod schedule;

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::super::device::DevicesAsked;
use super::super::{Check, IdRule, MapKind, SetName};
use super::*;
use crate::verdict::sample;

/// A bundle that asks for everything that can be observed.
fn everything() -> Value {
    let caps = |names: &[&str]| {
        json!(
            names
                .iter()
                .map(|one| format!("CAP_{one}"))
                .collect::<Vec<_>>()
        )
    };
    json!({
        "ociVersion": "1.2.0",
        "hostname": "box",
        "domainname": "example",
        "root": {"path": "rootfs", "readonly": true},
        "process": {
            "user": {"uid": 0, "gid": 5, "additionalGids": [9, 7], "umask": 0o27},
            "oomScoreAdj": -5,
            "terminal": true,
            "scheduler": {"policy": "SCHED_BATCH", "nice": 5},
            "ioPriority": {"class": "IOPRIO_CLASS_BE", "priority": 7},
            "args": ["sh", "-c", "id"],
            "cwd": "/",
            "noNewPrivileges": true,
            "apparmorProfile": "docker-default",
            "selinuxLabel": "system_u:system_r:container_t:s0",
            "capabilities": {
                "bounding": caps(&["CHOWN", "NET_RAW", "CHECKPOINT_RESTORE"]),
                "permitted": caps(&["CHOWN"]),
                "effective": caps(&["CHOWN"]),
                "inheritable": caps(&["CHOWN"]),
                "ambient": caps(&["CHOWN", "NET_RAW"]),
            },
            "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 256, "hard": 512}],
        },
        "mounts": [
            {"destination": "/proc", "type": "proc", "source": "proc"},
            {"destination": "/dev", "type": "tmpfs", "source": "tmpfs",
             "options": ["nosuid", "strictatime", "mode=755", "size=65537"]},
            {"destination": "/sys", "type": "sysfs", "options": ["nosuid", "ro"]},
            {"destination": "data", "type": "bind", "source": "/srv", "options": ["rbind", "rw", "rslave"]},
            {"destination": "/sys/fs/cgroup", "type": "cgroup", "options": ["ro"]},
        ],
        "linux": {
            "cgroupsPath": "/pods/one",
            "namespaces": [
                {"type": "mount"}, {"type": "uts"}, {"type": "ipc"}, {"type": "pid"},
                {"type": "user"}, {"type": "cgroup"}, {"type": "network", "path": "/run/netns/one"},
            ],
            "uidMappings": [{"containerID": 0, "hostID": 100_000, "size": 65536}],
            "gidMappings": [{"containerID": 0, "hostID": 200_000, "size": 65536}],
            "seccomp": {"defaultAction": "SCMP_ACT_ERRNO"},
            "timeOffsets": {"boottime": {"secs": -2, "nanosecs": 500_000_000}},
            "memoryPolicy": {"mode": "MPOL_BIND", "nodes": "0-1", "flags": ["MPOL_F_STATIC_NODES"]},
            "personality": {"domain": "LINUX32"},
            "rootfsPropagation": "rslave",
            "sysctl": {"net.ipv4.ip_forward": "1", "kernel.msgmax": "65536"},
            "devices": [
                {"path": "/dev/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 438},
                {"path": "/dev/pipe", "type": "p", "major": 0, "minor": 0},
            ],
            "netDevices": {"eth0": {"name": "inside0"}, "eth1": {}},
            "maskedPaths": ["/proc/kcore", "/proc/asound"],
            "readonlyPaths": ["/proc/sys"],
            "resources": {
                "memory": {"limit": 67_108_865, "reservation": 33_554_433, "swap": 134_217_730,
                           "kernelTCP": 4096, "swappiness": 10, "disableOOMKiller": true},
                "pids": {"limit": 32},
                "devices": [
                    {"allow": false, "access": "rwm"},
                    {"allow": true, "type": "c", "major": 10, "minor": 229, "access": "rw"},
                    {"allow": true, "type": "b", "major": 8, "minor": -1},
                ],
                "cpu": {"quota": 50000, "cpus": "0-1", "mems": "1", "shares": 512, "idle": 0, "burst": 1000,
                        "realtimeRuntime": 950, "realtimePeriod": 1_000_000},
                "blockIO": {
                    "weight": 500,
                    "weightDevice": [{"major": 8, "minor": 0, "weight": 200}],
                    "throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 600}],
                    "throttleWriteIOPSDevice": [{"major": 8, "minor": 16, "rate": 300}],
                },
                "hugepageLimits": [{"pageSize": "2MB", "limit": 4_194_304}],
                "network": {"classID": 7, "priorities": [{"name": "eth0", "priority": 5}]},
                "rdma": {"mlx5_0": {"hcaHandles": 3, "hcaObjects": 10_000}},
                "unified": {"memory.high": "64M", "io.max": "8:0 rbps=600", "pids.max": "max"},
            },
        },
    })
}

fn spec(config: &Value) -> Spec {
    serde_json::from_value(config.clone()).expect("a bundle")
}

fn expected(config: &Value) -> Vec<Expectation> {
    translated(config).expect("expectations")
}

fn translated(config: &Value) -> Result<Vec<Expectation>, BundleError> {
    let host = sample::host();
    let facts = BundleFacts {
        host: &host,
        namespaces: &[(PathBuf::from("/run/netns/one"), NsId(77))],
        absent: &["/proc/asound".to_owned()],
    };
    from_bundle(&spec(config), facts)
}

fn find<'a>(list: &'a [Expectation], id: &str) -> Option<&'a Check> {
    let found = list.iter().find(|expectation| expectation.id == id);
    found.map(|expectation| &expectation.check)
}

#[track_caller]
fn check(config: &Value, id: &str) -> Check {
    let list = expected(config);
    find(&list, id)
        .unwrap_or_else(|| panic!("no {id}: {list:#?}"))
        .clone()
}

/// The bundle with one thing changed.
fn with(change: impl FnOnce(&mut Value)) -> Value {
    let mut config = everything();
    change(&mut config);
    config
}

#[test]
fn a_bundle_with_everything_has_these_expectations() {
    let list = expected(&everything());
    let lines: Vec<String> = list
        .iter()
        .map(|one| format!("{} | {} | {}", one.id, one.asked, one.origin))
        .collect();
    insta::assert_snapshot!(lines.join("\n"));
    let ids: BTreeSet<&str> = list.iter().map(|one| one.id.as_str()).collect();
    assert_eq!(ids.len(), list.len());
}

#[test]
fn what_a_bundle_does_not_say_is_not_expected() {
    let least = json!({
        "ociVersion": "1.0.0",
        "process": {"user": {"uid": 0, "gid": 0}, "cwd": "/"},
    });
    let list = expected(&least);
    let ids: Vec<&str> = list.iter().map(|one| one.id.as_str()).collect();
    let shared = NamespaceKind::ALL.map(|kind| format!("namespace.{}", kind.name()));
    assert_eq!(&ids[..8], &shared.each_ref().map(String::as_str));
    assert!(matches!(list[0].check, Check::NamespaceShared(_)));
    let rest = [
        "cgroup.private",
        "user.uid",
        "user.gid",
        "groups",
        "terminal",
        "cwd",
        "exe",
        "descriptors",
    ];
    assert_eq!(&ids[8..], &rest);
    let empty = json!({"ociVersion": "1.0.0"});
    assert!(find(&expected(&empty), "user.uid").is_none());
}

#[test]
fn namespaces_are_new_joined_or_the_runtimes_own() {
    let config = everything();
    assert_eq!(
        check(&config, "namespace.mnt"),
        Check::NamespaceNew(NamespaceKind::Mnt)
    );
    let joined = Check::NamespaceIs {
        kind: NamespaceKind::Net,
        id: NsId(77),
    };
    assert_eq!(check(&config, "namespace.net"), joined);
    assert_eq!(
        check(&config, "namespace.time"),
        Check::NamespaceShared(NamespaceKind::Time)
    );
    let unknown = with(|config| {
        config["linux"]["namespaces"] = json!([{"type": "ipc", "path": "/run/ipc"}]);
    });
    let error = translated(&unknown).expect_err("a path that was not read");
    assert!(error.to_string().contains("ipc namespace"), "{error}");
    assert!(error.to_string().contains("/run/ipc"), "{error}");
}

#[test]
fn maps_belong_to_a_new_user_namespace_alone() {
    let Check::IdMap { map, lines } = check(&everything(), "gid_map") else {
        panic!("another check");
    };
    assert_eq!(map, MapKind::Groups);
    assert_eq!((lines[0].outside, lines[0].count), (200_000, 65536));
    let shared = with(|config| config["linux"]["namespaces"] = json!([]));
    assert!(find(&expected(&shared), "uid_map").is_none());
}

#[test]
fn groups_are_those_that_are_named_and_no_others() {
    let config = everything();
    let outside = Check::Groups(Some(vec![200_007, 200_009]));
    assert_eq!(check(&config, "groups"), outside);
    let shared = with(|config| config["linux"]["namespaces"] = json!([]));
    assert_eq!(check(&shared, "groups"), Check::Groups(Some(vec![7, 9])));
    let unmapped = with(|config| config["linux"]["gidMappings"] = json!([]));
    assert_eq!(check(&unmapped, "groups"), Check::Groups(None));
    let none = with(|config| config["process"]["user"] = json!({"uid": 1, "gid": 2}));
    assert_eq!(check(&none, "groups"), Check::Groups(Some(Vec::new())));
    let joined = with(|config| {
        config["linux"]["namespaces"] = json!([{"type": "user", "path": "/run/netns/one"}]);
    });
    assert_eq!(check(&joined, "groups"), Check::GroupsWithin(vec![7, 9]));
    let inside = Check::IdInside {
        map: MapKind::Groups,
        rule: IdRule::Exactly(5),
    };
    assert_eq!(check(&config, "user.gid"), inside);
}

/// The set that is expected.
#[track_caller]
fn set(config: &Value, name: SetName) -> u64 {
    match check(config, &format!("capabilities.{}", name.name())) {
        Check::Capabilities { set, asked, .. } if set == name => asked,
        other => panic!("another check: {other:?}"),
    }
}

const CHOWN: u64 = 1;
const NET_RAW: u64 = 1 << 13;
const CHECKPOINT_RESTORE: u64 = 1 << 40;

#[test]
fn capabilities_are_what_exec_makes_of_those_asked_for() {
    let config = everything();
    let bounding = CHOWN | NET_RAW | CHECKPOINT_RESTORE;
    assert_eq!(set(&config, SetName::Bounding), bounding);
    // No exec gains any: no_new_privs is set.
    assert_eq!(set(&config, SetName::Permitted), CHOWN);
    assert_eq!(set(&config, SetName::Effective), CHOWN);
    assert_eq!(set(&config, SetName::Inheritable), CHOWN);
    // Only what is permitted and inheritable can be ambient.
    assert_eq!(set(&config, SetName::Ambient), CHOWN);
    let gains = with(|config| config["process"]["noNewPrivileges"] = json!(false));
    assert_eq!(set(&gains, SetName::Permitted), bounding);
    assert_eq!(set(&gains, SetName::Effective), bounding);
    let user = with(|config| config["process"]["user"]["uid"] = json!(1000));
    assert_eq!(set(&user, SetName::Bounding), bounding);
    assert_eq!(set(&user, SetName::Effective), CHOWN);
    let no_ambient = with(|config| {
        config["process"]["user"]["uid"] = json!(1000);
        config["process"]["capabilities"]["ambient"] = json!([]);
    });
    assert_eq!(set(&no_ambient, SetName::Permitted), 0);
    assert_eq!(set(&no_ambient, SetName::Inheritable), CHOWN);
}

#[test]
fn limits_of_minus_one_are_none_and_of_zero_are_not_asked_for() {
    let limit = |memory: i64, tasks: i64, quota: i64| {
        with(|config| {
            config["linux"]["resources"] = json!({
                "memory": {"limit": memory}, "pids": {"limit": tasks}, "cpu": {"quota": quota},
            });
        })
    };
    let config = limit(8191, 5, 20_000);
    assert_eq!(check(&config, "memory.max"), Check::MemoryMax(4096));
    assert_eq!(check(&config, "pids.max"), Check::PidsMax(5));
    let cpu = Check::CpuMax {
        quota_ns: 20_000_000,
        period_ns: 100_000_000,
    };
    assert_eq!(check(&config, "cpu.max"), cpu);
    let config = limit(-1, -1, -1);
    assert_eq!(check(&config, "memory.max"), Check::MemoryMax(u64::MAX));
    assert_eq!(check(&config, "pids.max"), Check::PidsMax(u64::MAX));
    assert!(find(&expected(&config), "cpu.max").is_none());
    let config = limit(0, 0, 0);
    for id in ["memory.max", "pids.max", "cpu.max"] {
        assert!(find(&expected(&config), id).is_none(), "{id}");
    }
}

#[test]
fn processors_are_those_of_the_list() {
    let config = everything();
    assert_eq!(check(&config, "cpuset.cpus"), Check::CpusetCpus(vec![0, 1]));
    assert_eq!(
        check(&config, "cpus_allowed"),
        Check::CpusAllowed(vec![0, 1])
    );
    let bad = with(|config| config["linux"]["resources"]["cpu"]["cpus"] = json!("all"));
    let error = translated(&bad).expect_err("no list");
    assert!(
        error.to_string().contains("linux.resources.cpu.cpus"),
        "{error}"
    );
}

#[test]
fn a_cgroup_has_the_path_or_the_unit_that_is_named() {
    let path = |text: &str| with(|config| config["linux"]["cgroupsPath"] = json!(text));
    for (asked, suffix) in [
        ("/pods/one", "pods/one"),
        ("pods/one", "pods/one"),
        ("system.slice:runc:one", "runc-one.scope"),
        ("system.slice::one.slice", "one.slice"),
    ] {
        let pattern = PathPattern::Suffix(suffix.to_owned());
        assert_eq!(
            check(&path(asked), "cgroup.path"),
            Check::CgroupPath(pattern)
        );
    }
}

#[test]
fn without_a_mount_namespace_of_its_own_no_root_is_pivoted() {
    let shared = with(|config| config["linux"]["namespaces"] = json!([]));
    let list = expected(&shared);
    assert!(find(&list, "root.pivoted").is_none());
    assert!(find(&list, "root.not_host").is_some());
}

#[test]
fn a_program_by_a_path_from_the_working_directory_is_not_expected() {
    let program = |text: &str| with(|config| config["process"]["args"] = json!([text]));
    assert_eq!(
        check(&program("/bin/sh"), "payload"),
        Check::Program("/bin/sh".to_owned())
    );
    assert!(find(&expected(&program("./run")), "payload").is_none());
}

#[test]
fn rules_on_devices_keep_their_order_and_what_is_none_is_refused() {
    let Check::Devices(DevicesAsked::Rules(rules)) = check(&everything(), "devices") else {
        panic!("no rules");
    };
    let texts: Vec<(bool, String)> = rules
        .iter()
        .map(|rule| (rule.allow, rule.devices.to_string()))
        .collect();
    let expected = [
        (false, "a *:* rwm"),
        (true, "c 10:229 rw"),
        (true, "b 8:* rwm"),
    ];
    assert_eq!(
        texts,
        expected.map(|(allow, text)| (allow, text.to_owned()))
    );
    let wrong = with(|config| {
        config["linux"]["resources"]["devices"][1]["access"] = json!("rx");
    });
    let error = translated(&wrong).expect_err("no access");
    assert!(
        error.to_string().contains("linux.resources.devices"),
        "{error}"
    );
    let none = with(|config| config["linux"]["resources"]["devices"] = json!([]));
    assert!(find(&self::expected(&none), "devices").is_none());
}

#[test]
fn what_is_not_observed_is_named_where_a_bundle_has_it() {
    assert!(not_observed(&json!({"linux": {"intelRdt": null}})).is_empty());
    let config = with(|config| {
        config["linux"]["intelRdt"] = json!({"closID": "one"});
        config["linux"]["resources"]["blockIO"]["leafWeight"] = json!(10);
        config["mounts"][0]["uidMappings"] = json!([]);
    });
    let names: Vec<&str> = not_observed(&config)
        .iter()
        .map(|(name, _)| *name)
        .collect();
    let asked = [
        "linux.intelRdt",
        "linux.seccomp.defaultAction",
        "linux.resources.blockIO.leafWeight",
        "mounts.uidMappings",
    ];
    assert_eq!(names, asked);
}

#[test]
fn each_property_that_is_not_observed_has_a_reason_and_stands_there_once() {
    let names: BTreeSet<&str> = NOT_OBSERVED.iter().map(|(name, _)| *name).collect();
    assert_eq!(names.len(), NOT_OBSERVED.len());
    assert!(NOT_OBSERVED.iter().all(|(_, reason)| !reason.is_empty()));
    let page = include_str!("../../../../docs/verdicts.md");
    assert!(
        page.contains(&not_observed_markdown()),
        "run `cargo xtask docs`"
    );
}

#[test]
fn properties_that_nobody_knows_are_named() {
    let config = with(|config| {
        config["linux"]["landlock"] = json!({"rules": []});
        config["process"]["capabilites"] = json!({"bounding": []});
        config["mounts"][1]["flags"] = json!("x");
        config["linux"]["devices"] = json!([]);
    });
    let names = unread(&config, &spec(&config));
    assert_eq!(
        names,
        ["linux.landlock", "mounts.flags", "process.capabilites"]
    );
    let config = everything();
    assert_eq!(unread(&config, &spec(&config)), [""; 0]);
}
