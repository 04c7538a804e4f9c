//! Paths inside the container, cleaned and split. Pure.

use std::ffi::CString;

use super::{Links, Place, PlanError};

impl Place {
    /// `path` with `.`, `..` and doubled slashes resolved by their letters, as Docker does for
    /// mount targets.
    pub fn new(what: &'static str, path: &str, links: Links) -> Result<Self, PlanError> {
        if !path.starts_with('/') {
            return Err(PlanError::NotAbsolute {
                what,
                path: path.to_owned(),
            });
        }
        let mut parts: Vec<&str> = Vec::new();
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    parts.pop();
                }
                part => parts.push(part),
            }
        }
        let name = parts.pop().unwrap_or(".");
        let directory = format!("/{}", parts.join("/"));
        Ok(Self {
            directory: text(what, &directory)?,
            name: text(what, name)?,
            links,
        })
    }

    /// The directories above it, from below the root down: what must exist before it can.
    pub(super) fn ancestors(&self) -> Result<Vec<Self>, PlanError> {
        let directory = self.directory.to_string_lossy();
        let mut found = Vec::new();
        let mut path = String::new();
        for part in directory.split('/').filter(|part| !part.is_empty()) {
            path.push('/');
            path.push_str(part);
            found.push(Self::new("mount target", &path, self.links)?);
        }
        Ok(found)
    }
}

/// A text as the kernel takes it.
pub(super) fn text(what: &'static str, text: &str) -> Result<CString, PlanError> {
    CString::new(text).map_err(|_| PlanError::Nul {
        what,
        text: text.to_owned(),
    })
}
