//! How the sample's container is served, its terminal and its domain name. Owns no claims.

use tracer_common::record::{Certificate, MemoryPolicy, Terminal};

/// The first pseudoterminal of a devpts.
pub(super) fn terminal(devpts: u32) -> Terminal {
    Terminal {
        device: 136 << 20,
        devpts,
    }
}

/// What of the container is not as tracer's own.
pub(super) fn contained(facts: &mut Certificate) {
    facts.terminal = terminal(45);
    facts.domainname[..7].copy_from_slice(b"example");
    facts.scheduling.policy = 3;
    facts.scheduling.nice = 5;
    // Best effort, the last level.
    facts.io_priority = 2 << 13 | 7;
    facts.personality = 8;
    facts.memory_policy.mode = 2;
    facts.memory_policy.flags = MemoryPolicy::STATIC_NODES;
    facts.memory_policy.nodes[0] = 0b10;
    facts.cpuset_mems[0] = 0b10;
}
