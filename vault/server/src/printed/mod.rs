//! Pages that are printed and sent to a person, in French or English. Pure functions of what was disclosed; they
//! escape everything and load nothing. Nothing here looks at the vault or knows HTTP.

mod access;
mod letter;
mod words;

use std::str::FromStr;

use coffre_core::day::Day;
use coffre_policies::Period;
use maud::{DOCTYPE, Markup, PreEscaped, html};

pub(crate) use access::access;
pub(crate) use letter::letter;

/// The language of a page.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Language {
    French,
    English,
}

impl FromStr for Language {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        match text {
            "fr" => Ok(Self::French),
            "en" => Ok(Self::English),
            _ => Err(()),
        }
    }
}

impl Language {
    const fn code(self) -> &'static str {
        self.pick("fr", "en")
    }

    const fn pick<'t>(self, french: &'t str, english: &'t str) -> &'t str {
        match self {
            Self::French => french,
            Self::English => english,
        }
    }

    /// A duration, in words.
    fn period(self, period: Period) -> String {
        let Period { years, months, days } = period;
        let words = [
            (years, ("an", "ans"), ("year", "years")),
            (months, ("mois", "mois"), ("month", "months")),
            (days, ("jour", "jours"), ("day", "days")),
        ];
        let word = |(count, french, english): (u16, (&'static str, &'static str), (&'static str, &'static str))| {
            let (one, many) = if self == Self::French { french } else { english };
            format!("{count} {}", if count == 1 { one } else { many })
        };
        let said: Vec<String> = words.into_iter().filter(|(count, ..)| *count > 0).map(word).collect();
        said.join(self.pick(" et ", " and "))
    }

    /// A day, in words.
    fn day(self, day: Day) -> String {
        const MONTHS: [(&str, &str); 12] = [
            ("janvier", "January"),
            ("février", "February"),
            ("mars", "March"),
            ("avril", "April"),
            ("mai", "May"),
            ("juin", "June"),
            ("juillet", "July"),
            ("août", "August"),
            ("septembre", "September"),
            ("octobre", "October"),
            ("novembre", "November"),
            ("décembre", "December"),
        ];
        let (day, month, year) = day.parts();
        let (french, english) = MONTHS.get(usize::from(month.saturating_sub(1))).copied().unwrap_or_default();
        match self {
            Self::French if day == 1 => format!("1er {french} {year}"),
            Self::French => format!("{day} {french} {year}"),
            Self::English => format!("{day} {english} {year}"),
        }
    }
}

/// Space above for the house's letterhead, and nothing that a printer would fetch.
const STYLE: &str = "@page{size:A4;margin:25mm 22mm}body{font:11pt/1.45 serif;max-width:42em;margin:5em auto 3em;padding:0 1em}\
h1{font-size:14pt;margin:2em 0 1em}h2{font-size:12pt;margin:1.6em 0 .5em}.to{margin-left:55%}.ref{color:#444;font-size:9.5pt}\
blockquote{margin:1em 0;padding-left:1em;border-left:2px solid #999;white-space:pre-line}table{border-collapse:collapse;width:100%}\
td,th{border-bottom:1px solid #ccc;padding:.25em .6em .25em 0;text-align:left;vertical-align:top}\
@media print{body{margin:0;max-width:none;padding:0}}";

fn document(language: Language, title: &str, body: &Markup) -> String {
    let page = html! {
        (DOCTYPE)
        html lang=(language.code()) {
            head {
                meta charset="utf-8";
                meta name="robots" content="noindex";
                title { (title) }
                style { (PreEscaped(STYLE)) }
            }
            body { (body) }
        }
    };
    page.into_string()
}
