//! Lists of processors as people write them. Owns their grammar.

/// More processors than any machine has: a range beyond is a mistake.
const MOST: u32 = 1 << 16;

/// `0-3,8`, ascending. `None` when it is not such a list.
pub(crate) fn cpu_list(text: &str) -> Option<Vec<u32>> {
    let mut cpus = Vec::new();
    for run in text.split(',') {
        let (first, last) = run.trim().split_once('-').unwrap_or((run.trim(), ""));
        let first: u32 = first.parse().ok()?;
        let last = if last.is_empty() {
            first
        } else {
            last.parse().ok()?
        };
        if first > last || last >= MOST {
            return None;
        }
        cpus.extend(first..=last);
    }
    cpus.sort_unstable();
    cpus.dedup();
    Some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_of_processors() {
        assert_eq!(cpu_list("0-2, 8"), Some(vec![0, 1, 2, 8]));
        assert_eq!(cpu_list("3,1,1"), Some(vec![1, 3]));
        for bad in ["", "a", "3-1", "0-99999999", "1,,2"] {
            assert_eq!(cpu_list(bad), None, "{bad}");
        }
    }
}
