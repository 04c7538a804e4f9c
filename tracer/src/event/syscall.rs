//! System calls by number and name, and what their arguments hint at. Numbers differ by
//! architecture, so the table is handed in by who knows the machine, or comes with a recording.

use std::collections::BTreeMap;

use smol_str::{SmolStr, format_smolstr};

/// Name of each system call number that is recorded, ascending by number.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SyscallTable(Vec<(u32, SmolStr)>);

impl SyscallTable {
    /// From pairs of number and name.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (u32, &'a str)>) -> Self {
        let pairs = pairs.into_iter();
        let all: BTreeMap<u32, SmolStr> = pairs
            .map(|(number, name)| (number, SmolStr::new(name)))
            .collect();
        Self(all.into_iter().collect())
    }

    /// Name of `number`; `syscall_N` when the table does not hold it.
    pub fn name(&self, number: u32) -> SmolStr {
        let found = self.0.binary_search_by_key(&number, |(number, _)| *number);
        found.map_or_else(
            |_| format_smolstr!("syscall_{number}"),
            |at| self.0[at].1.clone(),
        )
    }

    /// Pairs of number and name, ascending by number.
    pub fn pairs(&self) -> impl Iterator<Item = (u32, &str)> {
        self.0.iter().map(|(number, name)| (*number, name.as_str()))
    }
}

/// What the arguments of a call asked for, in a few words, where they are plain numbers. A hint
/// for people and never evidence: another thread can change what a pointer points to.
pub fn hint(name: &str, arguments: &[u64; 6]) -> Option<String> {
    match name {
        "prctl" => Some(prctl(arguments)),
        "seccomp" => Some(match arguments[0] {
            0 => "SECCOMP_SET_MODE_STRICT".to_owned(),
            1 => "SECCOMP_SET_MODE_FILTER".to_owned(),
            2 => "SECCOMP_GET_ACTION_AVAIL".to_owned(),
            other => format!("operation {other}"),
        }),
        "setuid" | "setgid" => Some(format!("{}", low(arguments[0]))),
        "setresuid" | "setresgid" => Some(format!(
            "{} {} {}",
            low(arguments[0]),
            low(arguments[1]),
            low(arguments[2])
        )),
        "setgroups" => Some(format!("{} groups", low(arguments[0]))),
        _ => None,
    }
}

/// Ids and options are 32 bits wide, whatever the upper half of the register holds.
fn low(argument: u64) -> u32 {
    u32::try_from(argument & 0xffff_ffff).unwrap_or_default()
}

/// include/uapi/linux/prctl.h.
fn prctl(arguments: &[u64; 6]) -> String {
    match low(arguments[0]) {
        1 => "PR_SET_PDEATHSIG".to_owned(),
        4 => "PR_SET_DUMPABLE".to_owned(),
        8 => "PR_SET_KEEPCAPS".to_owned(),
        15 => "PR_SET_NAME".to_owned(),
        22 => "PR_SET_SECCOMP".to_owned(),
        23 => "PR_CAPBSET_READ".to_owned(),
        24 => "PR_CAPBSET_DROP".to_owned(),
        28 => "PR_SET_SECUREBITS".to_owned(),
        36 => "PR_SET_CHILD_SUBREAPER".to_owned(),
        38 => "PR_SET_NO_NEW_PRIVS".to_owned(),
        47 => "PR_CAP_AMBIENT".to_owned(),
        other => format!("option {other}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_outside_the_table_still_has_a_name() {
        let table = SyscallTable::new([(308, "setns")]);
        assert_eq!(&*table.name(308), "setns");
        assert_eq!(&*table.name(9), "syscall_9");
    }

    #[test]
    fn options_are_read_from_the_low_half_of_the_register() {
        let arguments = [0xdead_beef_0000_0018, 5, 0, 0, 0, 0];
        assert_eq!(
            hint("prctl", &arguments).as_deref(),
            Some("PR_CAPBSET_DROP")
        );
        assert_eq!(hint("mount", &arguments), None);
    }
}
