//! The rules that hold in every room, one function each. Owns their limits; it must not read
//! files, so that each rule is tested on a few lines of text.

use super::Finding;
use super::scan::{Source, Token};

/// Lines of code in a file, blank lines and comments not counted.
const FILE_LIMIT: usize = 400;
/// Lines of a function from `fn` to its closing brace, everything counted.
const FUNCTION_LIMIT: usize = 100;
/// Where `unsafe` may stand.
const UNSAFE_ROOMS: [&str; 2] = ["tracer-ebpf/", "tracer/src/sys/"];
/// Folders of one machine, split so that this very file does not name them.
const MACHINE_FOLDERS: [&str; 3] = [
    concat!("/", "work/"),
    concat!("/", "root/"),
    concat!("/", "home/"),
];

pub fn opens_with_its_purpose(text: &str) -> Option<Finding> {
    let what = "must open with `//!`: what this file owns and what it must not touch";
    (!text.starts_with("//!")).then(|| Finding::new(1, what))
}

pub fn file_length(source: &Source) -> Option<Finding> {
    let count = source
        .code()
        .iter()
        .filter(|line| !line.trim().is_empty())
        .count();
    (count > FILE_LIMIT).then(|| {
        let what = format!(
            "{count} lines of code, over {FILE_LIMIT}; split it along a seam that a reader would name"
        );
        Finding::new(1, what)
    })
}

pub fn function_length(source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let starts = tokens.windows(2).enumerate().filter(|(_, pair)| {
        // `fn(` is a type, not a function.
        pair[0].text == "fn" && pair[1].text != "("
    });
    starts
        .filter_map(|(at, pair)| {
            let length = function_end(&tokens[at..])? - pair[0].line + 1;
            let what = format!(
                "function `{}` has {length} lines, over {FUNCTION_LIMIT}; give its steps names",
                pair[1].text
            );
            (length > FUNCTION_LIMIT).then(|| Finding::new(pair[0].line + 1, what))
        })
        .collect()
}

