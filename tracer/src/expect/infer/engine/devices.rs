//! Flags of both engines for devices. Owns their meaning, and what follows where there are none: of
//! devices alone both engines promise what a container gets without being told, which is none of the
//! host's but those that every runtime supplies (docker-run(1) and podman-run(1), `--privileged`).

use super::super::super::device::{DEFAULT, DevicesAsked};
use super::super::super::reading::{NodeAsked, NodeKind};
use super::super::super::{Check, Expectation};
use super::super::flags::{Given, Split};
use super::super::{FindDevices, InferError, Inference};
use super::last;
use crate::event::device::{Access, DeviceKind, DeviceSet};
use crate::host::HostFacts;

/// Those that this part knows the meaning of.
pub(super) const KNOWN: [&str; 3] = ["--device", "--device-cgroup-rule", "--privileged"];

/// What runc before 1.2 lets everybody use, whatever it is told: `/dev/net/tun`.
const TUN: DeviceSet = DeviceSet {
    kind: Some(DeviceKind::Character),
    major: Some(10),
    minor: Some(200),
    access: Access::ALL,
};

/// What the flags together ask for.
#[derive(Default)]
struct Asked {
    sets: Vec<DeviceSet>,
    /// Flags, as written.
    origin: Vec<String>,
    /// More may be asked for than can be told.
    unclear: bool,
}

pub(super) fn infer(
    split: &Split<'_>,
    host: &HostFacts,
    find: FindDevices<'_>,
    inference: &mut Inference,
) -> Result<(), InferError> {
    let privileged = last(split, &["--privileged"]);
    let is_privileged = privileged.map_or(Ok(false), Given::is_on)?;
    let given = split.given.iter();
    // Without root an engine cannot decide on devices, and need not.
    if !host.is_root {
        let named = given.filter(|flag| KNOWN.contains(&flag.name));
        let asks = named.filter(|flag| flag.name != "--privileged" || is_privileged);
        inference.not_inferred.extend(asks.map(Given::text));
        return Ok(());
    }
    let mut asked = Asked {
        // One that is not known could be one for devices.
        unclear: !split.unknown.is_empty(),
        ..Asked::default()
    };
    for flag in given {
        match flag.name {
            "--device" => device(flag, find, is_privileged, &mut asked, inference)?,
            "--device-cgroup-rule" => {
                let must = "a rule as in `c 42:* rmw`";
                let set = DeviceSet::read(flag.value()).ok_or_else(|| flag.wrong(must))?;
                asked.sets.push(set);
                asked.origin.push(flag.text());
            }
            // What it brings is for the engine to find out.
            "--gpus" => asked.unclear = true,
            "--cgroups" => asked.unclear |= flag.value() == "disabled",
            _ => {}
        }
    }
    if let Some(flag) = privileged.filter(|_| is_privileged) {
        let every = DevicesAsked::With(vec![DeviceSet::EVERY]);
        add(every, flag.text(), inference);
        return Ok(());
    }
    let Asked {
        sets,
        origin,
        unclear,
    } = asked;
    if !unclear {
        let others = [TUN].into_iter().filter(|tun| !sets.contains(tun));
        let may = DEFAULT.into_iter().chain(sets.iter().copied());
        let within = DevicesAsked::Within(may.chain(others).collect());
        let flags = if origin.is_empty() {
            "no --privileged, no --device".to_owned()
        } else {
            format!("no --privileged, {}", origin.join(" "))
        };
        add(within, flags, inference);
    }
    if !sets.is_empty() {
        add(DevicesAsked::With(sets), origin.join(" "), inference);
    }
    Ok(())
}

fn add(asked: DevicesAsked, origin: String, inference: &mut Inference) {
    inference.expectations.push(Expectation {
        id: "devices".to_owned(),
        asked: asked.text(),
        origin,
        check: Check::Devices(asked),
    });
}

/// `HOST[:CONTAINER][:rwm]`, or the name of a device that a file of the engine's describes.
fn device(
    flag: &Given<'_>,
    find: FindDevices<'_>,
    is_privileged: bool,
    asked: &mut Asked,
    inference: &mut Inference,
) -> Result<(), InferError> {
    let must = "a device as in /dev/fuse, /dev/sda:/dev/own or /dev/sda:/dev/own:r";
    let wrong = || flag.wrong(must);
    let mut parts = flag.value().split(':');
    let outside = parts.next().unwrap_or_default();
    if !outside.starts_with('/') && outside.contains('=') {
        asked.unclear = true;
        inference.not(flag.text());
        return Ok(());
    }
    let (mut inside, mut access) = (outside, Access::ALL);
    match (parts.next(), parts.next(), parts.next()) {
        (None, ..) => {}
        (Some(path), None, _) if path.starts_with('/') => inside = path,
        (Some(letters), None, _) => access = Access::read(letters).ok_or_else(wrong)?,
        (Some(path), Some(letters), None) => {
            inside = path;
            access = Access::read(letters).ok_or_else(wrong)?;
        }
        _ => return Err(wrong()),
    }
    if !outside.starts_with('/') || !inside.starts_with('/') {
        return Err(wrong());
    }
    let found = find(outside);
    if found.is_empty() {
        asked.unclear = true;
        inference.not(flag.text());
        return Ok(());
    }
    asked.origin.push(flag.text());
    for one in found {
        asked.sets.push(DeviceSet {
            kind: Some(one.kind),
            major: Some(one.major),
            minor: Some(one.minor),
            access,
        });
        // Where all of the host's are there, it is not told which of two names is meant.
        if !is_privileged {
            let node = NodeAsked {
                path: format!("{inside}{}", one.below),
                kind: match one.kind {
                    DeviceKind::Block => NodeKind::Block,
                    DeviceKind::Character => NodeKind::Character,
                },
                device: Some((one.major, one.minor)),
                mode: None,
                uid: None,
                gid: None,
            };
            let id = format!("device_node.{}", node.path);
            inference.add(id, node.text(), flag.text(), Check::DeviceNode(node));
        }
    }
    Ok(())
}
