//! One container of each runtime, as recordings of every ABI that was ever released, and what they are
//! reported as in each format: whatever changes in an output shows as a difference here. As anybody, on
//! any machine. `TRACER_BLESS=1` writes the reports anew; the difference is for a person to read.
//! `tests/src/bin/fixtures.rs` makes the recordings.

use std::fs;
use std::path::{Path, PathBuf};

use tracer_tests::binary::{Runs, tracer};

/// What is written to files, by flag.
const FILES: [&str; 8] = [
    "json", "junit", "tap", "markdown", "sarif", "html", "trace", "attest",
];
/// What goes to standard output.
const OUTPUTS: [&str; 3] = ["table", "compact", "jsonl"];
/// Fewer than these would be a listing that went wrong.
const FEWEST: usize = 5;

fn folders(of: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(of).unwrap_or_else(|error| panic!("{}: {error}", of.display()));
    let mut all: Vec<PathBuf> = entries
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.is_dir())
        .collect();
    all.sort();
    all
}

/// Every recording, by the folder with its reports.
fn recordings() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/recordings");
    folders(&root).iter().flat_map(|abi| folders(abi)).collect()
}

/// The first line that differs, of two texts that do.
fn difference(was: &str, is: &str) -> String {
    let (mut was, mut is) = (was.lines(), is.lines());
    let mut number = 0;
    loop {
        number += 1;
        match (was.next(), is.next()) {
            (Some(one), Some(other)) if one == other => {}
            (None, None) => return "they differ in ends of lines alone".to_owned(),
            (one, other) => {
                let shown = |line: Option<&str>| line.unwrap_or("(no such line)").to_owned();
                return format!(
                    "line {number}\n  was {}\n  is  {}",
                    shown(one),
                    shown(other)
                );
            }
        }
    }
}

#[test]
fn each_recording_is_reported_as_it_always_was() {
    let bless = std::env::var_os("TRACER_BLESS").is_some();
    let runs = Runs::new();
    let all = recordings();
    assert!(all.len() >= FEWEST, "{all:?}");
    let mut changed = Vec::new();
    for folder in all {
        let recording = folder.join("recording").display().to_string();
        let mut said = Vec::new();
        for output in OUTPUTS {
            let mut command = tracer(&["replay", &recording, "-o", output]);
            // Those for people go to standard error.
            let told = runs.finish(&mut command);
            said.push((output, told.stdout + &told.stderr));
        }
        let mut words = vec!["replay".to_owned(), recording];
        for name in FILES {
            words.extend([format!("--{name}"), runs.word(name)]);
        }
        let code = runs.finish(&mut tracer(&words)).code();
        said.push(("exit", format!("{code}\n")));
        for name in FILES {
            // Only what passes is attested.
            let text = fs::read_to_string(runs.path(name)).unwrap_or_default();
            said.push((name, text));
            let _absent = fs::remove_file(runs.path(name));
        }
        for (name, is) in said {
            let kept = folder.join(name);
            let was = fs::read_to_string(&kept).unwrap_or_default();
            if was == is {
                continue;
            }
            changed.push(format!("{}: {}", kept.display(), difference(&was, &is)));
            if bless {
                fs::write(&kept, is).expect("a report");
            }
        }
    }
    assert!(
        bless || changed.is_empty(),
        "reports have changed; TRACER_BLESS=1 writes them anew\n{}",
        changed.join("\n")
    );
}

#[test]
fn a_difference_is_told_by_its_line() {
    assert!(difference("a\nb", "a\nc").starts_with("line 2\n  was b\n  is  c"));
    assert!(difference("a", "a\nc").contains("(no such line)"));
}
