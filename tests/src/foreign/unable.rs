//! What keeps a runtime that is installed from working on this machine. Owns the question to the kernel.

use std::fs;
use std::process::Command;

use rustix::io::Errno;
use tracer::host::{CgroupVersion, HostFacts};

use super::Runtime;

/// The first conmon that goes on where it is told of no lack of memory
/// (<https://github.com/containers/conmon/pull/385>).
const GOES_ON: [u32; 3] = [2, 1, 7];

/// Why, where it does not work. What podman has its containers kept by, conmon, asks v1 to be told when
/// their memory runs out, and real-time kernels tell nobody (`memcg_write_event_control` in mm/memcontrol.c, since 5.18).
pub(super) fn reason(runtime: Runtime, host: &HostFacts) -> Option<String> {
    if runtime != Runtime::Podman || !memory_is_of_real_time(host) {
        return None;
    }
    let said = Command::new(super::find("conmon")?)
        .arg("--version")
        .output()
        .expect("a version");
    let said = String::from_utf8_lossy(&said.stdout);
    let version = version(&said)?;
    (version < GOES_ON).then(|| {
        let [major, minor, patch] = version;
        format!(
            "conmon {major}.{minor}.{patch} ends where v1's memory controller has no events, as this kernel's"
        )
    })
}

/// Whether memory is limited by v1's controller in a real-time kernel, which has neither its events nor its soft limits: it
/// refuses whatever is asked for, and others these words because they name no descriptors.
#[must_use]
pub fn memory_is_of_real_time(host: &HostFacts) -> bool {
    let memory = host.hierarchy_of("memory");
    memory
        .filter(|memory| memory.version == CgroupVersion::V1)
        .is_some_and(|memory| {
            let asked = fs::write(memory.mount_point.join("cgroup.event_control"), "nothing");
            let error = asked.expect_err("these are no descriptors");
            error.raw_os_error() == Some(Errno::OPNOTSUPP.raw_os_error())
        })
}

/// The first number of three parts.
fn version(said: &str) -> Option<[u32; 3]> {
    said.split_whitespace().find_map(|word| {
        let parts: Vec<u32> = word
            .split('.')
            .filter_map(|part| part.parse().ok())
            .collect();
        parts.try_into().ok()
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_three_numbers() {
        assert_eq!(
            version("conmon version 2.1.6\ncommit: unknown\n"),
            Some([2, 1, 6])
        );
        assert_eq!(version("conmon version 2.2\n"), None);
        assert!([2, 1, 10] > GOES_ON);
    }
}
