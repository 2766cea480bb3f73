//! The page as a document: complete, well-formed, self-contained, and nothing in it is markup that came from data.

use super::page;
use crate::demo::sample;
use crate::language::Language;

/// Elements that have no end.
const VOID: [&str; 3] = ["meta", "br", "wbr"];

/// Every start tag, without its attributes.
fn tags(html: &str) -> impl Iterator<Item = &str> {
    html.split('<').skip(1).filter_map(|piece| piece.split(['>', ' ', '\n']).next())
}

#[test]
fn every_element_is_closed_in_its_place() {
    for language in [Language::French, Language::English] {
        let html = page(&sample::facts(), language);
        let mut open = Vec::new();
        for tag in tags(&html).filter(|tag| !tag.starts_with('!')) {
            match tag.strip_prefix('/') {
                Some(ended) => assert_eq!(open.pop(), Some(ended), "out of place"),
                None if VOID.contains(&tag) => {}
                None => open.push(tag),
            }
        }
        assert!(open.is_empty(), "not closed: {open:?}");
    }
}

#[test]
fn what_comes_from_data_is_text() {
    let html = page(&sample::facts(), Language::French);
    assert!(!html.contains("<script"), "the name in the contract");
    assert!(html.contains("&lt;script&gt;alert(1)&lt;/script&gt; &amp; fils"));
}

#[test]
fn nothing_is_loaded_from_elsewhere() {
    let html = page(&sample::facts(), Language::English);
    for reference in ["src=", "url(", "@import", "http://", "https://", "<link", "<iframe"] {
        assert!(!html.contains(reference), "{reference}");
    }
}

#[test]
fn both_languages_have_the_three_parts_and_say_that_nobody_exists() {
    for (language, code, fictitious) in
        [(Language::French, "fr", "Données fictives."), (Language::English, "en", "Fictitious data.")]
    {
        let html = page(&sample::facts(), language);
        assert!(html.contains(&format!("<html lang=\"{code}\">")));
        assert!(html.contains(fictitious));
        for part in ["legal", "dpo", "it"] {
            assert!(html.contains(&format!("id=\"{part}\"")), "{part}");
        }
        assert_eq!(tags(&html).filter(|tag| *tag == "h1").count(), 1);
        let cells = tags(&html).filter(|tag| *tag == "th").count();
        assert_eq!(html.matches("scope=").count(), cells, "every heading of a table says what it heads");
    }
}
