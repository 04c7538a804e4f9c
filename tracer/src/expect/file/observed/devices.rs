//! Devices that can be used. Owns which of that is worth expecting.

use crate::event::device::DeviceSet;
use crate::model::Devices;

use super::Observed;

fn list(sets: &[DeviceSet]) -> String {
    let sets: Vec<String> = sets.iter().map(|set| format!("\"{set}\"")).collect();
    format!("[{}]", sets.join(", "))
}

impl Observed {
    /// Where every device can be used there is nothing to expect. What a wildcard covers but for
    /// some exceptions cannot be written as one list; then the exceptions are.
    pub(super) fn devices(&mut self, devices: Option<&Devices>) {
        let Some((usable, except)) = devices.map(Devices::lists) else {
            return;
        };
        if usable.is_empty() {
            self.one("devices", "none", "not one can be used");
        } else if !except.is_empty() {
            let text = format!("{{ without: {} }}", list(&except));
            self.one("devices", text, "kind, numbers and access");
        } else if usable != [DeviceSet::EVERY] {
            let text = format!("{{ within: {} }}", list(&usable));
            self.one("devices", text, "kind, numbers and access; no others");
        }
    }
}
