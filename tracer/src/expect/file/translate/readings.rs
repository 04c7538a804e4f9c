//! What stands in files in which the kernel tells more. Owns their ids and words.

use crate::expect::Check;
use crate::expect::file::document::Document;
use crate::expect::file::form::Text;
use crate::expect::file::word::{Contents, Node};
use crate::expect::reading::{FileAsked, FileRule, NodeAsked, SecurityModule};

use super::Translation;

impl Translation<'_> {
    pub(super) fn readings(&mut self, document: &Document) {
        for (name, at) in document.cgroup_files.0.iter().flat_map(|at| &at.value) {
            let (name, Text(Contents(text))) = (name.0.clone(), &at.value);
            let rule = FileRule::of(&name, text);
            let id = format!("cgroup_file.{name}");
            self.add(
                at.line,
                id,
                rule.text(),
                Check::CgroupFile(vec![FileAsked { name, rule }]),
            );
        }
        for (key, at) in document.sysctls.0.iter().flat_map(|at| &at.value) {
            let (key, value) = (key.0.clone(), at.value.0.0.clone());
            let id = format!("sysctl.{key}");
            self.add(at.line, id, value.clone(), Check::Sysctl { key, value });
        }
        for (path, at) in document.device_nodes.0.iter().flat_map(|at| &at.value) {
            let Text(Node { kind, device }) = at.value;
            let asked = NodeAsked {
                path: path.0.clone(),
                kind,
                device,
                mode: None,
                uid: None,
                gid: None,
            };
            let id = format!("device_node.{}", path.0);
            self.add(at.line, id, asked.text(), Check::DeviceNode(asked));
        }
        for at in document.net_devices.0.iter().flat_map(|at| &at.value) {
            let name = at.value.0.0.clone();
            let id = format!("net_device.{name}");
            self.add(at.line, id, "there", Check::NetDevice(name));
        }
        for (asked, module) in [
            (&document.apparmor, SecurityModule::AppArmor),
            (&document.selinux, SecurityModule::SeLinux),
        ] {
            let Some(at) = &asked.0 else { continue };
            let label = at.value.0.0.clone();
            let id = format!("label.{}", module.name());
            self.add(at.line, id, label.clone(), Check::Label { module, label });
        }
    }
}
