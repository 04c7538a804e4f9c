//! Conditions on containers that others make, each with a file that a container of `unshare` does
//! not satisfy. Owns the list; that each fails, and alone, is for tests to show.

/// A condition that is not satisfied.
#[derive(Clone, Copy, Debug)]
pub struct Unsatisfied {
    /// The family of expectations, as the catalogue has it.
    pub family: &'static str,
    /// The item that must fail.
    pub item: &'static str,
    /// The expectation file.
    pub file: &'static str,
    /// What stands before `unshare` in the command.
    pub before: &'static str,
    /// What it rests on is read while the payload lives.
    pub lasting: bool,
}

const fn one(family: &'static str, item: &'static str, file: &'static str) -> Unsatisfied {
    Unsatisfied {
        family,
        item,
        file,
        before: "",
        lasting: false,
    }
}

/// With a payload that lives until everything about it is read.
const fn lasting(one: Unsatisfied) -> Unsatisfied {
    Unsatisfied {
        lasting: true,
        ..one
    }
}

/// One at least for each family that a file can ask for and `tracer run` does not.
pub const UNSATISFIED: [Unsatisfied; 43] = [
    one(
        "namespace.KIND (private)",
        "namespace.user",
        "namespaces: { private: [user] }",
    ),
    one(
        "namespace.KIND (joined)",
        "namespace.net",
        "namespaces: { joined: { net: 1 } }",
    ),
    one(
        "memory.max (in force)",
        "memory.max",
        "memory.max: \"<=4Ki\"",
    ),
    one("pids.max (in force)", "pids.max", "pids.max: \"<=1\""),
    one("cpu.max (in force)", "cpu.max", "cpu.max: \"<=0.001\""),
    one(
        "cpuset.cpus (within)",
        "cpuset.cpus",
        "cpuset.cpus: { within: \"1000\" }",
    ),
    one(
        "cpus_allowed (within)",
        "cpus_allowed",
        "cpus_allowed: { within: \"1000\" }",
    ),
    one(
        "capabilities.SET (within)",
        "capabilities.bounding",
        "capabilities: { bounding: { within: [chown] } }",
    ),
    one(
        "capabilities.SET (without)",
        "capabilities.effective",
        "capabilities: { effective: { without: [chown] } }",
    ),
    one("user.uid, user.gid", "user.uid", "user: { uid: not 0 }"),
    one(
        "uid_map.root, gid_map.root",
        "uid_map.root",
        "uid_map: root_is_not_host_root",
    ),
    Unsatisfied {
        before: "setpriv --groups 5 ",
        ..one("groups (within)", "groups", "groups: [6]")
    },
    Unsatisfied {
        before: "setpriv --no-new-privs ",
        ..one(
            "no_new_privs (not set)",
            "no_new_privs",
            "no_new_privs: false",
        )
    },
    one("seccomp (filter)", "seccomp", "seccomp: filter"),
    Unsatisfied {
        before: "exec 8< /dev/null; ",
        ..one("descriptors (within)", "descriptors", "inherited_fds: [7]")
    },
    one(
        "rlimit.NAME (compared)",
        "rlimit.nofile",
        "rlimits: { nofile: \"<=1\" }",
    ),
    lasting(one(
        "mount.TARGET (bundle)",
        "mount./proc",
        "mounts: { /proc: [ro] }",
    )),
    lasting(one(
        "masked.PATH",
        "masked./proc/sys",
        "masked: [/proc/sys]",
    )),
    lasting(one(
        "read_only.PATH",
        "read_only./proc",
        "read_only: [/proc]",
    )),
    // Nobody limits it.
    one("devices (within)", "devices", "devices: default"),
    one(
        "devices (without)",
        "devices",
        "devices: { without: [\"b 8:0 r\"] }",
    ),
    Unsatisfied {
        before: "echo 7 > /proc/self/oom_score_adj; ",
        ..one("oom_score_adj", "oom_score_adj", "oom_score_adj: \"<=0\"")
    },
    Unsatisfied {
        before: "umask 0077; ",
        ..one("umask", "umask", "umask: 0022")
    },
    // It has the one that tracer has, or none.
    one(
        "session_keyring",
        "session_keyring",
        "session_keyring: private",
    ),
    one(
        "time_offsets.CLOCK",
        "time_offsets.monotonic",
        "time_offsets: { monotonic: 6, boottime: 0 }",
    ),
    // Whoever is in a root cgroup has no such file, whoever is not has no such limit.
    one(
        "cgroup_file.NAME",
        "cgroup_file.pids.max",
        "cgroup_files: { pids.max: 7 }",
    ),
    lasting(one(
        "sysctl.KEY",
        "sysctl.kernel.shmmni",
        "sysctls: { kernel.shmmni: 7 }",
    )),
    lasting(one(
        "device_node.PATH",
        "device_node./dev/null",
        "device_nodes: { /dev/null: \"b 1:3\" }",
    )),
    lasting(one(
        "net_device.NAME",
        "net_device.none0",
        "net_devices: [none0]",
    )),
    lasting(one(
        "label.MODULE",
        "label.apparmor",
        "apparmor: no-such-profile",
    )),
    // It has tracer's, or none.
    one("terminal", "terminal", "terminal: own"),
    one("scheduler", "scheduler", "scheduler: { nice: \">0\" }"),
    one("io_priority", "io_priority", "io_priority: idle"),
    one("memory_policy", "memory_policy", "memory_policy: bind"),
    // Addresses are not randomised; see personality(2).
    Unsatisfied {
        before: "setarch --addr-no-randomize ",
        ..one("personality", "personality", "personality: linux")
    },
    one("domainname", "domainname", "domainname: elsewhere"),
    one("cpuset.mems", "cpuset.mems", "cpuset.mems: \"1000\""),
    one(
        "cpuset.mems (within)",
        "cpuset.mems",
        "cpuset.mems: { within: \"1000\" }",
    ),
    one("cgroup (private)", "cgroup", "cgroup: private"),
    one("cgroup (path)", "cgroup", "cgroup: { path: /elsewhere }"),
    one("payload", "payload", "payload: false"),
    one("root.not_host", "root.not_host", "root: [not_host]"),
    one("root.read_only", "root.read_only", "root: [read_only]"),
];

/// Families whose violation other tests show.
pub const SHOWN_ELSEWHERE: [(&str, &str); 7] = [
    ("devices (bundle)", "tests/verify/devices.rs"),
    ("devices (with)", "tests/verify/devices.rs"),
    ("drift", "tests/verify/drift.rs"),
    ("masked.PATH", "tests/verify/escape.rs"),
    ("mount.TARGET (bundle)", "tests/verify/condition.rs"),
    ("read_only.PATH", "tests/verify/condition.rs"),
    ("root.propagation", "tests/verify/condition.rs"),
];
