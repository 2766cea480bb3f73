//! Dates as legacy applications write them: `JJ/MM/AAAA`, `AAAAMMJJ`, `YYYY-MM-DD`…
//! Whether a day exists is for `coffre_policies` to say.

use coffre_policies::values::date::{self, DateFault};
use thiserror::Error;

/// A part of a date's form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Part {
    Year,
    Month,
    Day,
    Mark(char),
}

impl Part {
    const fn width(self) -> usize {
        match self {
            Self::Year => 4,
            Self::Month | Self::Day => 2,
            Self::Mark(_) => 1,
        }
    }
}

/// The form in which a column writes dates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct DateForm(Vec<Part>);

/// A form that says no date.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "{form:?} is not a form of dates: write JJ (or DD), MM and AAAA (or YYYY) once each, with marks such as / between them"
)]
pub struct DateFormError {
    form: String,
}

impl DateForm {
    /// The form that a text such as `JJ/MM/AAAA` describes.
    pub(crate) fn parse(form: &str) -> Result<Self, DateFormError> {
        let wrong = || DateFormError { form: form.to_owned() };
        let mut parts = Vec::new();
        let mut rest = form;
        while let Some(first) = rest.chars().next() {
            let (part, after) = if let Some(after) = strip_any(rest, &["AAAA", "YYYY"]) {
                (Part::Year, after)
            } else if let Some(after) = strip_any(rest, &["MM"]) {
                (Part::Month, after)
            } else if let Some(after) = strip_any(rest, &["JJ", "DD"]) {
                (Part::Day, after)
            } else if first.is_alphanumeric() {
                return Err(wrong());
            } else {
                (Part::Mark(first), rest.strip_prefix(first).unwrap_or_default())
            };
            parts.push(part);
            rest = after;
        }
        let once = |part: Part| parts.iter().filter(|p| **p == part).count() == 1;
        if once(Part::Year) && once(Part::Month) && once(Part::Day) { Ok(Self(parts)) } else { Err(wrong()) }
    }

    /// The date of a text in this form, as records hold dates.
    pub(crate) fn read(&self, text: &str) -> Result<String, DateFault> {
        let (mut year, mut month, mut day) = (0, 0, 0);
        let mut rest = text;
        for part in &self.0 {
            let (head, tail) = split(rest, *part).ok_or(DateFault::Form)?;
            rest = tail;
            match part {
                Part::Mark(mark) if head.starts_with(*mark) => {}
                Part::Mark(_) => return Err(DateFault::Form),
                Part::Year => year = number(head)?,
                Part::Month => month = number(head)?,
                Part::Day => day = number(head)?,
            }
        }
        if !rest.is_empty() {
            return Err(DateFault::Form);
        }
        let small = |n: u16| u8::try_from(n).map_err(|_| DateFault::Impossible);
        date::of(i32::from(year), small(month)?, small(day)?).map(date::iso)
    }

    /// Whether dates of this form are digits only, so that they may be stored as numbers.
    pub(crate) fn is_digits(&self) -> bool {
        !self.0.iter().any(|part| matches!(part, Part::Mark(_)))
    }

    /// How many characters a date of this form has.
    pub(crate) fn width(&self) -> usize {
        self.0.iter().map(|part| part.width()).sum()
    }
}

fn strip_any<'a>(text: &'a str, prefixes: &[&str]) -> Option<&'a str> {
    prefixes.iter().find_map(|prefix| text.strip_prefix(prefix))
}

fn split(text: &str, part: Part) -> Option<(&str, &str)> {
    match part {
        Part::Mark(_) => text.chars().next().and_then(|c| text.split_at_checked(c.len_utf8())),
        _ => text.split_at_checked(part.width()),
    }
}

fn number(digits: &str) -> Result<u16, DateFault> {
    if digits.bytes().all(|b| b.is_ascii_digit()) {
        digits.parse().map_err(|_| DateFault::Form)
    } else {
        Err(DateFault::Form)
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn forms_of_the_old_applications() {
        for (form, text) in [
            ("JJ/MM/AAAA", "29/02/1984"),
            ("AAAAMMJJ", "19840229"),
            ("YYYY-MM-DD", "1984-02-29"),
            ("DD.MM.YYYY", "29.02.1984"),
            ("JJ·MM·AAAA", "29·02·1984"),
        ] {
            assert_eq!(DateForm::parse(form).unwrap().read(text), Ok("1984-02-29".to_owned()), "{form}");
        }
    }

    #[test]
    fn what_is_no_date_of_the_form() {
        let form = DateForm::parse("JJ/MM/AAAA").unwrap();
        for text in ["31/02/1984", "29/02/1983", "00/01/1984", "01/13/1984"] {
            assert_eq!(form.read(text), Err(DateFault::Impossible), "{text}");
        }
        for text in ["", "1/2/1984", "29-02-1984", "29/02/84", "29/02/1984 ", "+9/02/1984", "é/02/1984", "29/02/198é"]
        {
            assert_eq!(form.read(text), Err(DateFault::Form), "{text}");
        }
        assert_eq!(form.read("01/01/0001"), Err(DateFault::Range));
    }

    #[test]
    fn forms_that_say_no_date() {
        for form in ["", "JJ/MM", "JJ/MM/AA", "JJ/MM/AAAA/JJ", "jj/mm/aaaa", "AAAAMMJJHH"] {
            assert!(DateForm::parse(form).is_err(), "{form}");
        }
    }

    proptest! {
        #[test]
        fn every_day_is_read_back_from_every_form(year in 1850_i32..=9999, month in 1_u8..=12, day in 1_u8..=28, form in 0_usize..3) {
            let (form, text) = [
                ("JJ/MM/AAAA", format!("{day:02}/{month:02}/{year:04}")),
                ("AAAAMMJJ", format!("{year:04}{month:02}{day:02}")),
                ("MM-DD-YYYY", format!("{month:02}-{day:02}-{year:04}")),
            ][form].clone();
            prop_assert_eq!(DateForm::parse(form).unwrap().read(&text), Ok(format!("{year:04}-{month:02}-{day:02}")));
        }

        #[test]
        fn any_text_is_judged_without_panic(text in ".{0,12}") {
            let form = DateForm::parse("JJ/MM/AAAA").unwrap();
            if let Ok(iso) = form.read(&text) {
                prop_assert_eq!(iso.len(), 10);
            }
        }
    }
}
