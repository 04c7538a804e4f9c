//! A root folder for a container: busybox, a link for each of its programs, and the places that
//! runtimes mount on. Owns what is in it.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

/// What a runtime mounts on, and what systemd-nspawn takes for a system's root (`usr`).
const FOLDERS: [&str; 9] = [
    "bin", "dev", "etc", "proc", "root", "run", "sys", "tmp", "usr",
];

/// Makes one at `root`.
pub(super) fn make(root: &Path) {
    for folder in FOLDERS {
        fs::create_dir_all(root.join(folder)).expect("a folder");
    }
    // Where nothing is mounted there: shells give it to what they start in the background.
    fs::write(root.join("dev/null"), "").expect("a file");
    let open = fs::Permissions::from_mode(0o1777);
    fs::set_permissions(root.join("tmp"), open).expect("permissions");
    let users = "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1001::/:/bin/sh\n";
    fs::write(root.join("etc/passwd"), users).expect("a file");
    fs::write(root.join("etc/group"), "root:x:0:\nuser:x:1001:\n").expect("a file");
    let busybox = super::find("busybox").expect("found before");
    fs::copy(&busybox, root.join("bin/busybox")).expect("a copy of busybox");
    let list = Command::new(&busybox).arg("--list").output();
    let list = String::from_utf8(list.expect("its programs").stdout).expect("text");
    for name in list.lines().filter(|name| *name != "busybox") {
        symlink("busybox", root.join("bin").join(name)).expect("a link");
    }
}
