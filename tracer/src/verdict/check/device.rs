//! Which devices can be used. Owns the comparison of that with what was asked for.

use crate::event::device::{Access, DeviceSet};
use crate::expect::device::{DevicesAsked, few};
use crate::model::Devices;
use crate::model::device::Reach;

use super::super::finding::{Facts, Finding};

pub(super) fn devices(asked: &DevicesAsked, facts: &Facts<'_>) -> Finding {
    facts.fact("its devices", Some, |certificate| {
        let programs = facts.model.device_programs();
        let devices = match Devices::of(certificate, programs, &asked.sets()) {
            Ok(devices) => devices,
            Err(error) => return Finding::unknown(error.to_string()),
        };
        let (mut extra, mut lacking) = (Vec::new(), Vec::new());
        let mut reaches: Vec<Reach> = devices.all().collect();
        // What stands for most is named first.
        reaches.sort_by_key(|reach| (reach.devices.major.is_some(), reach.devices.minor.is_some()));
        for reach in reaches {
            let (may, must) = asked.of(|set| reach.said_by(set));
            let usable = reach.devices.access;
            note(&mut extra, reach.devices, usable.without(may));
            note(&mut lacking, reach.devices, must.without(usable));
        }
        let text = seen(&devices);
        let mut reasons = Vec::new();
        for (list, what) in [(extra, "can be used"), (lacking, "cannot be used")] {
            if !list.is_empty() {
                reasons.push(format!("{} {what}", few(&list)));
            }
        }
        let evidence = facts.certificate_evidence(text.clone());
        Finding::decide(reasons.is_empty(), text, reasons.join("; "), evidence)
    })
}

fn note(list: &mut Vec<DeviceSet>, devices: DeviceSet, access: Access) {
    if !access.is_none() {
        list.push(DeviceSet { access, ..devices });
    }
}

fn seen(devices: &Devices) -> String {
    let (usable, except) = devices.lists();
    if usable == [DeviceSet::EVERY] {
        return match except.len() {
            0 => "every device".to_owned(),
            _ => format!("every device but {}", few(&except)),
        };
    }
    match (usable.len(), except.len()) {
        (0, _) => "none".to_owned(),
        (_, 0) => few(&usable),
        _ => format!("{}, but not {}", few(&usable), few(&except)),
    }
}
