//! Families of attributes that a process hands on through exec, and of how the kernel serves it. Owns
//! their words.

use super::{FACT, Family};

pub static OOM_SCORE_ADJ: Family = Family {
    id: "oom_score_adj",
    observes: "what the kernel adds to the process's score when memory is short, from -1000 to 1000",
    passes: "it compares as asked",
    fails: "it does not",
    ..FACT
};

pub static UMASK: Family = Family {
    id: "umask",
    observes: "the permission bits that the process leaves out of what it makes",
    passes: "they are those asked for",
    fails: "they are others",
    ..FACT
};

pub static SESSION_KEYRING: Family = Family {
    id: "session_keyring",
    observes: "the serial number of the session keyring, next to tracer's own",
    passes: "it has one, and it is another than tracer's",
    fails: "it is tracer's, or it has none, in place of which its user's is taken",
    unknown: "the kernel has no keyrings or does not tell",
    ..FACT
};

pub static TIME_OFFSET: Family = Family {
    id: "time_offsets.CLOCK",
    observes: "what the monotonic or the boot-time clock of the task's own time namespace is ahead of the initial one's",
    passes: "it is what was asked for, to the nanosecond",
    fails: "it is another",
    unknown: "the kernel has no time namespaces or does not tell",
    ..FACT
};

pub static TERMINAL: Family = Family {
    id: "terminal",
    observes: "the controlling terminal of the payload's session by its device number and its devpts, next to tracer's own",
    passes: "none where none is asked for; one that is not tracer's where its own is; either of the two where it is to be private",
    fails: "one where there was to be none, none where there was to be one, or tracer's own, into which the payload could type",
    ..FACT
};

pub static SCHEDULER: Family = Family {
    id: "scheduler",
    observes: "policy, nice value, real-time priority, flags, and of the deadline policy its three parameters, as sched_getattr(2) tells them",
    passes: "all that is asked for is so; flags that are not named are not judged",
    fails: "one of them is not",
    ..FACT
};

pub static IO_PRIORITY: Family = Family {
    id: "io_priority",
    observes: "class and level of the process's priority at disks, as it was set",
    passes: "the class is the one asked for, and so is the level where one is",
    fails: "one of them is another, or none was set",
    unknown: "the kernel has no block devices or does not tell",
    ..FACT
};

pub static PERSONALITY: Family = Family {
    id: "personality",
    observes: "execution domain and flags of the process, as personality(2) tells them",
    passes: "they are exactly those asked for: a domain that is named is without flags",
    fails: "they are others, as with a flag that switches the randomisation of addresses off",
    ..FACT
};

pub static MEMORY_POLICY: Family = Family {
    id: "memory_policy",
    observes: "mode, nodes and flags of the process's own memory policy: with static or relative nodes those that were asked for, else those of them that its cpuset has",
    passes: "all that is asked for is so; flags that are not named are not judged",
    fails: "one of them is not",
    unknown: "the kernel has no memory nodes, keeps them elsewhere (before 5.14) or does not tell",
    ..FACT
};

pub static CPUSET_MEMS: Family = Family {
    id: "cpuset.mems",
    observes: "the effective memory nodes of its cpuset",
    passes: "exactly those asked for",
    fails: "any other set",
    unknown: "the kernel has no cpuset controller or does not tell",
    ..FACT
};

pub static CPUSET_MEMS_WITHIN: Family = Family {
    id: "cpuset.mems (within)",
    observes: "the effective memory nodes of its cpuset",
    passes: "none but those asked for",
    fails: "another is among them",
    unknown: "the kernel has no cpuset controller or does not tell",
    ..FACT
};

pub static DOMAINNAME: Family = Family {
    id: "domainname",
    observes: "the domain name of the task's UTS namespace",
    passes: "it is the one asked for",
    fails: "it is another",
    ..FACT
};
