//! The story word for word, from fixed facts.

use std::path::Path;

use super::Teller;
use crate::demo::sample;
use crate::language::Language;

fn told(language: Language) -> String {
    let teller = Teller(language);
    let mut lines = vec![teller.opening()];
    lines.extend(teller.story(&sample::facts()).map(|line| line.to_string()));
    lines.push(teller.closing(Path::new("target/demo/index.html")));
    lines.join("\n")
}

#[test]
fn the_story_in_english() {
    insta::assert_snapshot!(told(Language::English));
}

#[test]
fn the_story_in_french() {
    insta::assert_snapshot!(told(Language::French));
}
