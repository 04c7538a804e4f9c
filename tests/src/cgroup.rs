//! Cgroups that a test makes or has made beside the run's own: removed with their guard.

use std::path::{Path, PathBuf};

use tracer::cgroup::remove_everywhere;
use tracer::host::{CgroupVersion, Hierarchy};

use crate::spec::facts;

/// A cgroup that is removed with whoever is in it.
pub struct Leftover(PathBuf);

impl Leftover {
    /// One that the runtime is going to make.
    pub fn at(path: PathBuf) -> Self {
        Self(path)
    }

    /// A new one.
    pub fn make(path: PathBuf) -> Self {
        std::fs::create_dir(&path).expect("a cgroup");
        Self(path)
    }

    /// Its directory.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// The kernel's id of it.
    pub fn id(&self) -> u64 {
        id(&self.0)
    }

    /// Writes to one of its files.
    pub fn write(&self, file: &str, value: &str) {
        let path = self.0.join(file);
        std::fs::write(&path, value).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    }
}

impl Drop for Leftover {
    fn drop(&mut self) {
        let parent = self.0.parent().unwrap_or(&self.0);
        let name = self.0.file_name().unwrap_or_default().to_string_lossy();
        let removed = remove_everywhere(&[parent], &name);
        if !std::thread::panicking() {
            removed.expect("the cgroup goes");
        }
    }
}

/// The kernel's id of the cgroup at `path`.
pub fn id(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt as _;
    std::fs::metadata(path).expect("a cgroup").ino()
}

/// A hierarchy whose new cgroups take tasks as they are: v2's, or one of v1 where there is no v2.
pub fn any_hierarchy() -> Hierarchy {
    let facts = facts();
    // A cpuset takes nobody before it is told its processors.
    let takes = |one: &&Hierarchy| {
        one.version == CgroupVersion::V1 && !one.controllers.iter().any(|name| name == "cpuset")
    };
    let found = facts
        .unified()
        .or_else(|| facts.hierarchies.iter().find(takes));
    found.cloned().expect("a hierarchy")
}
