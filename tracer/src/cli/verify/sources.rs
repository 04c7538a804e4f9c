//! Where the expectations of a verification come from: files, presets, bundles. Owns the reading
//! of bundles; what they mean is `expect`'s.

use std::{
    fs, io,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
};

use oci_spec::runtime::Spec;
use serde_json::Value;

use super::arguments::SourceArguments;
use crate::{
    cli::{Failure, exit, expect as command, say},
    event::NsId,
    expect::{
        BundleFacts, Check, Expectation,
        from_bundle::{self, from_bundle},
        infer::{Inferred, infer},
    },
    host::HostFacts,
};

/// All expectations, with the one that every verification has: that nothing was lost.
pub fn expectations(
    sources: &SourceArguments,
    words: &[String],
    host: &HostFacts,
) -> Result<Vec<Expectation>, Failure> {
    let mut lists = command::sources(&sources.expect, &sources.preset)?;
    for folder in &sources.bundle {
        lists.push(of_bundle(folder, host)?);
    }
    if sources.infer {
        lists.push(inferred(words, host)?);
    }
    if lists.iter().all(Vec::is_empty) {
        return Err(Failure::new(
            exit::USAGE,
            "nothing is expected of the containers; name --expect FILE, --preset NAME, \
             --bundle DIR or --infer",
        ));
    }
    let mut expectations = command::merged(&lists)?;
    expectations.push(Expectation {
        id: "complete".to_owned(),
        asked: "every record read".to_owned(),
        origin: "always".to_owned(),
        check: Check::Complete,
    });
    Ok(expectations)
}

/// What the command's own words ask for.
fn inferred(words: &[String], host: &HostFacts) -> Result<Vec<Expectation>, Failure> {
    let inferred = infer(words, host).map_err(|error| Failure::new(exit::USAGE, error))?;
    let inference = match inferred {
        Inferred::Bundle(folder) => return of_bundle(&folder, host),
        Inferred::Flags(inference) => inference,
    };
    if !inference.not_inferred.is_empty() {
        say(&format!(
            "nothing is inferred from {}",
            inference.not_inferred.join(" ")
        ));
    }
    Ok(inference.expectations)
}

/// What the `config.json` of a bundle asks for.
fn of_bundle(folder: &Path, host: &HostFacts) -> Result<Vec<Expectation>, Failure> {
    let path = folder.join("config.json");
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(
            exit::ERROR,
            format!("reading {} failed: {error}", path.display()),
        )
    };
    let text = fs::read_to_string(&path).map_err(|error| failed(&error))?;
    let config: Value = serde_json::from_str(&text).map_err(|error| failed(&error))?;
    let spec: Spec = serde_json::from_value(config.clone()).map_err(|error| failed(&error))?;
    let namespaces = joined(&spec).map_err(|error| failed(&error))?;
    let rootfs = spec.root().as_ref().map(|root| folder.join(root.path()));
    let places = from_bundle::places(&spec, &rootfs.unwrap_or_else(|| folder.to_owned()));
    let absent: Vec<String> = places
        .into_iter()
        .filter(|place| !fs::exists(&place.outside).unwrap_or(true))
        .map(|place| place.inside)
        .collect();
    let facts = BundleFacts {
        host,
        namespaces: &namespaces,
        absent: &absent,
    };
    let unread = from_bundle::unread(&config, &spec);
    if !unread.is_empty() {
        say(&format!(
            "{}: nothing is expected of properties that tracer does not know: {}",
            path.display(),
            unread.join(", ")
        ));
    }
    from_bundle(&spec, facts).map_err(|error| Failure::new(exit::ERROR, error))
}

/// Numbers of the namespaces that a bundle names by a path.
fn joined(spec: &Spec) -> io::Result<Vec<(PathBuf, NsId)>> {
    let linux = spec.linux().as_ref();
    let namespaces = linux.and_then(|linux| linux.namespaces().as_ref());
    let paths = namespaces
        .into_iter()
        .flatten()
        .filter_map(|namespace| namespace.path().as_ref())
        .filter(|path| !path.as_os_str().is_empty());
    paths
        .map(|path| {
            let inode = fs::metadata(path)?.ino();
            let number =
                u32::try_from(inode).map_err(|_| io::Error::from(io::ErrorKind::InvalidData))?;
            Ok((path.clone(), NsId(number)))
        })
        .collect()
}
