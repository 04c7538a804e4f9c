//! Splits a command line into flags, their values and the rest, by a table of the flags that a
//! program knows. Owns the splitting; must not know what a flag means.

use super::InferError;

/// How many values a flag takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Takes {
    /// So many, each a word of its own; a single one may follow `=`.
    Words(usize),
    /// One behind `=`, or none.
    Optional,
}

/// Names of flags that take the same.
pub(super) type Table = [(Takes, &'static [&'static str])];

/// A flag that was given.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Given<'a> {
    /// Its name, with the dashes.
    pub name: &'static str,
    /// Its values.
    pub values: Vec<&'a str>,
}

impl Given<'_> {
    /// The first value.
    pub(super) fn value(&self) -> &str {
        self.values.first().copied().unwrap_or_default()
    }

    /// As it may be written.
    pub(super) fn text(&self) -> String {
        match self.values[..] {
            [] => self.name.to_owned(),
            [one] if self.name.starts_with("--") => format!("{}={one}", self.name),
            _ => format!("{} {}", self.name, self.values.join(" ")),
        }
    }

    /// An error about its value.
    pub(super) fn wrong(&self, must: &'static str) -> InferError {
        InferError::Value {
            flag: self.name.to_owned(),
            value: self.value().to_owned(),
            must,
        }
    }

    /// Of a flag that is on when it stands there: whether it is.
    pub(super) fn is_on(&self) -> Result<bool, InferError> {
        match self.value() {
            "" | "true" | "1" | "yes" => Ok(true),
            "false" | "0" | "no" => Ok(false),
            _ => Err(self.wrong("true or false")),
        }
    }
}

/// A command line, split.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Split<'a> {
    /// Flags that are in the table.
    pub given: Vec<Given<'a>>,
    /// Flags that are not.
    pub unknown: Vec<String>,
    /// What comes behind the flags; `None` where that cannot be told.
    pub rest: Option<&'a [String]>,
}

fn find(table: &Table, name: &str) -> Option<(&'static str, Takes)> {
    table.iter().find_map(|(takes, names)| {
        let name = names.iter().find(|own| **own == name)?;
        Some((*name, *takes))
    })
}

/// Splits `words`. The first that is no flag ends the flags, and so does `--`.
pub(super) fn split<'a>(words: &'a [String], table: &Table) -> Result<Split<'a>, InferError> {
    let mut split = Split::default();
    let mut at = 0;
    while let Some(word) = words.get(at) {
        at += 1;
        let unknown = if word == "--" {
            split.rest = words.get(at..);
            return Ok(split);
        } else if word.starts_with("--") {
            long(word, words, &mut at, table, &mut split)?
        } else if word.starts_with('-') && word.len() > 1 {
            cluster(word, words, &mut at, table, &mut split)?
        } else {
            split.rest = words.get(at - 1..);
            return Ok(split);
        };
        // What follows may be its value, or the end of the flags.
        if unknown && words.get(at).is_some_and(|next| !next.starts_with('-')) {
            let behind = words[at..].join(" ");
            split.unknown.push(format!("what follows it: {behind}"));
            return Ok(split);
        }
    }
    split.rest = Some(&[]);
    Ok(split)
}

/// Tells whether the flag is unknown and may take the next word.
fn long<'a>(
    word: &'a str,
    words: &'a [String],
    at: &mut usize,
    table: &Table,
    split: &mut Split<'a>,
) -> Result<bool, InferError> {
    let (name, attached) = match word.split_once('=') {
        Some((name, value)) => (name, Some(value)),
        None => (word, None),
    };
    let Some((name, takes)) = find(table, name) else {
        split.unknown.push(word.to_owned());
        return Ok(attached.is_none());
    };
    let values = match (takes, attached) {
        (_, Some(value)) => vec![value],
        (Takes::Optional, None) => Vec::new(),
        (Takes::Words(count), None) => take(name, words, at, count)?,
    };
    split.given.push(Given { name, values });
    Ok(false)
}

/// Letters behind one dash; the same answer.
fn cluster<'a>(
    word: &'a str,
    words: &'a [String],
    at: &mut usize,
    table: &Table,
    split: &mut Split<'a>,
) -> Result<bool, InferError> {
    let letters = &word[1..];
    for (index, letter) in letters.char_indices() {
        let behind = &letters[index + letter.len_utf8()..];
        let Some((name, takes)) = find(table, &format!("-{letter}")) else {
            split.unknown.push(format!("-{letter}{behind}"));
            return Ok(true);
        };
        let attached = behind.strip_prefix('=').unwrap_or(behind);
        let values = match takes {
            Takes::Words(0) => Vec::new(),
            Takes::Optional if behind.is_empty() => Vec::new(),
            Takes::Words(count) if behind.is_empty() => take(name, words, at, count)?,
            Takes::Optional | Takes::Words(_) => vec![attached],
        };
        split.given.push(Given { name, values });
        if takes != Takes::Words(0) {
            break;
        }
    }
    Ok(false)
}

fn take<'a>(
    flag: &str,
    words: &'a [String],
    at: &mut usize,
    count: usize,
) -> Result<Vec<&'a str>, InferError> {
    let taken = words
        .get(*at..*at + count)
        .ok_or_else(|| InferError::Lacking {
            flag: flag.to_owned(),
        })?;
    *at += count;
    Ok(taken.iter().map(String::as_str).collect())
}
