//! Names of capabilities. Owns the list as of include/uapi/linux/capability.h.

use crate::event::certificate::set_bits;

const NAMES: [&str; 41] = [
    "chown",
    "dac_override",
    "dac_read_search",
    "fowner",
    "fsetid",
    "kill",
    "setgid",
    "setuid",
    "setpcap",
    "linux_immutable",
    "net_bind_service",
    "net_broadcast",
    "net_admin",
    "net_raw",
    "ipc_lock",
    "ipc_owner",
    "sys_module",
    "sys_rawio",
    "sys_chroot",
    "sys_ptrace",
    "sys_pacct",
    "sys_admin",
    "sys_boot",
    "sys_nice",
    "sys_resource",
    "sys_time",
    "sys_tty_config",
    "mknod",
    "lease",
    "audit_write",
    "audit_control",
    "setfcap",
    "mac_override",
    "mac_admin",
    "syslog",
    "wake_alarm",
    "block_suspend",
    "audit_read",
    "perfmon",
    "bpf",
    "checkpoint_restore",
];

/// Every capability that has a name.
pub const KNOWN: u64 = u64::MAX >> (64 - NAMES.len());

/// Name without the `CAP_`, lower case; `cap_N` for a number that has none yet.
pub fn name(number: u32) -> String {
    usize::try_from(number)
        .ok()
        .and_then(|index| NAMES.get(index))
        .map_or_else(|| format!("cap_{number}"), |name| (*name).to_owned())
}

/// Number of a name as [`name`] gives it.
pub fn number(name: &str) -> Option<u32> {
    NAMES
        .iter()
        .position(|known| *known == name)
        .and_then(|index| u32::try_from(index).ok())
}

/// Names of the capabilities in `set`, ascending by number, with spaces between.
pub fn names(set: u64) -> String {
    set_bits(set).map(name).collect::<Vec<_>>().join(" ")
}

/// A set as hexadecimal number, as in `/proc/PID/status`, with the number of its members.
pub fn summary(set: u64) -> String {
    match set.count_ones() {
        0 => "none".to_owned(),
        count => format!("{set:#x} ({count})"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_names_agree_with_the_kernels_header() {
        assert_eq!(name(0), "chown");
        assert_eq!(name(21), "sys_admin");
        assert_eq!(name(40), "checkpoint_restore");
        assert_eq!(name(41), "cap_41");
        assert_eq!(names(1 << 21 | 1), "chown sys_admin");
    }
}
