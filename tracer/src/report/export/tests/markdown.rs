//! Markdown, read back as GitHub reads it.

use pulldown_cmark::{Event, Options, Parser, Tag};

use super::*;

#[test]
fn a_failing_run_as_markdown() {
    insta::assert_snapshot!(of(Export::Markdown, &spoilt_run()));
}

#[test]
fn hostile_names_as_markdown() {
    insta::assert_snapshot!(of(Export::Markdown, &hostile_view()));
}

#[test]
fn a_hostile_name_stays_text_in_its_cell() {
    let text = of(Export::Markdown, &hostile_view());
    let mut cells = Vec::new();
    for event in Parser::new_ext(&text, Options::ENABLE_TABLES) {
        match event {
            Event::Html(html) | Event::InlineHtml(html) => {
                assert!(!html.contains("<script"), "{html}");
            }
            Event::Start(Tag::Link { .. } | Tag::Image { .. } | Tag::BlockQuote(_)) => {
                panic!("a name is a link, an image or a quotation")
            }
            Event::Start(Tag::TableRow | Tag::TableHead) => cells.push(0),
            Event::Start(Tag::TableCell) => *cells.last_mut().expect("in a row") += 1,
            Event::Code(code) => {
                // What pulldown gives is what a browser shows.
                assert!(!code.contains("&lt;"), "{code}");
            }
            _ => {}
        }
    }
    assert!(
        cells.iter().all(|count| [5, 7].contains(count)),
        "{cells:?}"
    );
}

#[test]
fn the_short_table_comes_first() {
    let text = of(Export::Markdown, &hostile_view());
    let first = text.lines().nth(2).expect("a third line");
    assert!(first.starts_with("| container |"), "{first}");
    assert!(text.find("<details>") > text.find("**Not passed"));
}
