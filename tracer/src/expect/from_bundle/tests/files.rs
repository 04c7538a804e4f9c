//! Claims about mounts, masked and read-only paths of a bundle.

use super::super::super::{MountRule, Propagation};
use super::*;

#[track_caller]
fn rule(config: &Value, target: &str) -> MountRule {
    match check(config, &format!("mount.{target}")) {
        Check::MountRule(rule) => rule,
        other => panic!("another check: {other:?}"),
    }
}

#[test]
fn mounts_have_the_options_that_mountinfo_shows() {
    let config = everything();
    let dev = rule(&config, "/dev");
    assert_eq!(dev.fs_type.as_deref(), Some("tmpfs"));
    assert_eq!((dev.size_kib, dev.mode), (Some(68), Some(0o755)));
    assert_eq!(dev.options, [("nosuid".into(), true)]);
    let data = rule(&config, "/data");
    assert_eq!(
        (data.fs_type, data.propagation),
        (None, Some(Propagation::Slave))
    );
    assert_eq!(data.options, [("ro".into(), false)]);
    assert_eq!(
        rule(&config, "/sys/fs/cgroup").fs_type.as_deref(),
        Some("cgroup")
    );
    let share = with(|config| {
        config["mounts"] = json!([{"destination": "/a", "type": "tmpfs", "options": ["size=50%"]}]);
    });
    assert_eq!(rule(&share, "/a").size_kib, None);
}

#[test]
fn of_two_mounts_at_one_place_the_last_is_expected() {
    let twice = with(|config| {
        config["mounts"] = json!([
            {"destination": "/a", "type": "tmpfs"},
            {"destination": "/a", "type": "proc"},
        ]);
    });
    assert_eq!(rule(&twice, "/a").fs_type.as_deref(), Some("proc"));
    let list = expected(&twice);
    let mounts = list.iter().filter(|one| one.id.starts_with("mount."));
    assert_eq!(mounts.count(), 1);
}

#[test]
fn paths_that_are_not_there_need_not_be_masked() {
    let masked = |path: &str, absent| Check::PathMasked {
        path: path.to_owned(),
        absent,
    };
    let config = everything();
    assert_eq!(
        check(&config, "masked./proc/kcore"),
        masked("/proc/kcore", false)
    );
    assert_eq!(
        check(&config, "masked./proc/asound"),
        masked("/proc/asound", true)
    );
    let config = with(|config| config["linux"]["rootfsPropagation"] = json!("sideways"));
    assert!(translated(&config).is_err());
}

#[test]
fn a_path_is_looked_for_where_the_container_has_it_from() {
    let config = with(|config| {
        config["linux"]["maskedPaths"] = json!(["/proc/kcore", "/data/a", "/etc/b", "/proc/kcore"]);
        config["linux"]["readonlyPaths"] = json!(["/sys/firmware", "/proc/kcore"]);
    });
    let places = places(&spec(&config), Path::new("/b/rootfs"));
    let found: Vec<(&str, &str)> = places
        .iter()
        .map(|place| (place.inside.as_str(), place.outside.to_str().expect("text")))
        .collect();
    let asked = [
        ("/proc/kcore", "/proc/kcore"),
        ("/data/a", "/srv/a"),
        ("/etc/b", "/b/rootfs/etc/b"),
        ("/sys/firmware", "/sys/firmware"),
    ];
    assert_eq!(found, asked);
}

#[test]
fn a_destination_without_a_slash_is_below_the_root() {
    let config = with(|config| {
        config["mounts"] = json!([{"destination": "proc", "type": "proc"}]);
        config["linux"]["maskedPaths"] = json!(["/proc/kcore"]);
        config["linux"]["readonlyPaths"] = json!([]);
    });
    let places = places(&spec(&config), Path::new("/b/rootfs"));
    assert_eq!(places[0].outside, Path::new("/proc/kcore"));
}
