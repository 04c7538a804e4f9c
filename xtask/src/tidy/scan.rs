//! Splits Rust source into code and comments, line by line and column by column, so that rules
//! neither trip over words in texts nor miss them in code. Owns just enough of the grammar for
//! that: comments, literals, lifetimes.

/// A source file taken apart. `code` and `comments` have the same lines as the text.
pub struct Source {
    code: Vec<String>,
    comments: Vec<String>,
}

/// A word or a single other character of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token<'a> {
    pub text: &'a str,
    /// Counted from zero.
    pub line: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Code,
    Comment,
    /// Of a literal; kept as quotes, so that its lines count but its words do not.
    Text,
}

impl Source {
    pub fn new(text: &str) -> Self {
        let parts = classify(text);
        let pick = |part: Part, filler: fn(Part) -> char| -> Vec<String> {
            let chosen: String = text
                .chars()
                .zip(&parts)
                .map(|(character, its)| match (character, *its) {
                    ('\n', _) => '\n',
                    (_, its) if its == part => character,
                    (_, its) => filler(its),
                })
                .collect();
            chosen.lines().map(str::to_owned).collect()
        };
        let code = pick(
            Part::Code,
            |part| if part == Part::Text { '"' } else { ' ' },
        );
        Self {
            code,
            comments: pick(Part::Comment, |_| ' '),
        }
    }

    /// Code of each line, comments blanked, contents of literals replaced.
    pub fn code(&self) -> &[String] {
        &self.code
    }

    /// Comments of each line, the rest blanked.
    pub fn comments(&self) -> &[String] {
        &self.comments
    }

    pub fn tokens(&self) -> Vec<Token<'_>> {
        let lines = self.code.iter().enumerate();
        lines
            .flat_map(|(line, code)| words(code).map(move |text| Token { text, line }))
            .collect()
    }
}

fn words(code: &str) -> impl Iterator<Item = &str> {
    let mut rest = code;
    std::iter::from_fn(move || {
        rest = rest
            .trim_start_matches(|character: char| character.is_whitespace() || character == '"');
        let first = rest.chars().next()?;
        let end = if is_word(first) {
            rest.find(|character| !is_word(character))
                .unwrap_or(rest.len())
        } else {
            first.len_utf8()
        };
        let (word, after) = rest.split_at(end);
        rest = after;
        Some(word)
    })
}

fn is_word(character: char) -> bool {
    character.is_alphanumeric() || character == '_'
}

/// What each character of the text belongs to.
fn classify(text: &str) -> Vec<Part> {
    let characters: Vec<char> = text.chars().collect();
    let mut parts = Vec::with_capacity(characters.len());
    while let Some(rest) = characters
        .get(parts.len()..)
        .filter(|rest| !rest.is_empty())
    {
        let after_word = characters[..parts.len()]
            .last()
            .is_some_and(|last| is_word(*last));
        let (part, length) = next(rest, after_word);
        parts.extend(std::iter::repeat_n(part, length.clamp(1, rest.len())));
    }
    parts
}

/// The part that `rest` begins with, and its length in characters.
fn next(rest: &[char], after_word: bool) -> (Part, usize) {
    match rest {
        ['/', '/', ..] => (Part::Comment, line_length(rest)),
        ['/', '*', ..] => (Part::Comment, block_length(rest)),
        ['"', ..] => (Part::Text, quoted_length(rest, '"')),
        ['\'', '\\', ..] | ['\'', _, '\'', ..] => (Part::Text, quoted_length(rest, '\'')),
        ['r', '"' | '#', ..] if !after_word => raw(rest, 1),
        ['b' | 'c', 'r', '"' | '#', ..] if !after_word => raw(rest, 2),
        _ => (Part::Code, 1),
    }
}

fn line_length(rest: &[char]) -> usize {
    rest.iter()
        .position(|character| *character == '\n')
        .unwrap_or(rest.len())
}

/// Block comments nest.
fn block_length(rest: &[char]) -> usize {
    let (mut at, mut depth) = (0, 0_usize);
    while at < rest.len() {
        match rest[at..] {
            ['/', '*', ..] => (depth, at) = (depth + 1, at + 2),
            ['*', '/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

fn quoted_length(rest: &[char], quote: char) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            '\\' => at += 2,
            character if character == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// A raw string after `prefix` characters, or code: `r#type` is a word.
fn raw(rest: &[char], prefix: usize) -> (Part, usize) {
    let hashes = rest[prefix..]
        .iter()
        .take_while(|character| **character == '#')
        .count();
    let start = prefix + hashes + 1;
    if rest.get(start - 1) != Some(&'"') {
        return (Part::Code, 1);
    }
    let is_end = |at: usize| {
        rest[at] == '"'
            && rest[at + 1..]
                .iter()
                .take(hashes)
                .filter(|c| **c == '#')
                .count()
                == hashes
    };
    let length = (start..rest.len())
        .find(|at| is_end(*at))
        .map_or(rest.len(), |at| at + 1 + hashes);
    (Part::Text, length)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<String> {
        Source::new(text)
            .tokens()
            .iter()
            .map(|token| token.text.to_owned())
            .collect()
    }

    #[test]
    fn words_in_comments_and_texts_are_not_code() {
        let text = "a // unsafe\n/* unsafe /* b */ unsafe */ c \"unsafe \\\" unsafe\" d";
        assert_eq!(tokens(text), ["a", "c", "d"]);
    }

    #[test]
    fn raw_texts_end_only_at_their_own_number_of_hashes() {
        assert_eq!(tokens("a r#\" unsafe \" unsafe \"# b"), ["a", "b"]);
        assert_eq!(tokens("a br\" unsafe \\\" b"), ["a", "b"]);
        assert_eq!(tokens("r#type x"), ["r", "#", "type", "x"]);
    }

    #[test]
    fn a_quote_opens_a_character_or_names_a_lifetime() {
        assert_eq!(tokens("a '\"' b"), ["a", "b"]);
        assert_eq!(tokens(r"a '\'' b"), ["a", "b"]);
        assert_eq!(tokens("fn f<'a>(x: &'a str)").len(), 14);
    }

    #[test]
    fn lines_of_a_long_text_count_as_code_but_its_words_do_not() {
        let source = Source::new("let a = \"one\ntwo\";\n// three\n");
        assert_eq!(
            source
                .code()
                .iter()
                .filter(|line| !line.trim().is_empty())
                .count(),
            2
        );
        assert_eq!(source.comments()[2], "// three");
    }

    #[test]
    fn an_unfinished_literal_or_comment_reaches_to_the_end() {
        assert_eq!(tokens("a \"b"), ["a"]);
        assert_eq!(tokens("a /* b"), ["a"]);
        assert_eq!(tokens("a r#\"b"), ["a"]);
        assert_eq!(tokens(r"a '\"), ["a"]);
    }
}
