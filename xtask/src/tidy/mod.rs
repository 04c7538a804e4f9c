//! `cargo xtask tidy`: the rules this repository sets itself, as code. Owns which files are
//! looked at and how findings are shown; each rule is a function in `rules`, or in `purity` for
//! the rooms that must stay free of the machine.

mod purity;
mod rules;
mod scan;

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::exit::Found;
use crate::shell;

/// One breach of a rule.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Finding {
    /// Counted from one.
    line: usize,
    what: String,
}

impl Finding {
    fn new(line: usize, what: impl Into<String>) -> Self {
        Self {
            line,
            what: what.into(),
        }
    }
}

/// The command.
pub fn command() -> Result<()> {
    let root = shell::root();
    let files = files(&root)?;
    let mut count = 0;
    for file in &files {
        let path = file.strip_prefix(&root).unwrap_or(file);
        let Some(name) = path.to_str() else {
            bail!(
                "cannot check {}: its name is not UTF-8; rename it",
                path.display()
            );
        };
        let text = fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
        for finding in check(name, &text) {
            println!("{name}:{}: {}", finding.line, finding.what);
            count += 1;
        }
    }
    if count > 0 {
        let noun = if count == 1 { "breach" } else { "breaches" };
        bail!(Found(format!(
            "{count} {noun} of the repository's rules, listed above"
        )));
    }
    println!("tidy: {} files, nothing found", files.len());
    Ok(())
}

/// Every rule that concerns a file, by its path from the root.
fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = rules::no_paths_of_a_machine(text);
    if Path::new(path)
        .extension()
        .is_some_and(|extension| extension == "rs")
    {
        let source = scan::Source::new(text);
        findings.extend(rules::opens_with_its_purpose(text));
        findings.extend(rules::file_length(&source));
        findings.extend(rules::function_length(&source));
        findings.extend(rules::no_sleep(&source));
        findings.extend(rules::unsafe_room(path, &source));
        findings.extend(rules::safety_comment(&source));
        findings.extend(purity::check(path, &source));
    }
    findings.sort_by_key(|finding| finding.line);
    findings
}

/// Sources and documents below a folder, sorted; build output and git's own files are left out.
fn files(root: &Path) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![root.to_owned()];
    while let Some(folder) = folders.pop() {
        let entries =
            fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let entry = entry.with_context(|| format!("cannot list {}", folder.display()))?;
            let path = entry.path();
            let kind = entry
                .file_type()
                .with_context(|| format!("cannot look at {}", path.display()))?;
            if kind.is_dir() {
                // Cargo marks its output folders with this file, wherever they are.
                if entry.file_name() != ".git" && !path.join("CACHEDIR.TAG").exists() {
                    folders.push(path);
                }
            } else if kind.is_file() && is_text_of_ours(&path) {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn is_text_of_ours(path: &Path) -> bool {
    let extension = path.extension().and_then(|extension| extension.to_str());
    matches!(
        extension,
        Some("rs" | "md" | "toml" | "sh" | "yml" | "yaml")
    ) || path
        .parent()
        .is_some_and(|folder| folder.file_name().is_some_and(|name| name == ".ci"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_very_checkout_is_listed_without_its_build_output() {
        let root = shell::root();
        let files = files(&root).unwrap();
        assert!(files.contains(&root.join("xtask/src/tidy/mod.rs")));
        assert!(files.contains(&root.join(".ci/run")));
        assert!(
            !files
                .iter()
                .any(|file| file.starts_with(root.join("target")))
        );
    }

    #[test]
    fn findings_come_in_the_order_of_lines() {
        let text = "fn main() {\n    unsafe { a() }\n    std::thread::sleep(x);\n}\n";
        let lines: Vec<usize> = check("tracer/src/model/a.rs", text)
            .iter()
            .map(|finding| finding.line)
            .collect();
        assert!(lines.is_sorted());
        assert!(lines.len() >= 4, "{lines:?}");
    }

    #[test]
    fn rules_about_code_leave_documents_alone() {
        assert_eq!(check("docs/a.md", "unsafe { } thread::sleep\n"), []);
    }
}
