//! Mounts by the mount table at the gate.

use super::super::sample::Scenario;
use super::{fails, unknown};
use crate::verdict::MountInfo;

fn with_mounts(change: impl FnOnce(&mut Vec<MountInfo>)) -> Scenario {
    Scenario::with(|scenario| change(scenario.mounts.as_mut().expect("there")))
}

fn options(text: &str) -> Vec<String> {
    text.split(',').map(str::to_owned).collect()
}

#[test]
fn a_mount_that_is_missing_or_differs_fails() {
    let missing = with_mounts(|mounts| mounts.retain(|mount| mount.mount_point != "/scratch"));
    fails(&["mount./scratch"], &missing);
    fails(
        &["mount./scratch"],
        &with_mounts(|mounts| mounts[6].fs_type = "ext4".to_owned()),
    );
    fails(
        &["mount./scratch"],
        &with_mounts(|mounts| mounts[6].super_options = options("rw,mode=700")),
    );
    fails(
        &["mount./scratch"],
        &with_mounts(|mounts| mounts[6].super_options = options("rw,size=68k")),
    );
    fails(
        &["mount./data"],
        &with_mounts(|mounts| mounts[7].options = options("rw")),
    );
    fails(
        &["mount./scratch"],
        &with_mounts(|mounts| mounts[6].options = options("ro")),
    );
}

#[test]
fn of_stacked_mounts_the_topmost_counts() {
    let on_top = |parent| {
        with_mounts(|mounts| {
            let mut top = mounts[7].clone();
            (top.id, top.parent, top.options) = (600, parent, options("rw"));
            // The order of lines must not matter.
            mounts.insert(0, top);
        })
    };
    fails(&["mount./data"], &on_top(507));
}

#[test]
fn a_writable_mount_of_the_host_fails() {
    let scenario = with_mounts(|mounts| mounts[2].options = options("rw,relatime"));
    fails(&["mounts.host_read_only"], &scenario);
    // A mount below a read-only bind has options of its own.
    let below = with_mounts(|mounts| {
        let mut nested = mounts[1].clone();
        (nested.mount_point, nested.options) = ("/usr/local".to_owned(), options("rw"));
        mounts.push(nested);
    });
    fails(&["mounts.host_read_only"], &below);
}

#[test]
fn files_of_the_host_that_can_be_written_to_fail_at_any_place_that_was_not_asked_for() {
    for place in ["/extra", "/dev", "/tmp", "/tmp/below", "/database"] {
        let scenario = with_mounts(|mounts| {
            let mut other = mounts[1].clone();
            (other.mount_point, other.options) = (place.to_owned(), options("rw"));
            mounts.push(other);
        });
        fails(&["mounts.host_read_only"], &scenario);
    }
}

#[test]
fn an_old_root_on_top_of_the_new_one_fails() {
    let scenario = with_mounts(|mounts| {
        let mut old = mounts[0].clone();
        (old.id, old.parent) = (600, 500);
        mounts.push(old);
    });
    fails(&["root.pivoted"], &scenario);
}

#[test]
fn without_mountinfo_mounts_are_inconclusive() {
    let ids = [
        "root.pivoted",
        "mount./scratch",
        "mount./data",
        "mounts.host_read_only",
    ];
    unknown(&ids, &Scenario::with(|scenario| scenario.mounts = None));
    let empty = with_mounts(|mounts| mounts.retain(|mount| mount.mount_point != "/"));
    let ids = ["mount./scratch", "mount./data", "mounts.host_read_only"];
    unknown(&ids, &empty);
}
