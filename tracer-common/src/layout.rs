//! Which offsets of the running kernel's structures the eBPF programs need. One table gives
//! both the struct that is passed down and the list that the BTF resolver walks, so the two
//! cannot disagree. Owns no resolving.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Stands for "this kernel has no such member"; the programs then leave the fact's valid bit
/// unset.
pub const ABSENT: u32 = u32::MAX;

/// What a field of [`Layout`] is resolved to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Query {
    /// Byte offset of a member, which may hide in anonymous members; `a.b` descends.
    Offset(&'static str, &'static str),
    /// Size of a struct in bytes.
    Size(&'static str),
    /// Value of an enumerator: enum name, enumerator.
    Value(&'static str, &'static str),
    /// Size in bytes of a member, which is a struct or a number.
    MemberSize(&'static str, &'static str),
    /// Which bit of the struct a bit field of one bit is, from its first byte's lowest on.
    Bit(&'static str, &'static str),
    /// 1 when the member is a pointer, 0 when it is held in place.
    IsPointer(&'static str, &'static str),
    /// Byte offset of the element of that index in a member that is an array of 64-bit numbers.
    Element(&'static str, &'static str, u32),
}

macro_rules! layout {
    ($($field:ident = $query:expr),+ $(,)?) => {
        /// Read-only global `LAYOUT` of the object: what each query gave on this kernel, or
        /// [`ABSENT`].
        #[repr(C)]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout)]
        pub struct Layout { $(#[doc = stringify!($query)] pub $field: u32,)+ }

        /// Name and query of each field of [`Layout`], in its order.
        pub const QUERIES: &[(&str, Query)] = &[$((stringify!($field), $query),)+];

        impl Layout {
            /// Nothing known.
            pub const ABSENT: Self = Self { $($field: ABSENT,)+ };
        }
    };
}

use Query::{Bit, Element, IsPointer, MemberSize, Offset, Size, Value};

/// Where `pt_regs` holds a system call's number, in its first 32 bits, and its arguments, until its exit.
struct Registers {
    number: Query,
    arguments: [Query; 6],
}

/// Of the architecture that the loader is built for (`syscall_get_nr` and `syscall_get_arguments` in
/// arch/*/include/asm/syscall.h).
const REGISTERS: Registers = if cfg!(target_arch = "aarch64") {
    Registers {
        number: Offset("pt_regs", "syscallno"),
        arguments: [
            // `regs[0]` holds what the call returns by then.
            Offset("pt_regs", "orig_x0"),
            Element("pt_regs", "regs", 1),
            Element("pt_regs", "regs", 2),
            Element("pt_regs", "regs", 3),
            Element("pt_regs", "regs", 4),
            Element("pt_regs", "regs", 5),
        ],
    }
} else {
    Registers {
        number: Offset("pt_regs", "orig_ax"),
        arguments: [
            Offset("pt_regs", "di"),
            Offset("pt_regs", "si"),
            Offset("pt_regs", "dx"),
            Offset("pt_regs", "r10"),
            Offset("pt_regs", "r8"),
            Offset("pt_regs", "r9"),
        ],
    }
};

layout! {
    task_flags = Offset("task_struct", "flags"),
    task_pid = Offset("task_struct", "pid"),
    task_tgid = Offset("task_struct", "tgid"),
    task_group_leader = Offset("task_struct", "group_leader"),
    task_real_parent = Offset("task_struct", "real_parent"),
    task_parent = Offset("task_struct", "parent"),
    task_start_boottime = Offset("task_struct", "start_boottime"),
    task_comm = Offset("task_struct", "comm"),
    task_nsproxy = Offset("task_struct", "nsproxy"),
    task_thread_pid = Offset("task_struct", "thread_pid"),
    task_cred = Offset("task_struct", "cred"),
    task_seccomp_mode = Offset("task_struct", "seccomp.mode"),
    task_seccomp_filters = Offset("task_struct", "seccomp.filter_count"),
    task_atomic_flags = Offset("task_struct", "atomic_flags"),
    task_cpus_ptr = Offset("task_struct", "cpus_ptr"),
    task_fs = Offset("task_struct", "fs"),
    task_files = Offset("task_struct", "files"),
    task_cgroups = Offset("task_struct", "cgroups"),
    task_signal = Offset("task_struct", "signal"),
    task_mm = Offset("task_struct", "mm"),
    task_exit_code = Offset("task_struct", "exit_code"),
    nsproxy_uts = Offset("nsproxy", "uts_ns"),
    nsproxy_ipc = Offset("nsproxy", "ipc_ns"),
    nsproxy_mnt = Offset("nsproxy", "mnt_ns"),
    nsproxy_pid_for_children = Offset("nsproxy", "pid_ns_for_children"),
    nsproxy_net = Offset("nsproxy", "net_ns"),
    nsproxy_time = Offset("nsproxy", "time_ns"),
    nsproxy_time_for_children = Offset("nsproxy", "time_ns_for_children"),
    nsproxy_cgroup = Offset("nsproxy", "cgroup_ns"),
    ns_common_inum = Offset("ns_common", "inum"),
    ns_common_id = Offset("ns_common", "ns_id"),
    uts_inum = Offset("uts_namespace", "ns.inum"),
    uts_nodename = Offset("uts_namespace", "name.nodename"),
    ipc_inum = Offset("ipc_namespace", "ns.inum"),
    mnt_inum = Offset("mnt_namespace", "ns.inum"),
    mnt_ns_root = Offset("mnt_namespace", "root"),
    pid_inum = Offset("pid_namespace", "ns.inum"),
    net_inum = Offset("net", "ns.inum"),
    time_inum = Offset("time_namespace", "ns.inum"),
    time_monotonic = Offset("time_namespace", "offsets.monotonic"),
    time_boottime = Offset("time_namespace", "offsets.boottime"),
    cgroup_inum = Offset("cgroup_namespace", "ns.inum"),
    user_inum = Offset("user_namespace", "ns.inum"),
    user_uid_map = Offset("user_namespace", "uid_map"),
    user_gid_map = Offset("user_namespace", "gid_map"),
    id_map_count = Offset("uid_gid_map", "nr_extents"),
    id_map_extents = Offset("uid_gid_map", "extent"),
    pid_level = Offset("pid", "level"),
    pid_numbers = Offset("pid", "numbers"),
    upid_nr = Offset("upid", "nr"),
    upid_ns = Offset("upid", "ns"),
    upid_size = Size("upid"),
    cred_uid = Offset("cred", "uid"),
    cred_fsgid = Offset("cred", "fsgid"),
    cred_securebits = Offset("cred", "securebits"),
    cred_cap_inheritable = Offset("cred", "cap_inheritable"),
    cred_cap_ambient = Offset("cred", "cap_ambient"),
    cred_user_ns = Offset("cred", "user_ns"),
    cred_group_info = Offset("cred", "group_info"),
    cred_session_keyring = Offset("cred", "session_keyring"),
    group_info_count = Offset("group_info", "ngroups"),
    group_info_gids = Offset("group_info", "gid"),
    key_serial = Offset("key", "serial"),
    css_set_subsys = Offset("css_set", "subsys"),
    css_set_links = Offset("css_set", "cgrp_links"),
    link_cgroup = Offset("cgrp_cset_link", "cgrp"),
    link_node = Offset("cgrp_cset_link", "cgrp_link"),
    cgroup_level = Offset("cgroup", "level"),
    cgroup_kn = Offset("cgroup", "kn"),
    cgroup_root = Offset("cgroup", "root"),
    kernfs_id = Offset("kernfs_node", "id"),
    root_hierarchy = Offset("cgroup_root", "hierarchy_id"),
    root_controllers = Offset("cgroup_root", "subsys_mask"),
    css_parent = Offset("cgroup_subsys_state", "parent"),
    ssid_cpuset = Value("cgroup_subsys_id", "cpuset_cgrp_id"),
    ssid_cpu = Value("cgroup_subsys_id", "cpu_cgrp_id"),
    ssid_memory = Value("cgroup_subsys_id", "memory_cgrp_id"),
    ssid_pids = Value("cgroup_subsys_id", "pids_cgrp_id"),
    memcg_memory = Offset("mem_cgroup", "memory"),
    page_counter_max = Offset("page_counter", "max"),
    page_counter_parent = Offset("page_counter", "parent"),
    pids_limit = Offset("pids_cgroup", "limit"),
    tg_quota = Offset("task_group", "cfs_bandwidth.quota"),
    tg_period = Offset("task_group", "cfs_bandwidth.period"),
    cpuset_effective = Offset("cpuset", "effective_cpus"),
    cpuset_effective_is_pointer = IsPointer("cpuset", "effective_cpus"),
    cpumask_size = Size("cpumask"),
    fs_root = Offset("fs_struct", "root"),
    fs_pwd = Offset("fs_struct", "pwd"),
    fs_umask = Offset("fs_struct", "umask"),
    path_mnt = Offset("path", "mnt"),
    path_dentry = Offset("path", "dentry"),
    dentry_inode = Offset("dentry", "d_inode"),
    inode_ino = Offset("inode", "i_ino"),
    inode_mode = Offset("inode", "i_mode"),
    inode_sb = Offset("inode", "i_sb"),
    sb_dev = Offset("super_block", "s_dev"),
    sb_flags = Offset("super_block", "s_flags"),
    sb_magic = Offset("super_block", "s_magic"),
    vfsmount_root = Offset("vfsmount", "mnt_root"),
    vfsmount_flags = Offset("vfsmount", "mnt_flags"),
    mount_mnt = Offset("mount", "mnt"),
    mount_parent = Offset("mount", "mnt_parent"),
    mount_ns = Offset("mount", "mnt_ns"),
    mount_id = Offset("mount", "mnt_id"),
    mount_overmount = Offset("mount", "overmount"),
    mount_children = Offset("mount", "mnt_mounts"),
    mount_sibling = Offset("mount", "mnt_child"),
    mount_mountpoint = Offset("mount", "mnt_mountpoint"),
    files_fdt = Offset("files_struct", "fdt"),
    fdt_max_fds = Offset("fdtable", "max_fds"),
    fdt_fd = Offset("fdtable", "fd"),
    fdt_close_on_exec = Offset("fdtable", "close_on_exec"),
    fdt_open_fds = Offset("fdtable", "open_fds"),
    file_path = Offset("file", "f_path"),
    file_inode = Offset("file", "f_inode"),
    file_flags = Offset("file", "f_flags"),
    signal_rlim = Offset("signal_struct", "rlim"),
    signal_live = Offset("signal_struct", "live"),
    signal_oom_score_adj = Offset("signal_struct", "oom_score_adj"),
    mm_exe_file = Offset("mm_struct", "exe_file"),
    binprm_filename = Offset("linux_binprm", "filename"),
    ssid_devices = Value("cgroup_subsys_id", "devices_cgrp_id"),
    devices_behavior = Offset("dev_cgroup", "behavior"),
    devices_exceptions = Offset("dev_cgroup", "exceptions"),
    exception_major = Offset("dev_exception_item", "major"),
    exception_access = Offset("dev_exception_item", "access"),
    exception_node = Offset("dev_exception_item", "list"),
    css_set_default = Offset("css_set", "dfl_cgrp"),
    cgroup_programs = Offset("cgroup", "bpf.effective"),
    programs_on_devices = Value("cgroup_bpf_attach_type", "CGROUP_DEVICE"),
    program_array_items = Offset("bpf_prog_array", "items"),
    program_item_size = Size("bpf_prog_array_item"),
    program_item = Offset("bpf_prog_array_item", "prog"),
    program_length = Offset("bpf_prog", "len"),
    program_instructions = Offset("bpf_prog", "insnsi"),
    program_aux = Offset("bpf_prog", "aux"),
    program_id = Offset("bpf_prog_aux", "id"),
    regs_number = REGISTERS.number,
    regs_arg0 = REGISTERS.arguments[0],
    regs_arg1 = REGISTERS.arguments[1],
    regs_arg2 = REGISTERS.arguments[2],
    regs_arg3 = REGISTERS.arguments[3],
    regs_arg4 = REGISTERS.arguments[4],
    regs_arg5 = REGISTERS.arguments[5],
    dentry_name = Offset("dentry", "d_name.name"),
    signal_tty = Offset("signal_struct", "tty"),
    tty_index = Offset("tty_struct", "index"),
    tty_driver = Offset("tty_struct", "driver"),
    tty_driver_data = Offset("tty_struct", "driver_data"),
    tty_driver_major = Offset("tty_driver", "major"),
    tty_driver_minor_start = Offset("tty_driver", "minor_start"),
    uts_domainname = Offset("uts_namespace", "name.domainname"),
    task_policy = Offset("task_struct", "policy"),
    task_static_prio = Offset("task_struct", "static_prio"),
    task_rt_priority = Offset("task_struct", "rt_priority"),
    task_reset_on_fork = Bit("task_struct", "sched_reset_on_fork"),
    task_dl_runtime = Offset("task_struct", "dl.dl_runtime"),
    task_dl_deadline = Offset("task_struct", "dl.dl_deadline"),
    task_dl_period = Offset("task_struct", "dl.dl_period"),
    task_dl_flags = Offset("task_struct", "dl.flags"),
    task_io_context = Offset("task_struct", "io_context"),
    io_context_ioprio = Offset("io_context", "ioprio"),
    task_personality = Offset("task_struct", "personality"),
    task_mempolicy = Offset("task_struct", "mempolicy"),
    mempolicy_mode = Offset("mempolicy", "mode"),
    mempolicy_flags = Offset("mempolicy", "flags"),
    mempolicy_nodes = Offset("mempolicy", "nodes"),
    mempolicy_asked = Offset("mempolicy", "w.user_nodemask"),
    mempolicy_nodes_size = MemberSize("mempolicy", "nodes"),
    cpuset_effective_mems = Offset("cpuset", "effective_mems"),
    cpuset_effective_mems_size = MemberSize("cpuset", "effective_mems"),
}

const _: () = assert!(size_of::<Layout>() == 4 * QUERIES.len());
