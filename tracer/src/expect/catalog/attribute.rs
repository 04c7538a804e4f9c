//! Families of attributes that a process hands on through exec. Owns their words.

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
