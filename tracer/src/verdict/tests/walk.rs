//! Mounts, masked and read-only paths of a bundle: each passes, fails and is unknown where it
//! should.

use super::super::mountinfo;
use super::super::sample::Scenario;
use crate::event::certificate::PathFact;
use crate::expect::{Check, Expectation, MountRule, Propagation};
use crate::verdict::{Item, Verdict};
use Verdict::{Fail, Inconclusive, Pass};

const MOUNTS: &str = "\
500 499 0:40 / / rw,relatime master:1 - ext4 /dev/vda rw
501 500 0:41 / /proc rw,nosuid,nodev,noexec - proc proc rw
502 501 0:41 /sys /proc/sys ro,relatime - proc proc rw
503 500 0:42 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
504 501 0:42 /null /proc/kcore rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
505 501 0:43 / /proc/acpi ro,relatime - tmpfs tmpfs ro
506 501 0:44 / /proc/scsi rw,relatime - tmpfs tmpfs rw
507 501 0:41 /sys/kernel/core_pattern /proc/keys rw - proc proc rw
508 501 0:5 /null /proc/timer_list rw - devtmpfs devtmpfs rw
509 501 8:2 /srv/null /proc/latency_stats rw - ext4 /dev/vdb rw
510 500 0:45 / /sys ro,nosuid,nodev,noexec shared:7 - sysfs sysfs ro
";

#[track_caller]
fn item(check: Check, mounts: Option<&str>) -> Item {
    item_of(&Scenario::good(), check, mounts)
}

#[track_caller]
fn item_of(scenario: &Scenario, check: Check, mounts: Option<&str>) -> Item {
    let mut outcome = scenario.play();
    outcome.expectations = vec![Expectation {
        id: "one".to_owned(),
        asked: String::new(),
        origin: String::new(),
        check,
    }];
    outcome.observation.mounts =
        mounts.map(|text| mountinfo::parse(text).expect("mountinfo").into());
    outcome.judge_final().items.remove(0)
}

#[track_caller]
fn becomes(check: Check, verdict: Verdict) {
    let item = item(check, Some(MOUNTS));
    assert_eq!(item.verdict, verdict, "{item:#?}");
    assert_eq!(item.reason.is_none(), verdict == Pass, "{item:#?}");
    assert_eq!(item.evidence.is_empty(), verdict == Inconclusive);
}

fn rule(target: &str, options: &[&str]) -> Check {
    let mut rule = MountRule {
        target: target.to_owned(),
        ..MountRule::default()
    };
    for option in options {
        assert!(rule.take(option), "{option}");
    }
    Check::MountRule(rule)
}

fn masked(path: &str) -> Check {
    Check::PathMasked {
        path: path.to_owned(),
        absent: false,
    }
}

fn read_only(path: &str, absent: bool) -> Check {
    Check::PathReadOnly {
        path: path.to_owned(),
        absent,
    }
}

#[test]
fn a_mount_is_as_the_bundle_asks_for_it() {
    becomes(rule("/sys", &["ro", "nosuid", "nodev", "noexec"]), Pass);
    becomes(rule("/sys/", &["shared"]), Pass);
    becomes(rule("/sys", &["private"]), Fail);
    becomes(rule("/sys", &["rw"]), Fail);
    becomes(rule("/proc", &["ro"]), Fail);
    becomes(rule("/proc", &["rw", "noexec"]), Pass);
    becomes(rule("/dev", &["noexec"]), Fail);
    becomes(rule("/dev", &["suid"]), Fail);
    becomes(rule("/data", &[]), Fail);
    for (fs_type, verdict) in [("tmpfs", Pass), ("ramfs", Fail)] {
        let asked = MountRule {
            target: "/dev".to_owned(),
            fs_type: Some(fs_type.to_owned()),
            size_kib: Some(65536),
            mode: Some(0o755),
            ..MountRule::default()
        };
        becomes(Check::MountRule(asked), verdict);
    }
    let larger = MountRule {
        target: "/dev".to_owned(),
        size_kib: Some(4),
        ..MountRule::default()
    };
    becomes(Check::MountRule(larger), Fail);
}

