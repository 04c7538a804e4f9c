//! On which line of a `config.json` a property stands, so that a report can point at it. Owns
//! that alone; what a property means is read elsewhere, from the parsed file.

use std::collections::BTreeMap;

/// Line of each property by its path, such as `linux.resources.memory.limit`, as far as no list
/// is on the way. The text has been parsed before: what is no JSON gives some lines or none.
#[must_use]
pub fn lines(text: &str) -> BTreeMap<String, u32> {
    let mut found = BTreeMap::new();
    // The key at hand of each object around; `None` for a list.
    let mut around: Vec<Option<String>> = Vec::new();
    let mut last: Option<(String, u32)> = None;
    let mut line = 1;
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '\n' => line += 1,
            '"' => {
                let mut word = String::new();
                while let Some(character) = characters.next() {
                    match character {
                        '"' => break,
                        // No property that is looked for has a character that JSON escapes.
                        '\\' => word.extend(characters.next()),
                        character => word.push(character),
                    }
                }
                last = Some((word, line));
            }
            ':' => {
                let Some((key, line)) = last.take() else {
                    continue;
                };
                if let Some(Some(at_hand)) = around.last_mut() {
                    *at_hand = key;
                    let keys: Option<Vec<&str>> = around.iter().map(Option::as_deref).collect();
                    if let Some(keys) = keys {
                        found.entry(keys.join(".")).or_insert(line);
                    }
                }
            }
            '{' => around.push(Some(String::new())),
            '[' => around.push(None),
            '}' | ']' => {
                around.pop();
            }
            _ => {}
        }
    }
    found
}

/// Where a property stands, or what it would stand in; the first line where not even that is
/// there.
#[must_use]
pub fn line_of(lines: &BTreeMap<String, u32>, property: &str) -> u32 {
    let mut path = property;
    loop {
        if let Some(line) = lines.get(path) {
            return *line;
        }
        match path.rsplit_once('.') {
            Some((outer, _)) => path = outer,
            None => return 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const CONFIG: &str = "{\n  \"hostname\": \"a:b\",\n  \"mounts\": [\n    {\"destination\": \"/x\"}\n  ],\n  \
        \"linux\": {\n    \"seccomp\": {},\n    \"resources\": {\n      \"memory\": {\n        \"limit\": 1\n}}}}";

    #[test]
    fn a_property_is_where_its_key_stands() {
        let lines = lines(CONFIG);
        for (property, line) in [
            ("hostname", 2),
            ("mounts", 3),
            ("linux", 6),
            ("linux.seccomp", 7),
            ("linux.resources.memory.limit", 10),
        ] {
            assert_eq!(line_of(&lines, property), line, "{property}");
        }
        assert!(
            !lines.contains_key("mounts.destination"),
            "lists are not entered"
        );
    }

    #[test]
    fn what_is_not_there_points_at_what_it_would_stand_in() {
        let lines = lines(CONFIG);
        assert_eq!(line_of(&lines, "linux.resources.pids.limit"), 8);
        assert_eq!(line_of(&lines, "process.capabilities"), 1);
        assert_eq!(line_of(&lines, ""), 1);
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[\\[\\]{}:,\"\\\\a\n]{0,60}") {
            let _ = line_of(&lines(&text), "a.a");
        }
    }
}
