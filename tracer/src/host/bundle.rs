//! An OCI bundle on disk: `config.json`, and what of the machine its expectations depend on. Owns
//! the reading; what the file means is `expect`'s.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use oci_spec::runtime::Spec;
use serde::Deserialize as _;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::event::NsId;
use crate::expect::from_bundle::{self, line_of, lines, places};
use crate::expect::{BundleError, BundleFacts, Expectation};

use super::HostFacts;

/// A bundle that was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Bundle {
    /// `config.json` as it stands there.
    pub config: Value,
    /// The same, understood.
    pub spec: Spec,
    /// The inode number of each namespace that is to be joined.
    pub namespaces: Vec<(PathBuf, NsId)>,
    /// Masked and read-only paths that are not there.
    pub absent: Vec<String>,
    /// Line of each property of `config.json`.
    pub lines: BTreeMap<String, u32>,
    /// Where `config.json` stands, as it was named.
    pub path: PathBuf,
}

/// Why a bundle could not be read.
#[derive(Debug, Error)]
pub enum ReadError {
    /// The file.
    #[error("reading {path} failed: {source}", path = .path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// What stands in it.
    #[error("{path} is no configuration of the OCI runtime specification: {source}", path = .path.display())]
    Text {
        /// Which.
        path: PathBuf,
        /// Why.
        source: serde_json::Error,
    },
    /// It does not say which version of the specification it follows, which the specification
    /// demands (opencontainers/runtime-spec, config.md, "Specification version").
    #[error("{path} has no `ociVersion`, so it is no configuration of the OCI runtime specification, as which `runc spec` writes one; add the version that it follows, as in \"ociVersion\": \"1.0.2\"", path = .path.display())]
    Version {
        /// Which.
        path: PathBuf,
    },
    /// A namespace that is to be joined.
    #[error("looking up the namespace {path} failed: {source}", path = .path.display())]
    Namespace {
        /// Where it is said to be.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

impl Bundle {
    /// Reads the bundle in `folder`.
    pub fn read(folder: &Path) -> Result<Self, ReadError> {
        let path = folder.join("config.json");
        let text = match fs::read_to_string(&path) {
            Ok(text) => text,
            Err(source) => return Err(ReadError::File { path, source }),
        };
        // A list would be taken for the fields in their order.
        let parsed = serde_json::from_str::<Map<String, Value>>(&text)
            .map(Value::Object)
            .and_then(|config| Ok((Spec::deserialize(&config)?, config)));
        let (spec, config) = match parsed {
            Ok(parsed) => parsed,
            Err(source) => return Err(ReadError::Text { path, source }),
        };
        if spec.version().is_empty() {
            return Err(ReadError::Version { path });
        }
        let namespaces = namespaces(&spec)?;
        let root = spec.root().as_ref().map_or("rootfs".as_ref(), |root| {
            let path: &Path = root.path();
            path
        });
        let is_absent = |path: &Path| {
            let found = fs::symlink_metadata(path);
            found.is_err_and(|error| error.kind() == io::ErrorKind::NotFound)
        };
        let absent = places(&spec, &folder.join(root))
            .into_iter()
            .filter(|place| is_absent(&place.outside))
            .map(|place| place.inside)
            .collect();
        Ok(Self {
            config,
            spec,
            namespaces,
            absent,
            lines: lines(&text),
            path,
        })
    }

    /// What it asks for.
    pub fn expectations(&self, host: &HostFacts) -> Result<Vec<Expectation>, BundleError> {
        let facts = BundleFacts {
            host,
            namespaces: &self.namespaces,
            absent: &self.absent,
        };
        let mut list = from_bundle::from_bundle(&self.spec, facts)?;
        for one in &mut list {
            if let Some(property) = one.origin.strip_prefix("config.json: ") {
                let line = line_of(&self.lines, property);
                one.origin = format!("{}:{line}: {property}", self.path.display());
            }
        }
        Ok(list)
    }
}

fn namespaces(spec: &Spec) -> Result<Vec<(PathBuf, NsId)>, ReadError> {
    let linux = spec.linux().as_ref();
    let asked = linux.and_then(|linux| linux.namespaces().as_ref());
    let mut found = Vec::new();
    for path in asked
        .into_iter()
        .flatten()
        .filter_map(|one| one.path().clone())
    {
        if path.as_os_str().is_empty() {
            continue;
        }
        match fs::metadata(&path) {
            // The kernel numbers namespaces with 32 bits (proc_alloc_inum() in fs/proc/generic.c).
            Ok(file) => found.push((path, NsId(u32::try_from(file.ino()).unwrap_or_default()))),
            Err(source) => return Err(ReadError::Namespace { path, source }),
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::event::NamespaceKind;
    use crate::expect::Check;

    fn read(config: &str) -> Result<Bundle, ReadError> {
        let folder = tempfile::tempdir().expect("a folder");
        fs::write(folder.path().join("config.json"), config).expect("a file");
        Bundle::read(folder.path())
    }

    #[test]
    fn namespaces_and_absent_paths_are_looked_up() {
        let config = json!({
            "ociVersion": "1.0.0",
            "mounts": [{"destination": "/proc", "type": "proc"}],
            "linux": {
                "namespaces": [{"type": "uts", "path": "/proc/self/ns/uts"}, {"type": "ipc"}],
                "maskedPaths": ["/proc/version", "/proc/no-such-file", "/etc/passwd"],
            },
        });
        let bundle = read(&config.to_string()).expect("a bundle");
        assert_eq!(bundle.absent, ["/proc/no-such-file", "/etc/passwd"]);
        let own = fs::metadata("/proc/self/ns/uts")
            .expect("a namespace")
            .ino();
        let own = NsId(u32::try_from(own).expect("32 bits"));
        assert_eq!(
            bundle.namespaces,
            [(PathBuf::from("/proc/self/ns/uts"), own)]
        );
        let host = crate::verdict::sample::host();
        let list = bundle.expectations(&host).expect("expectations");
        let joined = Check::NamespaceIs {
            kind: NamespaceKind::Uts,
            id: own,
        };
        let found = list.iter().find(|one| one.check == joined);
        let origin = &found.unwrap_or_else(|| panic!("{list:#?}")).origin;
        // The file is one line.
        let place = format!("{}:1: linux.namespaces", bundle.path.display());
        assert_eq!(*origin, place);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let nowhere = Bundle::read(Path::new("/nowhere")).expect_err("nothing there");
        assert!(nowhere.to_string().contains("/nowhere/config.json"));
        for text in ["{", "[]", "\"\""] {
            assert!(matches!(read(text), Err(ReadError::Text { .. })), "{text}");
        }
        assert!(matches!(
            read("{\"ociVersion\": 1}"),
            Err(ReadError::Text { .. })
        ));
        for text in ["{}", "{\"ociVersion\": \"\"}", "{\"hostname\": \"box\"}"] {
            let error = read(text).expect_err("no version");
            assert!(error.to_string().contains("`ociVersion`"), "{error}");
        }
        let joins = json!({
            "ociVersion": "1.0.0",
            "linux": {"namespaces": [{"type": "uts", "path": "/nowhere"}]},
        });
        let error = read(&joins.to_string()).expect_err("no namespace");
        assert!(error.to_string().contains("/nowhere"), "{error}");
    }
}
