//! What of a bundle the kernel tells in files beside those of cgroups: values below /proc/sys,
//! device files, interfaces, labels. Owns which of them are asked for.

use oci_spec::runtime::{LinuxDevice, LinuxDeviceType, Spec};

use crate::event::NamespaceKind;

use super::super::Check;
use super::super::reading::{NodeAsked, NodeKind, SecurityModule, sysctl_parts};
use super::{BundleError, List, Source, source};

pub(super) fn all(spec: &Spec, list: &mut List) -> Result<(), BundleError> {
    labels(spec, list);
    let Some(linux) = spec.linux() else {
        return Ok(());
    };
    // In the order of names: a map of the configuration has none.
    let mut sysctls: Vec<_> = linux.sysctl().iter().flatten().collect();
    sysctls.sort();
    let property = "linux.sysctl";
    for (key, value) in sysctls {
        if sysctl_parts(key).is_none() {
            return Err(BundleError::Value {
                property,
                value: key.clone(),
                must: "named as net.ipv4.ip_forward",
            });
        }
        let check = Check::Sysctl {
            key: key.clone(),
            value: value.clone(),
        };
        list.add(format!("sysctl.{key}"), value.clone(), property, check);
    }
    for device in linux.devices().iter().flatten() {
        let asked = node(device, spec);
        let id = format!("device_node.{}", asked.path);
        list.add(id, asked.text(), "linux.devices", Check::DeviceNode(asked));
    }
    let mut interfaces: Vec<_> = linux.net_devices().iter().flatten().collect();
    interfaces.sort_by_key(|(outside, _)| *outside);
    for (outside, device) in interfaces {
        let inside = device.name().as_ref().filter(|name| !name.is_empty());
        let name = inside.unwrap_or(outside).clone();
        let id = format!("net_device.{name}");
        list.add(id, "there", "linux.netDevices", Check::NetDevice(name));
    }
    Ok(())
}

fn node(device: &LinuxDevice, spec: &Spec) -> NodeAsked {
    let (kind, numbered) = match device.typ() {
        LinuxDeviceType::B => (NodeKind::Block, true),
        LinuxDeviceType::C | LinuxDeviceType::U => (NodeKind::Character, true),
        LinuxDeviceType::P => (NodeKind::Fifo, false),
        LinuxDeviceType::A => (NodeKind::Other, false),
    };
    let number = |number: i64| u32::try_from(number).ok();
    let device_of = numbered
        .then(|| Some((number(device.major())?, number(device.minor())?)))
        .flatten();
    // Within a user namespace no device file can be made: the host's is bound there, with its own
    // permissions and owner.
    let own = matches!(source(spec, NamespaceKind::User), Source::Shared);
    NodeAsked {
        path: device.path().display().to_string(),
        kind,
        device: device_of,
        mode: device.file_mode().filter(|_| own).map(|mode| mode & 0o7777),
        uid: device.uid().filter(|_| own),
        gid: device.gid().filter(|_| own),
    }
}

fn labels(spec: &Spec, list: &mut List) {
    let Some(process) = spec.process() else {
        return;
    };
    for (module, property, label) in [
        (
            SecurityModule::AppArmor,
            "process.apparmorProfile",
            process.apparmor_profile(),
        ),
        (
            SecurityModule::SeLinux,
            "process.selinuxLabel",
            process.selinux_label(),
        ),
    ] {
        let Some(label) = label.as_ref().filter(|label| !label.is_empty()) else {
            continue;
        };
        let id = format!("label.{}", module.name());
        let check = Check::Label {
            module,
            label: label.clone(),
        };
        list.add(id, label.clone(), property, check);
    }
}
