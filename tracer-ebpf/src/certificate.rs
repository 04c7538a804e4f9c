//! The birth certificate: all that the kernel knows of a task, read in one go. Each group of
//! facts sets its valid bit only when this kernel has every member it is read from.

use tracer_common::record::{Certificate, Descriptor, MAX_GROUPS, Rlimit};

use crate::{
    attribute, device, fact,
    kernel::{self, known, offset, pointer, read, read_into},
    limit, schedule,
};

/// Bit of `PFA_NO_NEW_PRIVS` in `atomic_flags` (include/linux/sched.h).
const PFA_NO_NEW_PRIVS: u64 = 1;
/// Bit of `O_PATH`, the same on x86-64 and arm64 (include/uapi/asm-generic/fcntl.h).
const O_PATH_BIT: u32 = 21;

/// Reads the certificate of the task at `task` into zeroed memory.
#[inline(always)]
pub fn certify(certificate: &mut Certificate, task: u64) {
    // Those without loops first: what stands behind a loop, the verifier walks several times.
    let mut valid = attribute::all(certificate, task);
    valid |= schedule::all(certificate, task);
    valid |= namespaces(certificate, task);
    valid |= credentials(certificate, task);
    valid |= restrictions(certificate, task);
    valid |= cgroups(certificate, task);
    valid |= limit::all(
        &mut certificate.memory,
        &mut certificate.pids,
        &mut certificate.cpu,
        &mut certificate.cpuset_cpus,
        task,
    );
    valid |= device::all(certificate, task);
    valid |= processors(certificate, task);
    valid |= paths(certificate, task);
    valid |= rlimits(certificate, task);
    valid |= descriptors(certificate, task);
    certificate.valid = valid;
}

#[inline(always)]
fn namespaces(certificate: &mut Certificate, task: u64) -> u64 {
    fact::namespaces(&mut certificate.namespaces, task);
    let own = fact::own_pid(task);
    certificate.vpid = own.number;
    certificate.pid_level = own.level;
    certificate.parent_tgid = fact::parent(task);
    let mut valid = Certificate::NAMESPACES;
    let user = fact::user_namespace(task);
    if known!(user_uid_map, user_gid_map, id_map_count, id_map_extents) {
        id_map(&mut certificate.uid_map, user, offset!(user_uid_map));
        id_map(&mut certificate.gid_map, user, offset!(user_gid_map));
        valid |= Certificate::ID_MAPS;
    }
    if known!(uts_nodename) {
        let uts = pointer(pointer(task, offset!(task_nsproxy)), offset!(nsproxy_uts));
        read_into(&mut certificate.hostname, uts, offset!(uts_nodename));
        valid |= Certificate::HOSTNAME;
    }
    valid
}

#[inline(always)]
fn id_map(map: &mut tracer_common::record::IdMap, user: u64, which: u32) {
    let source = user.wrapping_add(u64::from(which));
    map.count = read(source, offset!(id_map_count));
    // Where there are more lines than the kernel has room for in place, a pointer to all of them, ordered by
    // the ids inside, stands in that room (struct uid_gid_map in include/linux/user_namespace.h).
    let (from, at) = if map.count > map.extents.len() as u32 {
        (pointer(source, offset!(id_map_extents)), 0)
    } else {
        (source, offset!(id_map_extents))
    };
    read_into(&mut map.extents, from, at);
}

#[inline(always)]
fn credentials(certificate: &mut Certificate, task: u64) -> u64 {
    let cred = pointer(task, offset!(task_cred));
    let mut valid = 0;
    // The eight ids and the five sets stand side by side; the resolver refuses a kernel where
    // they do not (tracer/src/collect/offsets.rs).
    if known!(cred_uid, cred_fsgid, cred_securebits) {
        read_into(&mut certificate.ids, cred, offset!(cred_uid));
        certificate.securebits = read(cred, offset!(cred_securebits));
        valid |= Certificate::IDS;
    }
    if known!(cred_cap_inheritable, cred_cap_ambient) {
        read_into(
            &mut certificate.capabilities,
            cred,
            offset!(cred_cap_inheritable),
        );
        valid |= Certificate::CAPABILITIES;
    }
    if known!(cred_group_info, group_info_count, group_info_gids) {
        let info = pointer(cred, offset!(cred_group_info));
        certificate.group_count = read(info, offset!(group_info_count));
        let kept = certificate.group_count.min(MAX_GROUPS as u32);
        kernel::read_part(
            &mut certificate.groups,
            4 * kept,
            info,
            offset!(group_info_gids),
        );
        valid |= Certificate::GROUPS;
    }
    valid
}