/// Line of the closing brace of the function that the tokens begin with; none if it has no body.
fn function_end(tokens: &[Token<'_>]) -> Option<usize> {
    let mut nesting = 0_usize;
    let mut braces = 0_usize;
    for token in tokens {
        match token.text {
            "(" | "[" => nesting += 1,
            ")" | "]" => nesting = nesting.saturating_sub(1),
            ";" if nesting == 0 && braces == 0 => return None,
            "{" => braces += 1,
            "}" => {
                braces = braces.checked_sub(1)?;
                if braces == 0 && nesting == 0 {
                    return Some(token.line);
                }
            }
            _ => {}
        }
    }
    None
}

pub fn no_sleep(source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    let is_sleep = |window: &[Token<'_>]| {
        matches!(
            [
                window[0].text,
                window[1].text,
                window[2].text,
                window[3].text
            ],
            [
                "thread" | "time" | "unistd",
                ":",
                ":",
                "sleep" | "usleep" | "nanosleep"
            ]
        )
    };
    tokens
        .windows(4)
        .filter(|window| is_sleep(window))
        .map(|window| {
            let what = "sleeps; wait for the event itself, or prove that it cannot come any more";
            Finding::new(window[0].line + 1, what)
        })
        .collect()
}

pub fn unsafe_room(path: &str, source: &Source) -> Vec<Finding> {
    if UNSAFE_ROOMS.iter().any(|room| path.starts_with(room)) {
        return Vec::new();
    }
    let tokens = source.tokens();
    let found = tokens.iter().filter(|token| token.text == "unsafe");
    found
        .map(|token| {
            let what = format!("`unsafe` outside of {}", UNSAFE_ROOMS.join(" and "));
            Finding::new(token.line + 1, what)
        })
        .collect()
}

pub fn safety_comment(source: &Source) -> Vec<Finding> {
    let tokens = source.tokens();
    tokens
        .windows(2)
        .filter(|pair| pair[0].text == "unsafe" && matches!(pair[1].text, "{" | "impl"))
        .filter(|pair| !has_safety_comment(source, pair[0].line))
        .map(|pair| {
            let what = "`unsafe` without a SAFETY comment above it that names the invariant";
            Finding::new(pair[0].line + 1, what)
        })
        .collect()
}

/// Is there such a comment right above the statement that this line belongs to?
fn has_safety_comment(source: &Source, line: usize) -> bool {
    let is_safety = |at: usize| source.comments()[at].contains("SAFETY:");
    if is_safety(line) {
        return true;
    }
    let mut above = (0..line).rev().peekable();
    while let Some(at) = above.next() {
        let code = source.code()[at].trim();
        if !code.is_empty() {
            // An attribute, or an earlier line of the same statement, stands in between.
            let same_statement = code.starts_with("#[") || !code.ends_with([';', '{', '}', ',']);
            if same_statement {
                continue;
            }
            return false;
        }
        if source.comments()[at].trim().is_empty() {
            return false;
        }
        if is_safety(at) {
            return true;
        }
        let next_is_comment = above
            .peek()
            .is_some_and(|next| source.code()[*next].trim().is_empty());
        if !next_is_comment {
            return false;
        }
    }
    false
}

pub fn no_paths_of_a_machine(text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (number, line) in text.lines().enumerate() {
        for folder in MACHINE_FOLDERS {
            if names_folder(line, folder) {
                let what = format!("names {folder}, a folder of one machine; say it without");
                findings.push(Finding::new(number + 1, what));
            }
        }
    }
    findings
}

/// Does the line name this folder, and not one of the same name further down, as in /proc/1/root/?
fn names_folder(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|character| {
            character.is_alphanumeric()
                || matches!(character, '_' | '-' | '.' | '}' | ')' | '~' | '$')
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOWHERE: [usize; 0] = [];

    fn lines(findings: impl IntoIterator<Item = Finding>) -> Vec<usize> {
        findings.into_iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_file_must_say_what_it_owns_first() {
        assert_eq!(lines(opens_with_its_purpose("use a;\n//! Late.\n")), [1]);
        assert_eq!(
            lines(opens_with_its_purpose("//! Owns a.\nuse a;\n")),
            NOWHERE
        );
    }

    #[test]
    fn comments_and_blank_lines_do_not_make_a_file_long() {
        let long = "// a\n\n".repeat(FILE_LIMIT) + &"a();\n".repeat(FILE_LIMIT);
        assert_eq!(file_length(&Source::new(&long)), None);
        assert!(file_length(&Source::new(&(long + "b();\n"))).is_some());
    }

    #[test]
    fn a_function_is_measured_from_its_name_to_its_closing_brace() {
        let body = |lines: usize| {
            format!(
                "\nfn f(a: [u8; 2]) -> fn() {{\n{}}}\n",
                "a(|| {});\n".repeat(lines)
            )
        };
        assert_eq!(
            lines(function_length(&Source::new(&body(FUNCTION_LIMIT - 2)))),
            NOWHERE
        );
        assert_eq!(
            lines(function_length(&Source::new(&body(FUNCTION_LIMIT - 1)))),
            [2]
        );
    }

    #[test]
    fn a_function_without_a_body_ends_at_its_semicolon() {
        let text = format!(
            "trait A {{ fn f(&self);\n{}fn g() {{}} }}",
            "\n".repeat(FUNCTION_LIMIT)
        );
        assert_eq!(lines(function_length(&Source::new(&text))), NOWHERE);
    }

    #[test]
    fn every_way_to_sleep_is_found_and_words_about_it_are_not() {
        let text = "std::thread::sleep(a);\nuse std::thread::sleep;\ntokio::time::sleep(a);\n// thread::sleep\n";
        assert_eq!(lines(no_sleep(&Source::new(text))), [1, 2, 3]);
    }

    #[test]
    fn unsafe_stays_in_its_rooms() {
        let source = Source::new("#![forbid(unsafe_code)]\nunsafe fn a() {}\n");
        assert_eq!(lines(unsafe_room("tracer/src/host/a.rs", &source)), [2]);
        assert_eq!(lines(unsafe_room("tracer/src/sys/a.rs", &source)), NOWHERE);
    }

    #[test]
    fn the_comment_stands_right_above_the_statement_with_the_unsafe_block() {
        let good = [
            "// SAFETY: a.\nunsafe { a() }",
            "// SAFETY: a,\n// and b.\nlet x =\n    unsafe { a() };",
            "// SAFETY: a.\n#[cfg(b)]\nlet x = unsafe { a() };",
            "// SAFETY: a.\nunsafe impl A for B {}",
            "#[unsafe(no_mangle)]\nstatic A: u8 = 0;",
            "unsafe extern \"C\" fn a() {}",
        ];
        for text in good {
            assert_eq!(lines(safety_comment(&Source::new(text))), NOWHERE, "{text}");
        }
        let bad = [
            "unsafe { a() }",
            "// It is safe.\nunsafe { a() }",
            "// SAFETY: a.\n\nunsafe { a() }",
            "// SAFETY: a.\nb();\nunsafe { a() }",
            "let x = \"// SAFETY: a\"; unsafe { a() }",
        ];
        for text in bad {
            assert_eq!(safety_comment(&Source::new(text)).len(), 1, "{text}");
        }
    }

    #[test]
    fn folders_of_a_machine_are_found_and_those_of_every_process_are_not() {
        let folder = MACHINE_FOLDERS[1];
        assert_eq!(
            lines(no_paths_of_a_machine(&format!("a\n\"{folder}x\""))),
            [2]
        );
        assert_eq!(lines(no_paths_of_a_machine(&format!("see {folder}x"))), [1]);
        assert_eq!(
            lines(no_paths_of_a_machine(&format!(
                "/proc/1{folder}etc {{pid}}{folder}etc"
            ))),
            NOWHERE
        );
    }
}
