//! The default profile: an allow-list that means what Docker's default means, and what the
//! capabilities asked for add to it. The lists are JSON beside this file, in OCI's format.

use std::collections::BTreeMap;

use oci_spec::runtime::{LinuxSeccomp, LinuxSyscall};
use serde::Deserialize;

/// Rules for every container.
const BASE: &str = include_str!("default.json");
/// Rules that depend on a capability.
const BY_CAPABILITY: &str = include_str!("default_by_capability.json");

/// Rules by the number of the capability that they depend on.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct ByCapability {
    /// For a container that has it.
    with: BTreeMap<u8, Vec<LinuxSyscall>>,
    /// For one that has not.
    without: BTreeMap<u8, Vec<LinuxSyscall>>,
}

/// The default profile of a container with these capabilities (bit n = capability n).
pub fn default_profile(capabilities: u64) -> LinuxSeccomp {
    let mut profile: LinuxSeccomp = serde_json::from_str(BASE).expect("default.json is a profile");
    let conditional: ByCapability =
        serde_json::from_str(BY_CAPABILITY).expect("default_by_capability.json is what it says");
    let held = |number: &u8| capabilities.checked_shr(u32::from(*number)).unwrap_or(0) & 1 == 1;
    let with = conditional.with.iter().filter(|(number, _)| held(number));
    let without = conditional
        .without
        .iter()
        .filter(|(number, _)| !held(number));
    let mut rules = profile.syscalls().clone().unwrap_or_default();
    rules.extend(
        with.chain(without)
            .flat_map(|(_, rules)| rules.iter().cloned()),
    );
    profile.set_syscalls(Some(rules));
    profile
}

#[cfg(test)]
#[path = "default_tests.rs"]
mod tests;
