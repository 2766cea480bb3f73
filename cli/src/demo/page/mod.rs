//! The page that the demonstration leaves: one self-contained file for Legal, the DPO and IT. A pure function of the
//! facts; escapes everything, loads nothing.

mod chart;
mod dpo;
mod it;
mod legal;
mod parts;
mod summary;
#[cfg(test)]
mod tests;
mod voice;

use maud::{DOCTYPE, Markup, PreEscaped, html};

use super::facts::Facts;
use crate::language::Language;
use voice::Voice;

const STYLE: &str = include_str!("style.css");

/// The whole document.
pub(crate) fn page(facts: &Facts, language: Language) -> String {
    let voice = Voice(language);
    document(voice, facts).into_string()
}

fn document(voice: Voice, facts: &Facts) -> Markup {
    let title = voice.say("Coffre : compte rendu de démonstration", "Coffre: report of a demonstration");
    html! {
        (DOCTYPE)
        html lang=(voice.code()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="light dark";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body {
                (summary::header(voice, facts))
                main {
                    (summary::figures(voice, facts))
                    (summary::story(voice, facts))
                    (legal::section(voice, facts))
                    (dpo::section(voice, facts))
                    (it::section(voice, facts))
                    (summary::terms(voice))
                }
                (summary::footer(voice, facts))
            }
        }
    }
}
