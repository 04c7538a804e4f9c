//! `cargo xtask docs`: tables in the documentation that the code knows best. Owns the markers and
//! the replacing; what a table says comes from `tracer docs NAME`, or from what runs
//! on other kernels have shown.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};
use clap::Args;

use crate::exit::Found;
use crate::vm::results;
use crate::{setup, shell};

#[derive(Args)]
pub struct Options {
    /// Write nothing; fail when a table is not what the code says
    #[arg(long)]
    pub check: bool,
}

const START: &str = "<!-- generated: ";
const START_CLOSE: &str = " -->";
const END: &str = "<!-- end -->";

/// The command.
pub fn command(options: &Options) -> Result<()> {
    let root = shell::root();
    let mut documents = Vec::new();
    for path in markdown(&root)? {
        let text =
            fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        if text.contains(START) {
            documents.push((path, text));
        }
    }
    if documents.is_empty() {
        println!("docs: no generated tables");
        return Ok(());
    }

    setup::ensure(&setup::BUILD)?;
    let tracer = shell::build_for_tests()?;
    let mut stale = Vec::new();
    for (path, text) in documents {
        let shown = path
            .strip_prefix(&root)
            .unwrap_or(&path)
            .display()
            .to_string();
        let table = |name: &str| match results::markdown(name)? {
            Some(own) => Ok(own),
            None => shell::read(Command::new(&tracer).args(["docs", name])),
        };
        let fresh = fill(&text, table).with_context(|| format!("cannot generate {shown}"))?;
        if fresh == text {
            println!("docs: {shown} is up to date");
        } else if options.check {
            println!(
                "docs: {shown} is stale, first at line {}",
                first_difference(&text, &fresh)
            );
            stale.push(shown);
        } else {
            fs::write(&path, fresh).with_context(|| format!("cannot write {shown}"))?;
            println!("docs: wrote {shown}");
        }
    }
    if !stale.is_empty() {
        let names = stale.join(", ");
        bail!(Found(format!(
            "no longer what the code says: {names}; run `cargo xtask docs` and commit the result"
        )));
    }
    Ok(())
}

/// Documents that may hold tables: those in the root folder and below docs/.
fn markdown(root: &Path) -> Result<Vec<PathBuf>> {
    let docs = root.join("docs");
    let mut found = Vec::new();
    for folder in [root, docs.as_path()]
        .into_iter()
        .filter(|folder| folder.is_dir())
    {
        let entries =
            fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
        for entry in entries {
            let path = entry
                .with_context(|| format!("cannot list {}", folder.display()))?
                .path();
            if path.extension().is_some_and(|extension| extension == "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// The document with what `table` gives for each name between its markers.
fn fill(text: &str, table: impl Fn(&str) -> Result<String>) -> Result<String> {
    let mut filled = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, marked)) = rest.split_once(START) {
        let (name, old) = marked
            .split_once(START_CLOSE)
            .with_context(|| format!("the marker `{START}` is not closed with `{START_CLOSE}`"))?;
        let (old, after) = old
            .split_once(END)
            .with_context(|| format!("the table `{name}` has no `{END}`"))?;
        if old.contains(START) {
            bail!("the table `{name}` has no `{END}` before the next one begins");
        }
        filled.push_str(before);
        filled.push_str(START);
        filled.push_str(name);
        filled.push_str(START_CLOSE);
        filled.push('\n');
        filled.push_str(table(name.trim())?.trim());
        filled.push('\n');
        filled.push_str(END);
        rest = after;
    }
    filled.push_str(rest);
    Ok(filled)
}

/// Counted from one.
fn first_difference(old: &str, new: &str) -> usize {
    old.lines()
        .zip(new.lines())
        .take_while(|(old, new)| old == new)
        .count()
        + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn upper(name: &str) -> Result<String> {
        match name {
            "" => bail!("a table without a name"),
            _ => Ok(format!("{}\n", name.to_uppercase())),
        }
    }

    #[test]
    fn what_stands_between_the_markers_is_replaced_and_nothing_else() {
        let text = "a\n<!-- generated: one -->\nold\n<!-- end -->\nb\n<!-- generated: two --><!-- end -->\n";
        let filled = fill(text, upper).unwrap();
        assert_eq!(
            filled,
            "a\n<!-- generated: one -->\nONE\n<!-- end -->\nb\n<!-- generated: two -->\nTWO\n<!-- end -->\n"
        );
        assert_eq!(
            fill(&filled, upper).unwrap(),
            filled,
            "a second time changes nothing"
        );
    }

    #[test]
    fn a_table_that_does_not_end_is_an_error_rather_than_a_lost_document() {
        assert!(fill("<!-- generated: one -->\nold\n", upper).is_err());
        assert!(
            fill(
                "<!-- generated: one -->\n<!-- generated: two -->\n<!-- end -->",
                upper
            )
            .is_err()
        );
        assert!(fill("<!-- generated: one", upper).is_err());
        assert!(fill("<!-- generated:  --><!-- end -->", upper).is_err());
    }

    #[test]
    fn the_first_line_that_differs_is_named() {
        assert_eq!(first_difference("a\nb\nc", "a\nx\nc"), 2);
        assert_eq!(first_difference("a", "a\nb"), 2);
    }
}