#[inline(always)]
fn restrictions(certificate: &mut Certificate, task: u64) -> u64 {
    let mut valid = 0;
    if known!(task_atomic_flags) {
        let flags: u64 = read(task, offset!(task_atomic_flags));
        certificate.no_new_privs = u32::from(flags & PFA_NO_NEW_PRIVS != 0);
        valid |= Certificate::NO_NEW_PRIVS;
    }
    if known!(task_seccomp_mode) {
        certificate.seccomp_mode = read(task, offset!(task_seccomp_mode));
        valid |= Certificate::SECCOMP;
    }
    if known!(task_seccomp_filters) {
        certificate.seccomp_filters = read(task, offset!(task_seccomp_filters));
        valid |= Certificate::SECCOMP_FILTERS;
    }
    valid
}

#[inline(always)]
fn cgroups(certificate: &mut Certificate, task: u64) -> u64 {
    if !known!(
        task_cgroups,
        css_set_links,
        link_cgroup,
        link_node,
        cgroup_kn,
        kernfs_id
    ) {
        return 0;
    }
    fact::cgroups(&mut certificate.cgroups, task);
    Certificate::CGROUPS
}

#[inline(always)]
fn processors(certificate: &mut Certificate, task: u64) -> u64 {
    if !known!(cpumask_size, task_cpus_ptr) {
        return 0;
    }
    limit::cpu_mask(
        &mut certificate.cpus_allowed,
        pointer(task, offset!(task_cpus_ptr)),
    );
    Certificate::CPUS_ALLOWED
}

#[inline(always)]
fn paths(certificate: &mut Certificate, task: u64) -> u64 {
    let mut valid = 0;
    if known!(
        task_fs,
        fs_root,
        fs_pwd,
        mount_mnt,
        mount_parent,
        mount_ns,
        mnt_ns_root
    ) {
        let fs = pointer(task, offset!(task_fs));
        let root = fs.wrapping_add(u64::from(offset!(fs_root)));
        fact::path(&mut certificate.root, root);
        certificate.root.flags |= fact::covered(root);
        fact::path(
            &mut certificate.cwd,
            fs.wrapping_add(u64::from(offset!(fs_pwd))),
        );
        valid |= Certificate::PATHS;
    }
    if known!(task_mm, mm_exe_file, file_path, mount_mnt, mount_ns) {
        let file = pointer(pointer(task, offset!(task_mm)), offset!(mm_exe_file));
        fact::path(
            &mut certificate.exe,
            file.wrapping_add(u64::from(offset!(file_path))),
        );
        valid |= Certificate::EXE;
    }
    valid
}

#[inline(always)]
fn rlimits(certificate: &mut Certificate, task: u64) -> u64 {
    if !known!(task_signal, signal_rlim) {
        return 0;
    }
    read_into::<[Rlimit; 16]>(
        &mut certificate.rlimits,
        pointer(task, offset!(task_signal)),
        offset!(signal_rlim),
    );
    Certificate::RLIMITS
}

