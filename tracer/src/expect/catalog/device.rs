//! Families of what a container's cgroups let it do with devices. Owns their words.

use super::{FACT, Family};

const DEVICES: Family = Family {
    observes: "what can be made or opened of each device that the expectation or the kernel names and of all others: by the list of the task's devices cgroup (v1) and each BPF program in force for its cgroup (v2), whose instructions are followed",
    unknown: "the kernel does not tell; a list, a set of programs or a program is longer than there is room for; a program does more than compare numbers",
    ..FACT
};

pub static DEVICES_WITHIN: Family = Family {
    id: "devices (within)",
    passes: "nothing can be used but what is asked for",
    fails: "something else can be",
    ..DEVICES
};

pub static DEVICES_WITHOUT: Family = Family {
    id: "devices (without)",
    passes: "nothing of what is named can be used",
    fails: "something of it can be",
    ..DEVICES
};

pub static DEVICES_WITH: Family = Family {
    id: "devices (with)",
    passes: "all that is asked for can be used",
    fails: "something of it cannot be",
    ..DEVICES
};

pub static DEVICE_RULES: Family = Family {
    id: "devices (bundle)",
    passes: "each can be used if the last rule that names it allows it, and cannot if that denies it; the devices that every runtime supplies, and making device files, may be allowed as well",
    fails: "one can be used that is denied, or cannot that is allowed",
    ..DEVICES
};
