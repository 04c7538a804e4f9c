//! Whether another mount lies on the root of a task: by its certificate, which since Linux 6.17
//! takes it from the mount itself, and by the task's own mountinfo.

use tracer::event::Certificate;
use tracer::event::certificate::PathFact;
use tracer_tests::shell::Shell;

use super::reader::{agrees, root_is_covered};
use super::{certificate, observe};

/// What the certificate of a shell that stands still says of its root.
fn told_of_root(certificate: &Certificate) -> u32 {
    certificate.root().expect("a root").flags & (PathFact::COVERED | PathFact::UNCOVERED)
}

#[track_caller]
fn is(shell: &mut Shell, covered: bool) {
    let certificate = certificate(&mut observe(), shell.pid());
    agrees(&certificate, shell.pid());
    shell.does("true");
    let told = told_of_root(&certificate);
    assert_eq!(root_is_covered(shell.pid()), covered);
    let expected = if covered {
        PathFact::COVERED
    } else {
        PathFact::UNCOVERED
    };
    assert_eq!(told, expected);
}

/// A shell with a mount namespace of its own, whose root is what these words make of `$root`, a
/// tmpfs on which the host's mounts stand again below `host`.
fn rooted(words: &str) -> Shell {
    let script = format!(
        "root=/tmp && mount -t tmpfs none $root && mkdir $root/host &&
        mount --rbind / $root/host && {words}"
    );
    Shell::behind(&["unshare", "--mount", "sh", "-c", &script, "sh"])
}

#[test]
#[ignore = "needs root"]
fn a_mount_on_the_root_covers_it_however_many_there_are() {
    let mut shell = Shell::with(&["--mount"]);
    is(&mut shell, false);
    // A shell goes on below what it mounts on its root.
    shell.does("mount -t tmpfs none /");
    is(&mut shell, true);
    shell.does("mount -t tmpfs none /");
    is(&mut shell, true);
}

#[test]
#[ignore = "needs root"]
fn mounts_elsewhere_do_not_cover_the_root() {
    let mut shell = Shell::with(&["--mount"]);
    shell.does("mount -t tmpfs none /tmp && mkdir /tmp/a && mount -t tmpfs none /tmp/a");
    is(&mut shell, false);
}

#[test]
#[ignore = "needs root"]
fn a_root_further_down_is_told_as_any_other() {
    let mut shell = rooted("exec chroot $root/host \"$@\"");
    is(&mut shell, false);
    shell.does("mount -t tmpfs none /");
    is(&mut shell, true);
}

/// pivot_root(".", ".") leaves the old root on top of the new one, until it is detached.
#[test]
#[ignore = "needs root"]
fn an_old_root_covers_the_new_one_until_it_is_detached() {
    let mut shell = rooted("cd $root/host && pivot_root . . && exec \"$@\"");
    is(&mut shell, true);
    shell.does("umount -l .");
    is(&mut shell, false);
}

/// Of such a root the kernel says nothing on its mount, which the task's mountinfo does not list
/// either; nothing wrong may be told.
#[test]
#[ignore = "needs root"]
fn nothing_wrong_is_told_of_a_root_that_is_a_folder_within_a_mount() {
    let mut shell = rooted(
        "for name in bin dev etc lib lib64 proc usr; do
            [ -e /$name ] || continue
            mkdir -p $root/folder/$name && mount --rbind /$name $root/folder/$name || exit
        done && exec chroot $root/folder \"$@\"",
    );
    for (covered, right) in [(false, PathFact::UNCOVERED), (true, PathFact::COVERED)] {
        if covered {
            shell.does("mount -t tmpfs none /");
        }
        let certificate = certificate(&mut observe(), shell.pid());
        assert_eq!(root_is_covered(shell.pid()), covered);
        let told = told_of_root(&certificate);
        assert!([0, right].contains(&told), "{told}");
    }
}
