//! The system calls that the timeline shows: numbers, names, and which argument is a path. Owns
//! the table; the kernel side gets it as bitmaps.

/// One call that is recorded.
pub struct Recorded {
    /// Number on this architecture.
    pub number: u32,
    /// Name.
    pub name: &'static str,
    /// 0 = no path, n = argument n-1 is one.
    pub path_argument: u8,
}

/// libc has them as `long`; the kernel's table of calls has a few hundred entries.
#[expect(clippy::cast_possible_truncation, reason = "a few hundred")]
const fn number(libc: nix::libc::c_long) -> u32 {
    libc as u32
}

macro_rules! recorded {
    ($($name:ident = $number:ident, $path:literal;)+) => {
        /// The calls that are recorded.
        pub const RECORDED: &[Recorded] = &[
            $(Recorded {
                number: number(nix::libc::$number),
                name: stringify!($name),
                path_argument: $path,
            },)+
        ];
    };
}

/// What the functions begin with that the kernel's table of system calls leads to, since 4.17
/// (arch/*/include/asm/syscall_wrapper.h).
macro_rules! function {
    ($call:literal) => {
        if cfg!(target_arch = "aarch64") {
            concat!("__arm64_sys_", $call)
        } else {
            concat!("__x64_sys_", $call)
        }
    };
}
pub const FUNCTION_PREFIX: &str = function!("");
/// The function of `setns`.
pub const SETNS_FUNCTION: &str = function!("setns");
/// The function of `unshare`.
pub const UNSHARE_FUNCTION: &str = function!("unshare");

/// `setns`.
pub const SETNS: u32 = number(nix::libc::SYS_setns);
/// `unshare`.
pub const UNSHARE: u32 = number(nix::libc::SYS_unshare);

recorded! {
    setns = SYS_setns, 0;
    unshare = SYS_unshare, 0;
    mount = SYS_mount, 2;
    umount2 = SYS_umount2, 1;
    pivot_root = SYS_pivot_root, 1;
    chroot = SYS_chroot, 1;
    open_tree = SYS_open_tree, 2;
    move_mount = SYS_move_mount, 0;
    fsopen = SYS_fsopen, 1;
    fsmount = SYS_fsmount, 0;
    mount_setattr = SYS_mount_setattr, 2;
    capset = SYS_capset, 0;
    seccomp = SYS_seccomp, 0;
    prctl = SYS_prctl, 0;
    sethostname = SYS_sethostname, 1;
    setresuid = SYS_setresuid, 0;
    setresgid = SYS_setresgid, 0;
    setuid = SYS_setuid, 0;
    setgid = SYS_setgid, 0;
    setgroups = SYS_setgroups, 0;
}

/// Recorded when asked for: whom a task could signal.
pub const KILL: Recorded = Recorded {
    number: number(nix::libc::SYS_kill),
    name: "kill",
    path_argument: 0,
};

/// Number and name of each call that can be recorded, for the decoder.
#[must_use]
pub fn names() -> Vec<(u32, &'static str)> {
    RECORDED
        .iter()
        .chain([&KILL])
        .map(|call| (call.number, call.name))
        .collect()
}
