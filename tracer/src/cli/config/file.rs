//! A configuration file as text: keys and their values, and where each stands. Owns what a value may be; which keys
//! there are is the command line's.

use std::fmt;
use std::ops::Range;

use toml_edit::{Document, Item, Value};

/// One key with its values as the command line would have them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Name, as of the flag.
    pub name: String,
    /// What it says.
    pub said: Said,
    /// Where it stands, in bytes.
    pub at: Range<usize>,
}

/// What is said of a flag.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Said {
    /// Given, or not.
    Switch(bool),
    /// One value or several.
    Values(Vec<String>),
}

/// Why a file is not understood: a line for people, then the place with a caret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misread {
    /// What is wrong.
    pub reason: String,
    /// Where, in bytes; `None` = in no place in particular.
    pub at: Option<Range<usize>>,
}

impl Misread {
    fn new(reason: impl Into<String>, at: Option<Range<usize>>) -> Self {
        let reason = reason.into();
        Self { reason, at }
    }

    /// The place, as `FILE:LINE: REASON`, the line and a caret below it.
    pub fn shown(&self, file: &str, text: &str) -> String {
        let Some(at) = &self.at else {
            return format!("{file}: {}", self.reason);
        };
        let (number, line, column) = place(text, at.start);
        let width = text.get(at.clone()).map_or(1, |marked| {
            let first = marked.lines().next().unwrap_or_default();
            first.chars().count().max(1)
        });
        let (margin, indent) = (format!("{number} | "), " ".repeat(column));
        let below = " ".repeat(margin.len() - 2);
        format!(
            "{file}:{number}: {}\n{margin}{line}\n{below}| {indent}{}",
            self.reason,
            "^".repeat(width)
        )
    }
}

impl fmt::Display for Misread {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(&self.reason)
    }
}

/// Number of the line that a byte is in, from 1, its text, and how many characters precede it there.
pub fn place(text: &str, at: usize) -> (usize, &str, usize) {
    let before = text.get(..at).unwrap_or(text);
    let start = before.rfind('\n').map_or(0, |end| end + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let number = before.matches('\n').count() + 1;
    (number, line, before[start..].chars().count())
}

/// The settings of the table `table`; there is no other.
pub fn read(text: &str, table: &str) -> Result<Vec<Setting>, Misread> {
    let document = Document::parse(text)
        .map_err(|error| Misread::new(one_line(error.message()), error.span()))?;
    let mut settings = Vec::new();
    for (name, item) in document.iter() {
        let at = key_span(document.as_table(), name);
        if name != table {
            return Err(Misread::new(
                format!("unknown table `{name}`; there is [{table}]"),
                at,
            ));
        }
        let Item::Table(of_command) = item else {
            return Err(Misread::new(
                format!("`{table}` is not a table; write [{table}]"),
                at,
            ));
        };
        for (name, item) in of_command {
            let at = key_span(of_command, name).unwrap_or_default();
            let said = said(item).map_err(|reason| Misread {
                reason: format!("`{name}` {reason}"),
                at: item.span().or(Some(at.clone())),
            })?;
            let name = name.to_owned();
            settings.push(Setting { name, said, at });
        }
    }
    Ok(settings)
}

fn key_span(table: &toml_edit::Table, name: &str) -> Option<Range<usize>> {
    table.key(name)?.span()
}

fn said(item: &Item) -> Result<Said, &'static str> {
    const WRONG: &str = "is no text, number, true or false, nor a list of texts and numbers";
    let value = item.as_value().ok_or(WRONG)?;
    match value {
        Value::Boolean(flag) => Ok(Said::Switch(*flag.value())),
        Value::Array(items) => {
            let all = items.iter().map(|item| one(item).ok_or(WRONG));
            all.collect::<Result<_, _>>().map(Said::Values)
        }
        value => one(value).map(|one| Said::Values(vec![one])).ok_or(WRONG),
    }
}

fn one(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.value().clone()),
        Value::Integer(number) => Some(number.value().to_string()),
        _ => None,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_what_flags_would_have() {
        let text = "[audit]\nexact = true\nrotate-size = 8\nevent = ['cgroup', \"loss\"]\n";
        let read = read(text, "audit").expect("understood");
        let said: Vec<_> = read.iter().map(|one| (&*one.name, &one.said)).collect();
        let values = |all: &[&str]| Said::Values(all.iter().map(|&one| one.into()).collect());
        assert_eq!(
            said,
            [
                ("exact", &Said::Switch(true)),
                ("rotate-size", &values(&["8"])),
                ("event", &values(&["cgroup", "loss"])),
            ]
        );
    }

    #[test]
    fn what_is_wrong_is_shown_in_its_line_with_a_caret() {
        for (text, shown) in [
            (
                "[audit]\n\n[audti]\n",
                "f:3: unknown table `audti`; there is [audit]\n3 | [audti]\n  |  ^^^^^",
            ),
            (
                "[audit]\nring = 4.5\n",
                "f:2: `ring` is no text, number, true or false, nor a list of texts and numbers\n2 | ring = 4.5\n  |        ^^^",
            ),
        ] {
            let error = read(text, "audit").expect_err("wrong");
            assert_eq!(error.shown("f", text), shown);
        }
        let text = "[audit]\nring = \n";
        let shown = read(text, "audit").expect_err("wrong").shown("f", text);
        assert!(shown.starts_with("f:2: ") && shown.contains('^'), "{shown}");
    }
}