#[test]
fn a_masked_path_shows_an_empty_tmpfs_or_the_null_device() {
    becomes(masked("/proc/acpi"), Pass);
    becomes(masked("/proc/kcore"), Pass);
    becomes(masked("/proc/timer_list"), Pass);
    // A tmpfs that can be filled.
    becomes(masked("/proc/scsi"), Fail);
    // A file of that name somewhere else.
    becomes(masked("/proc/latency_stats"), Inconclusive);
    becomes(masked("/proc/asound"), Fail);
    let absent = Check::PathMasked {
        path: "/proc/asound".to_owned(),
        absent: true,
    };
    becomes(absent, Pass);
}

#[test]
fn something_else_in_the_place_of_the_null_device_is_found() {
    let item = item(masked("/proc/keys"), Some(MOUNTS));
    assert_eq!(item.verdict, Fail);
    assert!(item.seen.contains("core_pattern"), "{item:#?}");
    assert!(
        item.reason
            .is_some_and(|reason| reason.contains("CVE-2025-31133"))
    );
}

#[test]
fn a_mask_that_a_later_mount_hides_masks_nothing() {
    let stacked = format!("{MOUNTS}511 501 0:46 / /proc rw - proc proc rw\n");
    let item = item(masked("/proc/acpi"), Some(&stacked));
    assert_eq!(item.verdict, Fail, "{item:#?}");
}

#[test]
fn a_read_only_path_lies_in_a_read_only_mount() {
    becomes(read_only("/proc/sys", false), Pass);
    becomes(read_only("/proc/sys/kernel", false), Pass);
    becomes(read_only("/sys/firmware", false), Pass);
    becomes(read_only("/proc/bus", false), Fail);
    becomes(read_only("/proc/bus", true), Pass);
    becomes(read_only("/proc/keys", true), Fail);
}

#[test]
fn the_root_propagates_as_asked() {
    becomes(Check::RootPropagation(Propagation::Slave), Pass);
    becomes(Check::RootPropagation(Propagation::Private), Fail);
    becomes(Check::RootPropagation(Propagation::Shared), Fail);
    becomes(Check::RootPropagation(Propagation::Unbindable), Fail);
}

#[test]
fn without_a_mount_table_or_a_root_nothing_is_known() {
    let all = || {
        [
            rule("/proc", &[]),
            masked("/proc/acpi"),
            read_only("/proc/sys", false),
            Check::RootPropagation(Propagation::Slave),
        ]
    };
    for check in all() {
        assert_eq!(item(check, None).verdict, Inconclusive);
    }
    let rootless = MOUNTS.split_once('\n').expect("lines").1;
    for check in all() {
        assert_eq!(item(check, Some(rootless)).verdict, Inconclusive);
    }
}

/// Paths in the table begin elsewhere than those of the payload.
#[test]
fn after_chroot_nothing_is_known_of_mounts() {
    let all = [
        rule("/proc", &[]),
        masked("/proc/acpi"),
        read_only("/proc/sys", false),
        Check::RootPropagation(Propagation::Slave),
    ];
    let elsewhere = vec![
        Scenario::with_facts(|facts| facts.root.mnt_id += 1),
        Scenario::with_facts(|facts| facts.root.flags &= !PathFact::MOUNT_ROOT),
    ];
    for scenario in &elsewhere {
        for check in &all {
            let item = item_of(scenario, check.clone(), Some(MOUNTS));
            assert_eq!(item.verdict, Inconclusive, "{item:#?}");
            let reason = item.reason.expect("a reason");
            assert!(reason.contains("as after chroot"), "{reason}");
        }
    }
}

/// As a recording may have it, and no kernel: each of two stands on the other.
#[test]
fn mounts_in_a_circle_are_walked_to_an_end() {
    let mounts = "\
500 499 0:40 / / rw,relatime master:1 - ext4 /dev/vda rw
2 500 0:2 / /a rw - tmpfs tmpfs rw
3 2 0:3 / /a rw - tmpfs tmpfs rw
2 3 0:4 / /a rw - tmpfs tmpfs rw
";
    let check = Check::PathMasked {
        path: "/a".to_owned(),
        absent: false,
    };
    assert_eq!(item(check, Some(mounts)).verdict, Fail);
}
