//! Attributes that a process hands on through exec and fork: how soon the kernel kills it for
//! memory, its umask, its session keyring, its clocks, its terminal; and who traces it. Owns these
//! reads; they have no loops.

use tracer_common::record::{Certificate, ClockOffset, Terminal, TimeOffsets};

use crate::kernel::{known, offset, pointer, read, read_into};

/// Reads all of them; gives the valid bits.
#[inline(always)]
pub fn all(certificate: &mut Certificate, task: u64) -> u64 {
    let mut valid = 0;
    if known!(task_signal, signal_oom_score_adj) {
        let signal = pointer(task, offset!(task_signal));
        let adjustment: i16 = read(signal, offset!(signal_oom_score_adj));
        certificate.oom_score_adj = i32::from(adjustment);
        valid |= Certificate::OOM_SCORE_ADJ;
    }
    if known!(task_fs, fs_umask) {
        certificate.umask = read(pointer(task, offset!(task_fs)), offset!(fs_umask));
        valid |= Certificate::UMASK;
    }
    if known!(task_parent, task_tgid) {
        let parent = pointer(task, offset!(task_parent));
        certificate.ptrace_parent_tgid = read(parent, offset!(task_tgid));
        valid |= Certificate::PTRACE_PARENT;
    }
    if known!(task_cred, cred_session_keyring, key_serial) {
        let cred = pointer(task, offset!(task_cred));
        // Without one it is null, from which nothing can be read, which gives 0.
        let keyring = pointer(cred, offset!(cred_session_keyring));
        certificate.session_keyring = read(keyring, offset!(key_serial));
        valid |= Certificate::SESSION_KEYRING;
    }
    if known!(uts_domainname) {
        let uts = pointer(pointer(task, offset!(task_nsproxy)), offset!(nsproxy_uts));
        read_into(&mut certificate.domainname, uts, offset!(uts_domainname));
        valid |= Certificate::DOMAINNAME;
    }
    if known!(task_personality) {
        certificate.personality = read(task, offset!(task_personality));
        valid |= Certificate::PERSONALITY;
    }
    valid |= terminal(&mut certificate.terminal, task);
    valid | time_offsets(certificate, task)
}

/// Major number of pseudoterminals (include/uapi/linux/major.h, `UNIX98_PTY_SLAVE_MAJOR`); a
/// minor number has 20 bits.
const PTY_MAJOR: u32 = 136;
const MINOR_BITS: u32 = 20;

/// As /proc/PID/stat has it (drivers/tty/tty_io.c, `tty_devnum`). Every devpts counts from 0, so it
/// takes the devpts to tell a container's from the host's: the driver's data of a pseudoterminal is
/// its directory entry there (drivers/tty/pty.c, `ptmx_open`).
#[inline(always)]
fn terminal(terminal: &mut Terminal, task: u64) -> u64 {
    if !known!(
        task_signal,
        signal_tty,
        tty_index,
        tty_driver,
        tty_driver_data,
        tty_driver_major,
        tty_driver_minor_start
    ) {
        return 0;
    }
    // Without one it is null, from which nothing can be read, which gives 0 all along.
    let tty = pointer(pointer(task, offset!(task_signal)), offset!(signal_tty));
    let driver = pointer(tty, offset!(tty_driver));
    let major: u32 = read(driver, offset!(tty_driver_major));
    let first: u32 = read(driver, offset!(tty_driver_minor_start));
    let minor = first.wrapping_add(read(tty, offset!(tty_index)));
    terminal.device = major << MINOR_BITS | minor & ((1 << MINOR_BITS) - 1);
    // Instead of a branch, which the verifier would walk twice.
    let entry = u64::from(major == PTY_MAJOR) * pointer(tty, offset!(tty_driver_data));
    let inode = pointer(entry, offset!(dentry_inode));
    terminal.devpts = read(pointer(inode, offset!(inode_sb)), offset!(sb_dev));
    Certificate::TERMINAL
}

/// One read takes both, so they must stand side by side, as they do in the source
/// (include/linux/time_namespace.h, `struct timens_offsets`).
#[inline(always)]
fn time_offsets(certificate: &mut Certificate, task: u64) -> u64 {
    let side_by_side = size_of::<ClockOffset>() as u32;
    if !known!(task_nsproxy, nsproxy_time, time_monotonic, time_boottime)
        || offset!(time_boottime).wrapping_sub(offset!(time_monotonic)) != side_by_side
    {
        return 0;
    }
    let namespace = pointer(pointer(task, offset!(task_nsproxy)), offset!(nsproxy_time));
    read_into::<TimeOffsets>(
        &mut certificate.time_offsets,
        namespace,
        offset!(time_monotonic),
    );
    Certificate::TIME_OFFSETS
}
