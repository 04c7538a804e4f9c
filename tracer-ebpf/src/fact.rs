//! Facts that records share: who a task is, its namespaces, its cgroups, where a path leads.
//! Owns the walk through kernel objects; must not emit.

use tracer_common::{
    TaskId,
    record::{CgroupEntry, CgroupSet, MAX_HIERARCHIES, NamespaceSet, PathFact},
};

use crate::kernel::{known, offset, pointer, read};

/// `MNT_READONLY` (include/linux/mount.h).
const MNT_READONLY: u32 = 0x40;
/// `SB_RDONLY` (include/linux/fs.h).
const SB_RDONLY: u64 = 1;

/// Numbers, start time and name of the task at `task`.
#[inline(always)]
pub fn identity(identity: &mut TaskId, task: u64) {
    identity.tgid = read(task, offset!(task_tgid));
    identity.tid = read(task, offset!(task_pid));
    let leader = pointer(task, offset!(task_group_leader));
    identity.start_ns = read(leader, offset!(task_start_boottime));
    identity.comm = comm(task);
}

/// The task's name. As two numbers, which are read sooner than a string.
#[inline(always)]
fn comm(task: u64) -> [u8; 16] {
    let half = |at: u32| read::<u64>(task, offset!(task_comm).wrapping_add(at));
    zerocopy::transmute!([half(0), half(8)])
}

/// Thread group of the real parent.
#[inline(always)]
pub fn parent(task: u64) -> u32 {
    read(pointer(task, offset!(task_real_parent)), offset!(task_tgid))
}

/// A task's number in its own PID namespace, the namespace's depth and its address.
pub struct OwnPid {
    /// `pid->numbers[level].nr`.
    pub number: u32,
    /// `pid->level`.
    pub level: u32,
    /// `pid->numbers[level].ns`.
    pub namespace: u64,
}

/// From `thread_pid`: `nsproxy->pid_ns_for_children` is not the task's own.
#[inline(always)]
pub fn own_pid(task: u64) -> OwnPid {
    let pid = pointer(task, offset!(task_thread_pid));
    let level: u32 = read(pid, offset!(pid_level));
    let upid = pid
        .wrapping_add(u64::from(offset!(pid_numbers)))
        .wrapping_add(u64::from(level) * u64::from(offset!(upid_size)));
    OwnPid {
        number: read(upid, offset!(upid_nr)),
        level,
        namespace: pointer(upid, offset!(upid_ns)),
    }
}

/// Inode number of the user namespace of `cred`, which any architecture-independent caller has.
#[inline(always)]
pub fn user_namespace(task: u64) -> u64 {
    pointer(pointer(task, offset!(task_cred)), offset!(cred_user_ns))
}

/// Inode number and unique number of the namespace at `namespace`, which holds the first at
/// `inum`. Both stand in its `ns_common`, so the second is as far from the first in all of them.
#[inline(always)]
fn namespace(namespace: u64, inum: u32) -> (u32, u64) {
    let unique = if known!(ns_common_inum, ns_common_id) {
        let between = offset!(ns_common_id).wrapping_sub(offset!(ns_common_inum));
        read(namespace, inum.wrapping_add(between))
    } else {
        0
    };
    (read(namespace, inum), unique)
}

/// The ten namespaces. A kernel without one of them (time namespaces came with 5.6) gives 0.
#[inline(always)]
pub fn namespaces(set: &mut NamespaceSet, task: u64) {
    // SAFETY: the set is memory that the program holds.
    unsafe { namespaces_of(set, task) };
}

/// The same as a global function, as [`cgroups_of_set`].
///
/// # Safety
/// `set` is null or points to a set that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn namespaces_of(set: *mut NamespaceSet, task: u64) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(set) = (unsafe { set.as_mut() }) else {
        return 0;
    };
    let proxy = pointer(task, offset!(task_nsproxy));
    let of_proxy = |member: u32, inum: u32| namespace(pointer(proxy, member), inum);
    (set.mnt, set.unique[0]) = of_proxy(offset!(nsproxy_mnt), offset!(mnt_inum));
    (set.uts, set.unique[1]) = of_proxy(offset!(nsproxy_uts), offset!(uts_inum));
    (set.ipc, set.unique[2]) = of_proxy(offset!(nsproxy_ipc), offset!(ipc_inum));
    (set.pid, set.unique[3]) = namespace(own_pid(task).namespace, offset!(pid_inum));
    (set.pid_for_children, set.unique[4]) =
        of_proxy(offset!(nsproxy_pid_for_children), offset!(pid_inum));
    (set.net, set.unique[5]) = of_proxy(offset!(nsproxy_net), offset!(net_inum));
    if known!(nsproxy_time, nsproxy_time_for_children, time_inum) {
        (set.time, set.unique[6]) = of_proxy(offset!(nsproxy_time), offset!(time_inum));
        (set.time_for_children, set.unique[7]) =
            of_proxy(offset!(nsproxy_time_for_children), offset!(time_inum));
    }
    if known!(nsproxy_cgroup, cgroup_inum) {
        (set.cgroup, set.unique[8]) = of_proxy(offset!(nsproxy_cgroup), offset!(cgroup_inum));
    }
    (set.user, set.unique[9]) = namespace(user_namespace(task), offset!(user_inum));
    0
}

/// One cgroup by its address.
#[inline(always)]
pub fn cgroup(entry: &mut CgroupEntry, cgroup: u64) {
    entry.id = read(pointer(cgroup, offset!(cgroup_kn)), offset!(kernfs_id));
    entry.level = read(cgroup, offset!(cgroup_level));
    let root = pointer(cgroup, offset!(cgroup_root));
    entry.hierarchy = read(root, offset!(root_hierarchy));
    entry.controllers = read(root, offset!(root_controllers));
}

