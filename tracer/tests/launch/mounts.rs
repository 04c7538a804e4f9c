//! File systems that a payload finds.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;
use tracer::container::spec::{Mount, MountKind, Root, Spec};
use tracer::event::NamespaceKind;

use crate::support::*;

/// A directory that becomes a root file system once the host's /usr is mounted in it. Its parent
/// can be entered by the host's root alone.
fn rootfs(directories: &[&str]) -> TempDir {
    let root = tempfile::tempdir().expect("a directory");
    fs::set_permissions(root.path(), fs::Permissions::from_mode(0o700)).expect("permissions");
    let inside = root.path().join("rootfs");
    for name in ["", "usr"].iter().chain(directories) {
        fs::create_dir_all(inside.join(name)).expect("a directory");
    }
    for name in ["bin", "lib", "lib64", "sbin"] {
        symlink(format!("usr/{name}"), inside.join(name)).expect("a link");
    }
    root
}

fn in_rootfs(root: &TempDir, mut spec: Spec) -> Spec {
    spec.root = Root::Directory(root.path().join("rootfs"));
    spec.mounts.insert(0, bind("/usr", "/usr", true));
    spec
}

fn bind(source: impl AsRef<Path>, target: &str, read_only: bool) -> Mount {
    let source = source.as_ref().to_owned();
    let kind = MountKind::Bind {
        source,
        recursive: true,
    };
    Mount {
        kind,
        target: target.to_owned(),
        read_only,
    }
}

#[test]
#[ignore = "needs root"]
fn the_view_of_the_host_is_read_only_and_the_rest_private() {
    let script = "touch /usr/x 2>/dev/null && echo usr; touch /etc/x 2>/dev/null && echo etc; \
                  touch /a /tmp/a /run/a /dev/shm/a && echo private; ls -A /tmp /run /home /root";
    for spec in [shell(script), without_user(script)] {
        let output = run(&spec).success();
        assert_eq!(
            output,
            "private\n/home:\n\n/root:\n\n/run:\na\n\n/tmp:\na\n"
        );
    }
}

#[test]
#[ignore = "needs root"]
fn a_read_only_root_leaves_tmp_and_run_writable() {
    let mut spec = shell("touch /a 2>/dev/null || echo refused; touch /tmp/a /run/a && echo made");
    spec.read_only = true;
    assert_eq!(run(&spec).success(), "refused\nmade\n");
}

#[test]
#[ignore = "needs root"]
fn nothing_of_the_host_is_mounted_but_what_the_view_shows() {
    let output = run(&shell("cut -d' ' -f5 /proc/self/mountinfo")).success();
    assert!(!output.contains("/run/tracer"), "{output}");
    assert_eq!(
        output.lines().filter(|point| *point == "/").count(),
        1,
        "{output}"
    );
}

#[test]
#[ignore = "needs root"]
fn what_tells_of_the_host_is_masked() {
    let output = run(&shell(
        "wc -c < /proc/keys; ls -A /sys/firmware; \
                             echo 1 > /proc/sys/kernel/printk || echo refused",
    ));
    let output = output.success();
    assert!(output.starts_with("0\n"), "{output}");
    assert!(output.ends_with("refused\n"), "{output}");
}

#[test]
#[ignore = "needs root"]
fn devices_work() {
    let script = "echo x > /dev/null && head -c 4 /dev/zero | wc -c && head -c 4 /dev/urandom | \
                  wc -c; head -c 9 /dev/zero > /dev/full; ls /dev/pts";
    for spec in [shell(script), without_user(script)] {
        let output = run(&spec).success();
        assert!(output.starts_with("4\n4\n"), "{output}");
        assert!(output.contains("No space left"), "{output}");
        assert!(output.ends_with("ptmx\n"), "{output}");
    }
}

/// An image's own and one that is made in the container are files of the host's devices, but for `nodev`.
#[test]
#[ignore = "needs root"]
fn other_device_files_open_nothing() {
    let root = rootfs(&["proc", "dev", "sys", "tmp", "etc"]);
    let image = root.path().join("rootfs/node");
    let mut mknod = Command::new("mknod");
    let made = mknod.args(["-m", "666"]).arg(image).args(["c", "1", "3"]);
    assert!(made.status().expect("mknod").success());
    let script = "exec 2>/dev/null; for file in /node /own /dev/own /tmp/own; do
            mknod $file c 1 3; cat $file && echo opened $file; done; ls -d /node /own /dev/own /tmp/own; :";
    let output = run(&in_rootfs(&root, shell(script))).success();
    assert_eq!(output, "/node\n");
    let output = run(&in_rootfs(&root, without_user(script))).success();
    assert_eq!(output, "/dev/own\n/node\n/own\n/tmp/own\n");
}

