//! Claims about what engines are asked of devices, in words and without any.

use super::super::super::device::{DEFAULT, DevicesAsked};
use super::*;
use crate::event::device::DeviceSet;

/// What is asked of devices, in the order in which it is expected.
fn asked(line: &str) -> Vec<DevicesAsked> {
    let asked = flags(line).expectations.into_iter();
    asked
        .filter_map(|one| match one.check {
            Check::Devices(asked) => Some(asked),
            _ => None,
        })
        .collect()
}

fn sets(texts: &[&str]) -> Vec<DeviceSet> {
    let set = |text: &&str| DeviceSet::read(text).expect("a set");
    texts.iter().map(set).collect()
}

/// None but those that every runtime supplies, what runc lets through anyway, and these.
fn within(texts: &[&str]) -> DevicesAsked {
    let named = sets(texts).into_iter();
    let tun = sets(&["c 10:200 rwm"]);
    DevicesAsked::Within(DEFAULT.into_iter().chain(named).chain(tun).collect())
}

#[test]
fn who_asks_for_no_device_gets_none_but_the_default_ones() {
    for line in [
        "docker run a",
        "podman run --privileged=false a",
        "docker run -v /dev/fuse:/dev/fuse a",
    ] {
        assert_eq!(asked(line), [within(&[])], "{line}");
    }
    let inference = flags("docker run a");
    let one = inference
        .expectations
        .iter()
        .find(|one| one.id == "devices");
    let one = one.expect("devices");
    assert_eq!(one.asked, "within the default ones, c 10:200 rwm");
    assert_eq!(one.origin, "no --privileged, no --device");
}

#[test]
fn a_device_that_is_named_can_be_used_as_it_is_named_and_no_other() {
    for (flag, path, access) in [
        ("--device /dev/fuse", "/dev/fuse", "rwm"),
        ("--device=/dev/fuse:/dev/own", "/dev/own", "rwm"),
        ("--device /dev/fuse:/dev/own:r", "/dev/own", "r"),
        ("--device /dev/fuse:rw", "/dev/fuse", "rw"),
    ] {
        for engine in ["docker", "podman"] {
            let line = format!("{engine} run {flag} a");
            let set = format!("c 10:229 {access}");
            let with = DevicesAsked::With(sets(&[&set]));
            assert_eq!(asked(&line), [within(&[&set]), with], "{line}");
            assert_eq!(not_inferred(&line), [""; 0]);
            let node = check(&line, &format!("device_node.{path}"));
            let Check::DeviceNode(node) = node else {
                panic!("{node:?}");
            };
            assert_eq!((node.device, node.mode), (Some((10, 229)), None));
        }
    }
}

#[test]
fn several_flags_add_up() {
    let line = "docker run --device /dev/fuse:r --device /dev/sda --device-cgroup-rule=c 42:* a";
    let words: Vec<String> = [
        "docker",
        "run",
        "--device",
        "/dev/fuse:r",
        "--device",
        "/dev/sda",
    ]
    .into_iter()
    .chain(["--device-cgroup-rule", "c 42:* rw", "a"])
    .map(str::to_owned)
    .collect();
    let Ok(Inferred::Flags(inference)) = infer(&words, &sample::host(), &devices) else {
        panic!("{line}");
    };
    let texts = ["c 10:229 r", "b 8:0 rwm", "c 42:* rw"];
    let of = |at: usize| match &inference
        .expectations
        .iter()
        .filter(|one| one.id == "devices")
        .nth(at)
    {
        Some(one) => one.check.clone(),
        None => panic!("{inference:#?}"),
    };
    assert_eq!(of(0), Check::Devices(within(&texts)));
    assert_eq!(of(1), Check::Devices(DevicesAsked::With(sets(&texts))));
}

#[test]
fn a_folder_is_all_devices_in_it() {
    let line = "podman run --device /dev/dri:/dev/gpu a";
    let texts = ["c 226:0 rwm", "c 226:128 rwm"];
    let with = DevicesAsked::With(sets(&texts));
    assert_eq!(asked(line), [within(&texts), with]);
    check(line, "device_node./dev/gpu/card0");
    check(line, "device_node./dev/gpu/renderD128");
}

#[test]
fn who_is_privileged_can_use_every_device() {
    let every = [DevicesAsked::With(vec![DeviceSet::EVERY])];
    for line in [
        "docker run --privileged a",
        "docker run --privileged --device /dev/fuse:/dev/own a",
    ] {
        assert_eq!(asked(line), every, "{line}");
        says_nothing_of(line, "device_node./dev/own");
    }
}

#[test]
fn where_it_cannot_be_told_which_devices_are_asked_for_no_others_are_ruled_out() {
    for (flag, said) in [
        ("--device /dev/none", Some("--device=/dev/none")),
        (
            "--device vendor.com/gpu=all",
            Some("--device=vendor.com/gpu=all"),
        ),
        ("--gpus all", Some("--gpus=all")),
        ("--shiny=1", Some("--shiny=1")),
        ("--cgroups=disabled", Some("--cgroups=disabled")),
    ] {
        let line = format!("docker run {flag} a");
        assert_eq!(asked(&line), [], "{line}");
        assert_eq!(not_inferred(&line), Vec::from_iter(said), "{line}");
    }
    // What is named is still asked for.
    let with = DevicesAsked::With(sets(&["c 10:229 rwm"]));
    assert_eq!(asked("docker run --gpus all --device /dev/fuse a"), [with]);
}

#[test]
fn what_no_engine_takes_for_a_device_is_an_error() {
    for value in [
        "fuse",
        "/dev/fuse:own",
        "/dev/fuse:own:rw",
        "/dev/fuse:/dev/own:rx",
        "/dev/fuse:/a:r:w",
        "",
    ] {
        let said = error(&format!("docker run --device={value} a"));
        assert!(
            said.contains("--device") && said.contains("/dev/own"),
            "{said}"
        );
    }
}

#[test]
fn without_root_an_engine_does_not_decide_on_devices() {
    let host = HostFacts {
        is_root: false,
        ..sample::host()
    };
    let line = words("podman run --device /dev/fuse --privileged a");
    let Ok(Inferred::Flags(inference)) = infer(&line, &host, &devices) else {
        panic!("no flags");
    };
    assert_eq!(
        inference.not_inferred,
        ["--device=/dev/fuse", "--privileged"]
    );
    let of_devices = |one: &&Expectation| one.id.starts_with("device");
    assert_eq!(inference.expectations.iter().find(of_devices), None);
}