/// The open descriptors below 64, by the bitmap; whether others outlast exec is told, not which.
#[inline(always)]
fn descriptors(certificate: &mut Certificate, task: u64) -> u64 {
    if !known!(
        task_files,
        files_fdt,
        fdt_fd,
        fdt_open_fds,
        fdt_close_on_exec,
        file_path,
        file_inode
    ) {
        return 0;
    }
    let table = pointer(pointer(task, offset!(task_files)), offset!(files_fdt));
    let bitmap = pointer(table, offset!(fdt_open_fds));
    let closing_bitmap = pointer(table, offset!(fdt_close_on_exec));
    let closing: u64 = read(closing_bitmap, 0);
    let files = pointer(table, offset!(fdt_fd));
    let open: u64 = read(bitmap, 0);
    certificate.descriptor_count = open.count_ones();
    // SAFETY: the certificate is memory of the record that this program holds.
    let left_out = unsafe { below_64(certificate, files, open, closing) };
    // SAFETY: the function takes numbers and dereferences none.
    let others = unsafe { beyond_64(table, bitmap, closing_bitmap) };
    certificate.descriptors_truncated = left_out | others;
    Certificate::DESCRIPTORS
}

/// Facts of the descriptors in `open`, as many as there is room for; 1 = there was not enough.
///
/// # Safety
/// `certificate` is null or points to a certificate that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn below_64(
    certificate: *mut Certificate,
    files: u64,
    open: u64,
    closing: u64,
) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(certificate) = (unsafe { certificate.as_mut() }) else {
        return 0;
    };
    let mut open = open;
    for descriptor in &mut certificate.descriptors {
        if open == 0 {
            break;
        }
        // SAFETY: the slot is memory of the record that the caller holds.
        unsafe { descriptor_facts(descriptor, files, open, closing) };
        open &= open - 1;
    }
    u32::from(open != 0)
}

/// Facts of the lowest descriptor in `open`, whose file is found in the array at `files`; of those
/// in `closing`, exec closes.
///
/// A global function, which the verifier checks once and not at each of its calls: it is half of
/// what there is to verify. Such functions take pointers that may be null and return a number
/// (kernel/bpf/btf.c, `btf_prepare_func_args`).
///
/// # Safety
/// `descriptor` is null or points to a descriptor that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn descriptor_facts(
    descriptor: *mut Descriptor,
    files: u64,
    open: u64,
    closing: u64,
) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(descriptor) = (unsafe { descriptor.as_mut() }) else {
        return 0;
    };
    let number = open.trailing_zeros();
    descriptor.fd = number;
    descriptor.flags = (closing >> number & 1) as u32 * Descriptor::CLOSE_ON_EXEC;
    let file = pointer(files, 8 * number);
    let inode = pointer(file, offset!(file_inode));
    let sb = pointer(inode, offset!(inode_sb));
    let path = file.wrapping_add(u64::from(offset!(file_path)));
    descriptor.ino = read(inode, offset!(inode_ino));
    descriptor.mode = u32::from(read::<u16>(inode, offset!(inode_mode)));
    descriptor.dev = read(sb, offset!(sb_dev));
    descriptor.magic = read(sb, offset!(sb_magic));
    descriptor.mnt_ns = fact::mount_namespace(pointer(path, offset!(path_mnt)));
    let path_only = read::<u32>(file, offset!(file_flags)) >> O_PATH_BIT & 1;
    descriptor.flags |= path_only * Descriptor::PATH_ONLY;
    0
}

/// Whether a descriptor of 64 or above is open that exec will not close, as far as 1,024; a larger
/// table counts as yes. 1 = yes.
///
/// # Safety
/// None: all three are numbers that are only handed to the helper that reads kernel memory.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn beyond_64(table: u64, bitmap: u64, closing: u64) -> u32 {
    let slots: u32 = read(table, offset!(fdt_max_fds));
    let mut any: u64 = 0;
    for word in 1..16u32 {
        if 64 * word >= slots {
            break;
        }
        any |= read::<u64>(bitmap, 8 * word) & !read::<u64>(closing, 8 * word);
    }
    u32::from(any != 0 || slots > 1024)
}

const _: () = {
    // One helper call fills each of these from adjacent members of `struct cred`.
    assert!(size_of::<tracer_common::record::Ids>() == 32);
    assert!(size_of::<tracer_common::record::Capabilities>() == 40);
};