/// The task's cgroup in every hierarchy.
#[inline(always)]
pub fn cgroups(set: &mut CgroupSet, task: u64) {
    let css_set = pointer(task, offset!(task_cgroups));
    // SAFETY: the set is memory of a record that the program holds.
    unsafe { cgroups_of_set(set, css_set) };
}

/// The cgroup in every hierarchy, named ones without a controller included: the css_set's links
/// hold one cgroup of each (kernel/cgroup/cgroup.c, `find_css_set`). A global function, which the
/// verifier checks once and not at each of its calls; such a one takes numbers, and no address straight from a
/// tracepoint, which is a pointer to the verifier.
///
/// # Safety
/// `set` is null or points to a set that can be written.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn cgroups_of_set(set: *mut CgroupSet, css_set: u64) -> u32 {
    // SAFETY: the caller's promise, which the verifier checks at each call.
    let Some(set) = (unsafe { set.as_mut() }) else {
        return 0;
    };
    let head = css_set.wrapping_add(u64::from(offset!(css_set_links)));
    let mut node = pointer(head, 0);
    let mut count = 0u32;
    for entry in set.entries.iter_mut().take(MAX_HIERARCHIES) {
        if node == head {
            break;
        }
        let link = node.wrapping_sub(u64::from(offset!(link_node)));
        let address = pointer(link, offset!(link_cgroup));
        cgroup(entry, address);
        count += 1;
        node = pointer(node, 0);
    }
    set.count = count;
    set.truncated = u32::from(node != head);
    0
}

/// Address of the `struct mount` that holds the `vfsmount` at `mnt`.
#[inline(always)]
fn mount_of(mnt: u64) -> u64 {
    mnt.wrapping_sub(u64::from(offset!(mount_mnt)))
}

/// The mount namespace that the `vfsmount` at `mnt` belongs to; 0 = none. Internal mounts hold
/// an error pointer there, which cannot be read and gives 0 too.
#[inline(always)]
pub fn mount_namespace(mnt: u64) -> u32 {
    read(pointer(mount_of(mnt), offset!(mount_ns)), offset!(mnt_inum))
}

/// Where the `struct path` at `path` leads.
#[inline(always)]
pub fn path(fact: &mut PathFact, path: u64) {
    let mnt = pointer(path, offset!(path_mnt));
    let dentry = pointer(path, offset!(path_dentry));
    let inode = pointer(dentry, offset!(dentry_inode));
    let sb = pointer(inode, offset!(inode_sb));
    fact.ino = read(inode, offset!(inode_ino));
    fact.dev = read(sb, offset!(sb_dev));
    fact.magic = read(sb, offset!(sb_magic));
    let mount = mount_of(mnt);
    let namespace = pointer(mount, offset!(mount_ns));
    fact.mnt_ns = read(namespace, offset!(mnt_inum));
    fact.mnt_id = read(mount, offset!(mount_id));
    let namespace_root = pointer(namespace, offset!(mnt_ns_root));
    let parent = pointer(mount, offset!(mount_parent));
    let mut flags = 0;
    if pointer(mnt, offset!(vfsmount_root)) == dentry {
        flags |= PathFact::MOUNT_ROOT;
    }
    if parent == namespace_root {
        flags |= PathFact::AT_NAMESPACE_ROOT;
    }
    if mount == namespace_root {
        flags |= PathFact::AT_NAMESPACE_ROOT;
    }
    if read::<u32>(mnt, offset!(vfsmount_flags)) & MNT_READONLY != 0 {
        flags |= PathFact::MOUNT_READ_ONLY;
    }
    if read::<u64>(sb, offset!(sb_flags)) & SB_RDONLY != 0 {
        flags |= PathFact::FS_READ_ONLY;
    }
    fact.flags = flags;
}

/// Most mounts on one parent that are looked at.
const MAX_CHILDREN: usize = 40;

/// Whether another mount lies on top of where the `struct path` at `path` leads: a child of its
/// mount whose mount point is the very same directory entry.
#[inline(always)]
pub fn covered(path: u64) -> u32 {
    let mnt = pointer(path, offset!(path_mnt));
    let mount = mount_of(mnt);
    let dentry = pointer(path, offset!(path_dentry));
    // Since 6.17 a mount knows what lies on its root, and there is nothing to search. Of another
    // directory it says nothing, and then nothing is said.
    if known!(mount_overmount) {
        return if pointer(mnt, offset!(vfsmount_root)) != dentry {
            0
        } else if pointer(mount, offset!(mount_overmount)) != 0 {
            PathFact::COVERED
        } else {
            PathFact::UNCOVERED
        };
    }
    if !known!(mount_children, mount_sibling, mount_mountpoint) {
        return 0;
    }
    // SAFETY: the function takes numbers and dereferences neither.
    unsafe { covered_by_child(mount, dentry) }
}

/// The same by the addresses of the mount and the entry, as a global function: its loop is then
/// checked once.
///
/// # Safety
/// None: both are numbers that are only handed to the helper that reads kernel memory.
#[unsafe(no_mangle)]
#[inline(never)]
pub unsafe extern "C" fn covered_by_child(mount: u64, dentry: u64) -> u32 {
    let head = mount.wrapping_add(u64::from(offset!(mount_children)));
    let mut node = pointer(head, 0);
    let mut on_top = 0u32;
    for _ in 0..MAX_CHILDREN {
        if node == head {
            break;
        }
        let child = node.wrapping_sub(u64::from(offset!(mount_sibling)));
        on_top |= u32::from(pointer(child, offset!(mount_mountpoint)) == dentry);
        node = pointer(node, 0);
    }
    if on_top != 0 {
        PathFact::COVERED
    } else if node == head {
        PathFact::UNCOVERED
    } else {
        0
    }
}
