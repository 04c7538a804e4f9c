//! Who is running: what a test that does not end is waiting for. Owns how /proc is read for it.

use std::fs;

/// A line for each process that has a program: its number, its parent's, its state, what it waits for in the
/// kernel, and its command line.
pub fn list() -> Vec<String> {
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let names = entries.filter_map(|entry| entry.file_name().into_string().ok());
    let mut numbers: Vec<u32> = names.filter_map(|name| name.parse().ok()).collect();
    numbers.sort_unstable();
    numbers.into_iter().filter_map(line).collect()
}

fn line(number: u32) -> Option<String> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{number}/{file}")).ok();
    // The kernel's own threads have none.
    let words = read("cmdline").filter(|words| !words.is_empty())?;
    let status = read("status")?;
    let field = |name: &str| {
        let mut lines = status.lines();
        let rest = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        rest.unwrap_or_default().trim().to_owned()
    };
    Some(format!(
        "{number} of {}, {}, in {}: {}",
        field("PPid"),
        field("State"),
        read("wchan").unwrap_or_default(),
        words.replace('\0', " ").trim_end()
    ))
}
