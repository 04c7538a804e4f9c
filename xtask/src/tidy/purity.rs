//! The rule that some rooms stay pure: what they compute depends on their arguments alone, so
//! that a recording replays to the same verdict on any machine. Owns the list of those rooms and
//! of what they may not name.

use super::Finding;
use super::scan::{Source, Token};

/// Rooms, and single files, that are pure.
const ROOMS: [&str; 12] = [
    "tracer/src/audit/",
    "tracer/src/event/",
    "tracer/src/model/",
    "tracer/src/expect/",
    "tracer/src/verdict/",
    "tracer/src/report/",
    "tracer/src/history.rs",
    "tracer/src/history/",
    "tracer/src/recording/",
    "tracer/src/container/spec.rs",
    "tracer/src/container/plan.rs",
    "tracer/src/container/handshake.rs",
];
const STD_MODULES: [&str; 5] = ["fs", "env", "process", "net", "thread"];
const CLOCKS: [&str; 2] = ["SystemTime", "Instant"];
const CRATES: [&str; 3] = ["nix", "libc", "aya"];
const PRINTS: [&str; 5] = ["print", "println", "eprint", "eprintln", "dbg"];

/// What a pure file names that it may not.
pub fn check(path: &str, source: &Source) -> Vec<Finding> {
    if !ROOMS.iter().any(|room| path.starts_with(room)) {
        return Vec::new();
    }
    let tokens = source.tokens();
    let mut findings: Vec<Finding> = (0..tokens.len())
        .filter_map(|at| impure(&tokens[at..]).map(|name| (tokens[at].line, name)))
        .map(|(line, name)| {
            let what = format!("a pure module must not name `{name}`; hand it the value instead");
            Finding::new(line + 1, what)
        })
        .collect();
    findings.dedup();
    findings
}

/// What is impure about the name that the tokens begin with.
fn impure(tokens: &[Token<'_>]) -> Option<String> {
    let [first, ..] = tokens else { return None };
    let text = |at: usize| tokens.get(at).map_or("", |token| token.text);
    match first.text {
        "std" if text(1) == ":" && text(2) == ":" => {
            let module = std_modules(&tokens[3..]).find(|name| STD_MODULES.contains(name))?;
            Some(format!("std::{module}"))
        }
        "unsafe" => Some("unsafe".to_owned()),
        word if CLOCKS.contains(&word) => Some(word.to_owned()),
        word if CRATES.contains(&word) || word.starts_with("aya_") => Some(word.to_owned()),
        word if PRINTS.contains(&word) && text(1) == "!" => Some(format!("{word}!")),
        _ => None,
    }
}

/// The modules that a path after `std::` leads into: one, or each first word of a group.
fn std_modules<'a>(tokens: &[Token<'a>]) -> impl Iterator<Item = &'a str> {
    let grouped = tokens.first().is_some_and(|token| token.text == "{");
    let mut depth = 0_usize;
    let mut expects_name = true;
    let mut ended = false;
    tokens.iter().map(|token| token.text).filter(move |text| {
        if ended {
            return false;
        }
        match *text {
            "{" => depth += 1,
            "}" => {
                depth = depth.saturating_sub(1);
                ended = depth == 0;
            }
            "," if depth == 1 => expects_name = true,
            _ => {
                let is_name = expects_name && depth == usize::from(grouped);
                expects_name = expects_name && !is_name;
                ended = !grouped;
                return is_name;
            }
        }
        false
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<String> {
        check("tracer/src/model/a.rs", &Source::new(text))
            .into_iter()
            .filter_map(|finding| finding.what.split('`').nth(1).map(str::to_owned))
            .collect()
    }

    #[test]
    fn the_machine_is_found_however_it_is_imported() {
        assert_eq!(names("use std::fs;"), ["std::fs"]);
        assert_eq!(
            names("use std::{fmt, io::{self, Read}, process::Command};"),
            ["std::process"]
        );
        assert_eq!(names("fn f() { std::env::var(\"A\"); }"), ["std::env"]);
        assert_eq!(names("use ::std::net::IpAddr;"), ["std::net"]);
    }

    #[test]
    fn modules_of_the_same_name_elsewhere_are_not_the_machine() {
        let text = "use std::collections::BTreeMap; use std::{fmt, ops::{self, fs}}; use crate::env; use super::net;";
        assert_eq!(names(text), Vec::<String>::new());
    }

    #[test]
    fn clocks_crates_and_prints_are_found() {
        assert_eq!(names("std::time::SystemTime::now();"), ["SystemTime"]);
        assert_eq!(
            names("nix::unistd::getpid(); aya_obj::x();"),
            ["nix", "aya_obj"]
        );
        assert_eq!(names("println!(\"a\"); dbg!(b);"), ["println!", "dbg!"]);
        assert_eq!(names("unsafe { a() }"), ["unsafe"]);
        assert_eq!(
            names("#![forbid(unsafe_code)]\nfn print() {}"),
            Vec::<String>::new()
        );
    }

    #[test]
    fn only_pure_rooms_are_held_to_it() {
        let source = Source::new("use std::fs;");
        assert_eq!(check("tracer/src/host/facts.rs", &source), []);
        assert_eq!(check("tracer/src/container/launch.rs", &source), []);
        assert_eq!(check("tracer/src/container/plan.rs", &source).len(), 1);
    }
}
