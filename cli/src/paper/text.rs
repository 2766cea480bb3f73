//! A document as text of at most some hundred columns.

use std::fmt::Write as _;

use zeroize::Zeroizing;

use super::{Block, Paper};
use crate::language::Language;

const WIDTH: usize = 100;
const BLANK: &str = "______________________________";

pub(super) fn render(paper: &Paper) -> Zeroizing<String> {
    // Reserved at once: a text that grows leaves copies of itself behind.
    let mut text = Zeroizing::new(String::with_capacity(32 * 1024));
    if let Some(format) = paper.format {
        line(&mut text, format);
        text.push('\n');
    }
    line(&mut text, &paper.title);
    line(&mut text, &"=".repeat(paper.title.chars().count()));
    for block in &paper.blocks {
        text.push('\n');
        add(&mut text, block, paper.language);
    }
    text
}

fn line(text: &mut String, what: &str) {
    text.push_str(what);
    text.push('\n');
}

fn add(text: &mut String, block: &Block, language: Language) {
    match block {
        Block::Heading(heading) => {
            line(text, heading);
            line(text, &"-".repeat(heading.chars().count()));
        }
        Block::Text(paragraph) => wrapped(text, paragraph, "", ""),
        Block::Facts(facts) => {
            let colon = language.pick(" :", ":");
            let width = facts.iter().map(|(name, _)| name.chars().count()).max().unwrap_or_default() + 4;
            for (name, fact) in facts {
                let name = format!("{name}{colon}");
                let fact = if fact.is_empty() { BLANK } else { fact };
                line(text, &format!("{name:<width$}{fact}"));
            }
        }
        Block::Table { headings, rows } => {
            for row in rows {
                for (heading, cell) in headings.iter().zip(row) {
                    let cell = if cell.is_empty() { BLANK } else { cell };
                    line(text, &format!("{heading:<28}{cell}"));
                }
                text.push('\n');
            }
            text.pop();
        }
        Block::Code(lines) => {
            for (code, number) in lines.iter().zip(1..) {
                // Not through a text of its own: it is secret.
                let _infallible = writeln!(text, "{number}  {}", code.as_str());
            }
        }
        Block::Steps(steps) => {
            for (step, number) in steps.iter().zip(1..) {
                wrapped(text, &step.text, &format!("{number:>2}. "), "    ");
                for command in &step.commands {
                    line(text, &format!("      {command}"));
                }
            }
        }
        Block::Blanks(names) => names.iter().for_each(|name| line(text, &format!("{name:<28}{BLANK}"))),
        Block::File(file) => file.lines().for_each(|of_file| line(text, format!("      {of_file}").trim_end())),
    }
}

fn wrapped(text: &mut String, paragraph: &str, first: &str, further: &str) {
    let mut current = first.to_owned();
    let mut begun = false;
    for word in paragraph.split(' ') {
        if begun && current.chars().count() + 1 + word.chars().count() > WIDTH {
            line(text, &current);
            further.clone_into(&mut current);
            begun = false;
        }
        if begun {
            current.push(' ');
        }
        current.push_str(word);
        begun = true;
    }
    line(text, &current);
}
