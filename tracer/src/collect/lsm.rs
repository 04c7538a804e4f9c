//! Which security modules are in force: a program on a hook of BPF's can be attached on kernels that
//! never call it. Owns the reading of that list.

use std::{fs::File, io::Read as _};

use rustix::{
    fs::{Mode, OFlags, openat},
    io::Errno,
    mount::{FsMountFlags, FsOpenFlags, MountAttrFlags, fsconfig_create, fsmount, fsopen},
};

/// The module's name in the list.
const BPF: &str = "bpf";

/// Why the kernel would not call programs on its security hooks, if so. The list is read from a
/// securityfs of our own that is mounted nowhere: many machines and all containers have none.
pub fn why_not() -> Option<String> {
    match list() {
        Ok(list) if has_bpf(&list) => None,
        Ok(list) => Some(format!(
            "bpf is not among the security modules in force, {}: the kernel's word lsm= puts it there",
            list.trim()
        )),
        Err(error) => Some(format!(
            "the list of security modules cannot be read: {error}"
        )),
    }
}

fn has_bpf(list: &str) -> bool {
    list.trim().split(',').any(|name| name == BPF)
}

fn list() -> std::io::Result<String> {
    let open = || -> Result<File, Errno> {
        let system = fsopen("securityfs", FsOpenFlags::FSOPEN_CLOEXEC)?;
        fsconfig_create(&system)?;
        let mount = fsmount(
            &system,
            FsMountFlags::FSMOUNT_CLOEXEC,
            MountAttrFlags::MOUNT_ATTR_RDONLY,
        )?;
        let file = openat(
            &mount,
            "lsm",
            OFlags::RDONLY | OFlags::CLOEXEC,
            Mode::empty(),
        )?;
        Ok(File::from(file))
    };
    let mut list = String::new();
    open()?.read_to_string(&mut list)?;
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_module_is_in_the_list_by_its_whole_name() {
        assert!(has_bpf("lockdown,capability,bpf\n"));
        assert!(has_bpf("bpf"));
        assert!(!has_bpf("lockdown,capability,ebpf"));
        assert!(!has_bpf(""));
    }
}
