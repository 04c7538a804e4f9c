//! Text that others chose, made harmless for a terminal. Names of tasks and paths can hold any
//! byte: escape sequences would rewrite what was printed before.

/// Control characters and those that reorder or hide text become `\u{N}`.
pub(crate) fn escape(text: &str) -> String {
    if !text.chars().any(harmful) {
        return text.to_owned();
    }
    text.chars()
        .flat_map(|c| {
            let escaped = harmful(c).then(|| c.escape_unicode());
            let plain = escaped.is_none().then_some(c);
            escaped.into_iter().flatten().chain(plain)
        })
        .collect()
}

fn harmful(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_terminal_sequence_is_shown_and_not_obeyed() {
        assert_eq!(escape("a\x1b[2Jb"), "a\\u{1b}[2Jb");
        assert_eq!(escape("two\nlines"), "two\\u{a}lines");
        assert_eq!(
            escape("\u{9b}31m"),
            "\\u{9b}31m",
            "the one-byte form of the sequence"
        );
    }

    #[test]
    fn text_cannot_run_backwards() {
        assert_eq!(escape("\u{202e}txt.exe"), "\\u{202e}txt.exe");
    }

    #[test]
    fn letters_of_any_language_are_left_alone() {
        assert_eq!(escape("Größe 大きさ"), "Größe 大きさ");
    }
}
