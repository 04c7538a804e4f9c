//! Numbers of system calls for scripts of perl(1), which knows none by name: literals, so that they can
//! stand in constants.

/// The number of a system call on this architecture.
#[cfg(target_arch = "x86_64")]
#[macro_export]
macro_rules! number {
    (clone) => {
        56
    };
    (ptrace) => {
        101
    };
    (setsid) => {
        112
    };
    (set_mempolicy) => {
        238
    };
    (keyctl) => {
        250
    };
}

/// The number of a system call on this architecture.
#[cfg(target_arch = "aarch64")]
#[macro_export]
macro_rules! number {
    (clone) => {
        220
    };
    (ptrace) => {
        117
    };
    (setsid) => {
        157
    };
    (set_mempolicy) => {
        237
    };
    (keyctl) => {
        219
    };
}

#[cfg(test)]
mod tests {
    use nix::libc;

    #[test]
    fn they_are_the_kernels() {
        for (number, kernels) in [
            (crate::number!(clone), libc::SYS_clone),
            (crate::number!(ptrace), libc::SYS_ptrace),
            (crate::number!(setsid), libc::SYS_setsid),
            (crate::number!(set_mempolicy), libc::SYS_set_mempolicy),
            (crate::number!(keyctl), libc::SYS_keyctl),
        ] {
            assert_eq!(libc::c_long::from(number), kernels);
        }
    }
}
