//! Devices that a bundle allows and denies. Owns the reading of its rules.

use oci_spec::runtime::{LinuxDeviceCgroup, LinuxDeviceType, Spec};

use crate::event::device::{Access, DeviceKind, DeviceSet};

use super::super::Check;
use super::super::device::{DeviceRule, DevicesAsked};
use super::{BundleError, List};

const PROPERTY: &str = "linux.resources.devices";

pub(super) fn all(spec: &Spec, list: &mut List) -> Result<(), BundleError> {
    let linux = spec.linux().as_ref();
    let resources = linux.and_then(|linux| linux.resources().as_ref());
    let Some(rules) = resources.and_then(|resources| resources.devices().as_ref()) else {
        return Ok(());
    };
    if rules.is_empty() {
        return Ok(());
    }
    let rules = rules.iter().map(rule).collect::<Result<Vec<_>, _>>()?;
    let asked = DevicesAsked::Rules(rules);
    list.add("devices", asked.text(), PROPERTY, Check::Devices(asked));
    Ok(())
}

fn rule(rule: &LinuxDeviceCgroup) -> Result<DeviceRule, BundleError> {
    let kind = match rule.typ() {
        None | Some(LinuxDeviceType::A) => None,
        Some(LinuxDeviceType::B) => Some(DeviceKind::Block),
        Some(LinuxDeviceType::C | LinuxDeviceType::U) => Some(DeviceKind::Character),
        Some(other) => return Err(wrong(other.as_str(), "a, b or c")),
    };
    let access = match rule.access().as_deref() {
        None | Some("") => Access::ALL,
        Some(letters) => {
            Access::read(letters).ok_or_else(|| wrong(letters, "made of r, w and m"))?
        }
    };
    Ok(DeviceRule {
        allow: rule.allow(),
        devices: DeviceSet {
            kind,
            major: number(rule.major())?,
            minor: number(rule.minor())?,
            access,
        },
    })
}

/// Left out, or negative, it is any.
fn number(number: Option<i64>) -> Result<Option<u32>, BundleError> {
    match number {
        None | Some(..0) => Ok(None),
        Some(number) => u32::try_from(number)
            .map(Some)
            .map_err(|_| wrong(&number.to_string(), "a device number")),
    }
}

fn wrong(value: &str, must: &'static str) -> BundleError {
    BundleError::Value {
        property: PROPERTY,
        value: value.to_owned(),
        must,
    }
}