#[test]
#[ignore = "needs root"]
fn a_directory_below_one_that_only_the_hosts_root_can_enter_can_be_the_root() {
    let root = rootfs(&["proc", "dev", "sys", "tmp", "etc"]);
    for spec in [
        shell("ls -d /*; cat /proc/1/comm"),
        without_user("ls -d /*; cat /proc/1/comm"),
    ] {
        let output = run(&in_rootfs(&root, spec)).success();
        assert!(output.ends_with("sh\n"), "{output}");
        assert!(output.contains("/etc\n"), "{output}");
        assert!(!output.contains("/home"), "{output}");
    }
}

#[test]
#[ignore = "needs root"]
fn an_image_without_the_usual_directories_gets_those_it_lets_be_made() {
    // Its root belongs to the host's root, so the container's can make none of them.
    let root = rootfs(&[]);
    let output = run(&in_rootfs(&root, shell("ls -d /*"))).success();
    assert_eq!(output, "/bin\n/lib\n/lib64\n/sbin\n/usr\n");
    // Without a user namespace it can.
    let output = run(&in_rootfs(
        &root,
        without_user("ls /dev/null /proc/self/status"),
    ))
    .success();
    assert_eq!(output, "/dev/null\n/proc/self/status\n");
}

#[test]
#[ignore = "needs root"]
fn an_image_cannot_redirect_proc_by_a_link() {
    let root = rootfs(&["dev", "sys", "tmp", "elsewhere"]);
    symlink("/elsewhere", root.path().join("rootfs/proc")).expect("a link");
    let refusal = run(&in_rootfs(&root, shell("true"))).refusal();
    assert!(refusal.contains("/proc"), "{refusal}");
}

#[test]
#[ignore = "needs root"]
fn an_image_cannot_lead_a_mount_out_by_links() {
    let root = rootfs(&["proc", "dev", "sys", "tmp"]);
    let outside = tempfile::tempdir().expect("a directory");
    let links = root.path().join("rootfs/out");
    symlink(outside.path(), &links).expect("a link");
    let mut spec = in_rootfs(&root, without_user("true"));
    spec.mounts.push(bind("/etc/hostname", "/out/file", false));
    // The link leads to a path of the container, where there is nothing.
    let refusal = run(&spec).refusal();
    assert!(refusal.contains("/out"), "{refusal}");
    assert_eq!(fs::read_dir(outside.path()).expect("entries").count(), 0);
}

#[test]
#[ignore = "needs root"]
fn files_directories_and_tmpfs_are_mounted_as_asked() {
    let outside = tempfile::tempdir().expect("a directory");
    fs::set_permissions(outside.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
    fs::write(outside.path().join("file"), "content\n").expect("a file");
    let mut spec = shell(
        "cat /a/b/file; touch /ro/x 2>/dev/null || echo refused; touch /rw/x && echo made; \
         stat -f -c %T /t; stat -c %a /t; grep ' /t ' /proc/self/mountinfo | grep -o 'size=[^,]*'",
    );
    spec.mounts = vec![
        bind(outside.path().join("file"), "/a/b/file", true),
        bind(outside.path(), "/ro", true),
        bind(outside.path(), "/rw", false),
        Mount {
            kind: MountKind::Tmpfs {
                size: Some(1 << 20),
                mode: Some(0o700),
            },
            target: "/t".to_owned(),
            read_only: false,
        },
    ];
    let output = run(&spec).success();
    assert_eq!(output, "content\nrefused\nmade\ntmpfs\n700\nsize=1024k\n");
    assert!(outside.path().join("x").exists());
}

#[test]
#[ignore = "needs root"]
fn mounts_of_a_container_do_not_reach_the_host() {
    let shared = tempfile::tempdir().expect("a directory");
    let mut spec = shell("true");
    spec.mounts = vec![
        bind(shared.path(), "/shared", false),
        Mount {
            kind: MountKind::Tmpfs {
                size: None,
                mode: None,
            },
            target: "/shared/below".to_owned(),
            read_only: false,
        },
    ];
    fs::set_permissions(shared.path(), fs::Permissions::from_mode(0o777)).expect("permissions");
    run(&spec).success();
    let mounts = fs::read_to_string("/proc/self/mountinfo").expect("mounts");
    assert!(!mounts.contains("below"), "{mounts}");
}

#[test]
#[ignore = "needs root"]
fn a_new_pid_namespace_on_the_hosts_root_gets_its_own_proc() {
    let kinds = [NamespaceKind::Mnt, NamespaceKind::Pid];
    let mut spec = only(&kinds, "echo /proc/[0-9]*");
    spec.root = Root::Shared;
    assert_eq!(run(&spec).success(), "/proc/1\n");
}

#[test]
#[ignore = "needs root"]
fn the_working_directory_is_what_was_asked() {
    let mut spec = shell("pwd");
    spec.workdir = "/usr/lib".to_owned();
    assert_eq!(run(&spec).success(), "/usr/lib\n");
}
