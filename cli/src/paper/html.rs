//! A document as a page to print: whole in itself, black on white, and legible in a photocopy.

use maud::{DOCTYPE, Markup, PreEscaped, html};
use zeroize::Zeroizing;

use super::{Block, Paper};
use crate::language::Language;

const STYLE: &str = include_str!("paper.css");

pub(super) fn render(paper: &Paper) -> Zeroizing<String> {
    let page = html! {
        (DOCTYPE)
        html lang=(paper.language.pick("fr", "en")) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="robots" content="noindex";
                title { (paper.title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                h1 { (paper.title) }
                @for block in &paper.blocks { (part(block, paper.language)) }
            }
        }
    };
    Zeroizing::new(page.into_string())
}

fn part(block: &Block, language: Language) -> Markup {
    let colon = language.pick("\u{a0}:", ":");
    html! {
        @match block {
            Block::Heading(heading) => h2 { (heading) },
            Block::Text(paragraph) => p { (paragraph) },
            Block::Facts(facts) => dl { @for (name, fact) in facts {
                dt { (name) (colon) }
                // What is typed again is set so that each character can be told from every other.
                dd.exact[!fact.contains(' ')] { @if fact.is_empty() { span.blank {} } @else { (fact) } }
            } },
            Block::Table { headings, rows } => table {
                thead { tr { @for heading in headings { th scope="col" { (heading) } } } }
                tbody { @for row in rows { tr { @for cell in row { td.blank[cell.is_empty()] { (cell) } } } } }
            },
            Block::Code(lines) => ol.code { @for line in lines {
                li { @for group in line.split(' ') { span { (group) } " " } }
            } },
            Block::Steps(steps) => ol.steps { @for step in steps { li {
                (step.text)
                @if !step.commands.is_empty() { pre { (step.commands.join("\n")) } }
            } } },
            Block::Blanks(names) => dl { @for name in names { dt { (name) (colon) } dd { span.blank {} } } },
            Block::File(file) => pre { (file.trim_end()) },
        }
    }
}
