//! What the task can reach through the file system: root, cwd, program, descriptors. Owns the
//! question of whose mount namespace each belongs to.

use std::fmt::Write as _;

use crate::event::NamespaceSlot;
use crate::event::certificate::{Certificate, Descriptor, PathFact};

use crate::expect::wording::list_text;

use super::super::finding::{Facts, Finding};
use super::mount;

fn inode_text(path: &PathFact) -> String {
    format!(
        "inode {} on {}:{}",
        path.ino,
        path.dev >> 20,
        path.dev & 0xf_ffff
    )
}

fn path_text(path: &PathFact) -> String {
    format!("{}, mnt {}", inode_text(path), namespace_text(path.mnt_ns))
}

fn namespace_text(id: u32) -> String {
    if id == 0 {
        "none".to_owned()
    } else {
        id.to_string()
    }
}

/// The path and the task's own mount namespace.
fn with_own(
    read: impl Fn(&Certificate) -> Option<PathFact>,
) -> impl Fn(&Certificate) -> Option<(PathFact, u32)> {
    move |certificate| {
        let own = certificate.namespaces()?.get(NamespaceSlot::Mnt)?;
        Some((read(certificate)?, own.0))
    }
}

pub(super) fn root_pivoted(facts: &Facts<'_>) -> Finding {
    facts.fact(
        "the root directory",
        with_own(Certificate::root),
        |(root, own)| {
            let reason = if root.mnt_ns != own {
                format!("its mount belongs to mnt {}", namespace_text(root.mnt_ns))
            } else if root.flags & PathFact::MOUNT_ROOT == 0 {
                "it is a directory inside a mount, as chroot leaves it".to_owned()
            } else {
                "its mount is not at the namespace's root, as after chroot".to_owned()
            };
            let needed = PathFact::MOUNT_ROOT | PathFact::AT_NAMESPACE_ROOT;
            let holds = root.mnt_ns == own && root.flags & needed == needed;
            let seen = if holds {
                format!("the root of mnt {own}")
            } else {
                path_text(&root)
            };
            let mut evidence = facts.certificate_evidence(path_text(&root));
            if !holds {
                return Finding::Violated {
                    seen,
                    reason,
                    evidence,
                };
            }
            let Some(mounts) = &facts.observation.mounts else {
                return Finding::unknown(mount::NOT_READ);
            };
            let old = mount::on_top_of_root(root.mnt_id, mounts);
            evidence.extend(old.into_iter().flat_map(mount::evidence));
            let reason = "the old root still lies on top of it";
            Finding::decide(old.is_none(), seen, reason, evidence)
        },
    )
}

pub(super) fn root_not_host(facts: &Facts<'_>) -> Finding {
    facts.fact_and_host("the root directory", Certificate::root, |root, host| {
        let holds = (root.dev, root.ino) != (host.dev, host.ino);
        let seen = inode_text(&root);
        let evidence = facts.certificate_evidence(seen.clone());
        Finding::decide(holds, seen, "it is the host's", evidence)
    })
}

pub(super) fn root_read_only(facts: &Facts<'_>) -> Finding {
    facts.fact("the root directory", Certificate::root, |root| {
        let seen = if root.flags & PathFact::MOUNT_READ_ONLY != 0 {
            "the mount is read-only"
        } else if root.flags & PathFact::FS_READ_ONLY != 0 {
            "the file system is read-only"
        } else {
            let reason = "it can be written to".to_owned();
            let evidence = facts.certificate_evidence(path_text(&root));
            return Finding::Violated {
                seen: "read-write".to_owned(),
                reason,
                evidence,
            };
        };
        Finding::Holds {
            seen: seen.to_owned(),
            evidence: facts.certificate_evidence(seen),
        }
    })
}

pub(super) fn cwd(facts: &Facts<'_>) -> Finding {
    facts.fact(
        "the working directory",
        with_own(Certificate::cwd),
        |(cwd, own)| {
            belongs(
                &cwd,
                own,
                "a way out of the container (class of CVE-2024-21626)",
                facts,
            )
        },
    )
}

pub(super) fn exe(facts: &Facts<'_>) -> Finding {
    facts.fact(
        "the program's file",
        with_own(Certificate::exe),
        |(exe, own)| belongs(&exe, own, "the program is not the container's", facts),
    )
}

fn belongs(path: &PathFact, own: u32, meaning: &str, facts: &Facts<'_>) -> Finding {
    let seen = format!("in mnt {}", namespace_text(path.mnt_ns));
    let evidence = facts.certificate_evidence(path_text(path));
    let reason = format!("the task's own is mnt {own}: {meaning}");
    Finding::decide(path.mnt_ns == own, seen, reason, evidence)
}

/// Bits of a mode that tell the type, and a directory's (include/uapi/linux/stat.h).
const TYPE: u32 = 0o170_000;
const DIRECTORY: u32 = 0o040_000;

/// None but 0, 1, 2 and those `allowed`; and where standard input belongs, no directory.
pub(super) fn descriptors(allowed: &[u32], facts: &Facts<'_>) -> Finding {
    facts.fact("descriptors", Certificate::descriptors, |list| {
        let own = facts
            .seen()
            .and_then(|seen| seen.certificate.namespaces())
            .and_then(|set| set.get(NamespaceSlot::Mnt));
        // Before the exec those that it will close are still there; after it, none is.
        let inherited = list
            .items
            .iter()
            .filter(|open| open.flags & Descriptor::CLOSE_ON_EXEC == 0);
        let inherited: Vec<&Descriptor> = inherited.collect();
        let wrong: Vec<String> = inherited
            .iter()
            .filter(|open| match open.fd {
                0..=2 => open.mode & TYPE == DIRECTORY,
                fd => !allowed.contains(&fd),
            })
            .map(|open| describe(open, own.map(|id| id.0)))
            .collect();
        if !wrong.is_empty() {
            let evidence = facts.certificate_evidence(wrong.join("; "));
            let reason = "it can be used by the payload (class of CVE-2024-21626)".to_owned();
            return Finding::Violated {
                seen: wrong.join("; "),
                reason,
                evidence,
            };
        }
        if list.truncated {
            return Finding::unknown("there are more descriptors than the record has room for");
        }
        let numbers: Vec<u32> = inherited.iter().map(|open| open.fd).collect();
        let seen = list_text(&numbers);
        Finding::Holds {
            evidence: facts.certificate_evidence(seen.clone()),
            seen,
        }
    })
}

fn describe(open: &Descriptor, own: Option<u32>) -> String {
    let kind = match open.mode & TYPE {
        DIRECTORY => "directory",
        0o100_000 => "file",
        0o010_000 => "pipe",
        0o140_000 => "socket",
        0o020_000 => "character device",
        0o060_000 => "block device",
        _ => "anonymous file",
    };
    let mut text = format!("{}: {kind}", open.fd);
    if open.flags & Descriptor::PATH_ONLY != 0 {
        text.push_str(" (O_PATH)");
    }
    if open.mnt_ns != 0 && Some(open.mnt_ns) != own {
        // Writing to a String cannot fail.
        let _ = write!(text, " outside, in mnt {}", open.mnt_ns);
    }
    text
}

pub(super) fn hostname(asked: &str, facts: &Facts<'_>) -> Finding {
    facts.fact("the host name", Certificate::hostname, |name| {
        let evidence = facts.certificate_evidence(name.clone());
        Finding::decide(name == asked, name, "it is another", evidence)
    })
}
