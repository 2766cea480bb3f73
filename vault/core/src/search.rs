//! How search terms are brought into one form before they are blindly indexed: exact terms,
//! accent-blind names, and names by their French sound. Knows no key and no database.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::crypto::{Label, Scope};
use crate::record::{FieldPath, RecordTypeName};

/// How a field can be searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SearchKind {
    /// The whole value, without regard to case and surrounding or inner spaces.
    Exact,
    /// A telephone number, in whatever national or international form it is written.
    Phone,
    /// A name: without regard to accents, case and punctuation, or by its sound.
    Name,
}

/// A searchable field of a record type; the index has the field's name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchIndex {
    /// The record type.
    pub record_type: RecordTypeName,
    /// The field.
    pub field: FieldPath,
    /// How it is searched.
    pub kind: SearchKind,
}

/// A term as it is indexed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Term {
    /// The value in its one form.
    Written(String),
    /// A name's sound.
    Sound(String),
}

impl SearchIndex {
    /// The terms under which a value is found: none when it holds nothing to search.
    pub fn terms(&self, value: &str) -> Vec<Term> {
        let written = match self.kind {
            SearchKind::Exact => compact(value),
            SearchKind::Phone => phone(value),
            SearchKind::Name => letters(value),
        };
        if written.is_empty() {
            return Vec::new();
        }
        let mut terms = vec![Term::Written(written)];
        if self.kind == SearchKind::Name {
            let sound = sound(value);
            if !sound.is_empty() {
                terms.push(Term::Sound(sound));
            }
        }
        terms
    }

    /// The label of a term: what the blind index is the keyed hash of.
    pub fn label(&self, scope: &Scope, term: &Term) -> Label {
        let (form, text) = match term {
            Term::Written(text) => ("written", text),
            Term::Sound(text) => ("sound", text),
        };
        Label::new("coffre/v1/index", scope)
            .text(self.record_type.as_str())
            .text(self.field.as_str())
            .text(form)
            .text(text)
    }
}

/// Lower case, without accents (NFKD), ligatures written out.
fn folded(text: &str) -> String {
    let plain: String = text.nfkd().filter(|c| !is_combining_mark(*c)).flat_map(char::to_lowercase).collect();
    plain.replace('œ', "oe").replace('æ', "ae").replace('ß', "ss").replace('’', "'")
}

/// A text in lower case, without accents and spaces: what is found by its whole value is the same in this form.
pub fn compact(text: &str) -> String {
    folded(text).split_whitespace().collect()
}

/// A text's letters and digits alone, in lower case and without accents: what two spellings of one thing have in common.
pub fn letters(name: &str) -> String {
    folded(name).chars().map(without_stroke).filter(char::is_ascii_alphanumeric).collect()
}

/// What is written for a letter that is no accented one, where a keyboard lacks it: Sørensen, Łukasz, Yıldız.
const fn without_stroke(letter: char) -> char {
    match letter {
        'ø' => 'o',
        'ł' => 'l',
        'đ' | 'ð' => 'd',
        'ı' => 'i',
        'ħ' => 'h',
        other => other,
    }
}

/// A text's words in lower case and without accents.
pub fn words(text: &str) -> Vec<String> {
    let folded = folded(text);
    folded.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).map(str::to_owned).collect()
}

/// A number in international form without signs: `06 39 98 12 34`, `+33 6 39 98 12 34` and `0033 (0)6 39 98 12 34`
/// are one, and so are `0690 12 34 56` and `+590 690 12 34 56`.
pub fn phone(text: &str) -> String {
    let dialled = digits(text);
    let abroad = without_trunk_zero(text);
    if text.trim_start().starts_with('+') {
        international(&abroad)
    } else if dialled.starts_with("00") {
        international(abroad.strip_prefix("00").unwrap_or(&abroad))
    } else if let Some(rest) = dialled.strip_prefix('0') {
        format!("33{rest}")
    } else {
        dialled
    }
}

fn digits(text: &str) -> String {
    text.chars().filter(char::is_ascii_digit).collect()
}

/// The digits without a zero in brackets, which is dialled within a country only: «+33 (0)6 …», «+44 (0)20 …».
fn without_trunk_zero(text: &str) -> String {
    let close: String = text.split_whitespace().collect();
    digits(&close.replace("(0)", ""))
}

/// Country codes of French territories overseas whose numbers are dialled within France like any other.
const OVERSEAS: [&str; 4] = ["262", "590", "594", "596"];
/// Saint-Pierre-et-Miquelon, whose code is the beginning of its numbers.
const SAINT_PIERRE: &str = "508";

/// A country code and what follows it. A French number never goes on with a zero: where one stands, it is that of the
/// national form. One from overseas is the French number that is dialled within France.
fn international(number: &str) -> String {
    let of_nine = |rest: &&str| rest.len() == 9;
    let overseas = OVERSEAS.iter().find_map(|code| number.strip_prefix(code));
    if let Some(rest) = number.strip_prefix("330") {
        format!("33{rest}")
    } else if let Some(national) = overseas.map(|rest| rest.strip_prefix('0').unwrap_or(rest)).filter(of_nine) {
        format!("33{national}")
    } else if number.starts_with(SAINT_PIERRE) && number.len() == 9 {
        format!("33{number}")
    } else {
        number.to_owned()
    }
}

/// Spellings that sound alike in French surnames, replaced in this order, longest first where one
/// holds another. After F. Brouard's Phonex, reduced to what keeps homonyms together.
const SOUNDS: &[(&str, &str)] = &[
    ("ph", "f"),
    ("sch", "ch"),
    ("ch", "1"), // a sound of its own, kept from the rules on c and h
    ("gn", "2"),
    ("bv", "v"),
    ("bf", "f"),
    ("eaux", "o"),
    ("eau", "o"),
    ("aux", "o"),
    ("aud", "o"),
    ("ault", "o"),
    ("au", "o"),
    ("oeu", "e"),
    ("oe", "e"),
    ("eu", "e"),
    ("ou", "u"),
    ("ain", "3"),
    ("ein", "3"),
    ("in", "3"),
    ("yn", "3"),
    ("im", "3"),
    ("an", "4"),
    ("am", "4"),
    ("en", "4"),
    ("em", "4"),
    ("on", "5"),
    ("om", "5"),
    ("un", "3"),
    ("ai", "e"),
    ("ei", "e"),
    ("ay", "e"),
    ("ey", "e"),
    ("oi", "6"),
    ("oy", "6"),
    ("gue", "ge"),
    ("gui", "gi"),
    ("qu", "k"),
    ("q", "k"),
    ("ck", "k"),
    ("ce", "se"),
    ("ci", "si"),
    ("cy", "si"),
    ("c", "k"),
    ("ge", "je"),
    ("gi", "ji"),
    ("gy", "ji"),
    ("y", "i"),
    ("w", "v"),
    ("z", "s"),
    ("x", "s"),
    ("h", ""),
];

/// A surname's French sound: names that are often mistaken for each other have the same.
pub fn sound(name: &str) -> String {
    let mut text = letters(name);
    text.retain(|c| c.is_ascii_alphabetic());
    for (spelling, heard) in SOUNDS {
        // Most are not there: no copy is made for them.
        if text.contains(spelling) {
            text = nasal_aware(&text, spelling, heard);
        }
    }
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !out.ends_with(c) {
            out.push(c);
        }
    }
    // Silent endings, as in Dupont, Petit, Legros; never down to nothing.
    while out.len() > 2 && out.ends_with(['e', 's', 't', 'd', 'p']) {
        out.pop();
    }
    out
}

/// Replaces a spelling; a nasal one only where no vowel or doubled consonant follows (Simon, Anne).
fn nasal_aware(text: &str, spelling: &str, heard: &str) -> String {
    let nasal = matches!(heard, "3" | "4" | "5");
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(spelling) {
        out.push_str(before);
        let spoken = nasal && after.starts_with(['a', 'e', 'i', 'o', 'u', 'y', 'n', 'm', 'h']);
        out.push_str(if spoken { spelling } else { heard });
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn index(kind: SearchKind) -> SearchIndex {
        SearchIndex {
            record_type: "policyholder".parse().unwrap(),
            field: "contact.family_name".parse().unwrap(),
            kind,
        }
    }

    #[test]
    fn names_that_sound_alike_meet() {
        for (a, b) in [
            ("Lefèvre", "LEFEBVRE"),
            ("Lefebvre", "lefevre"),
            ("Dupont", "Dupond"),
            ("Gauthier", "Gautier"),
            ("Mathieu", "Matthieu"),
            ("Philippe", "Filipe"),
            ("Renault", "Renaud"),
            ("Petit", "Petits"),
            ("Faure", "Faur"),
            ("Moreau", "Moraux"),
            ("Thibault", "Thibaud"),
            ("Clément", "Clemant"),
            ("Le Goff", "Legoff"),
            ("d’Aubigné", "Daubigne"),
            ("Schmitt", "Schmit"),
            ("Jacquet", "Jaquet"),
        ] {
            assert_eq!(sound(a), sound(b), "{a} and {b}");
        }
    }

    #[test]
    fn names_that_differ_stay_apart() {
        for (a, b) in
            [("Martin", "Marchand"), ("Simon", "Salmon"), ("Bernard", "Renard"), ("Roux", "Rey"), ("Anne", "Aimé")]
        {
            assert_ne!(sound(a), sound(b), "{a} and {b}");
        }
    }

    #[test]
    fn written_forms() {
        let written = |kind, text: &str| index(kind).terms(text).into_iter().next();
        assert_eq!(written(SearchKind::Exact, " Anne@Example.FR "), Some(Term::Written("anne@example.fr".into())));
        assert_eq!(written(SearchKind::Name, "Œuvré-d’Hôtel"), Some(Term::Written("oeuvredhotel".into())));
        assert_eq!(written(SearchKind::Name, " - "), None);
        for (name, typed) in
            [("Sørensen", "SORENSEN"), ("ŁUKASZ", "Lukasz"), ("Yıldız", "YILDIZ"), ("Đorđević", "Dordevic")]
        {
            assert_eq!(written(SearchKind::Name, name), written(SearchKind::Name, typed), "{name}");
        }
    }

    #[test]
    fn a_telephone_number_is_one_however_it_is_written() {
        let french = [
            "06 39 98 12 34",
            "0639981234",
            "(0)6 39 98 12 34",
            "+33 6 39 98 12 34",
            "+33639981234",
            "+33 06 39 98 12 34",
            "+33 (0)6 39 98 12 34",
            " +33\u{a0}(0)\u{202f}6.39.98.12.34 ",
            "0033639981234",
            "0033 6 39 98 12 34",
            "0033 06 39 98 12 34",
            "0033 (0)6 39 98 12 34",
            "00 33 ( 0 ) 6-39-98-12-34",
        ];
        let british = [
            "+44 20 7946 0018",
            "+442079460018",
            "+44 (0)20 7946 0018",
            "+44(0) 20 7946-0018",
            "0044 20 7946 0018",
            "00442079460018",
            "0044 (0)20 7946 0018",
        ];
        for (number, ways) in [("33639981234", french.as_slice()), ("442079460018", british.as_slice())] {
            for text in ways {
                assert_eq!(index(SearchKind::Phone).terms(text), [Term::Written(number.into())], "{text}");
            }
        }
    }

    #[test]
    fn a_number_from_overseas_is_the_one_that_is_dialled_within_france() {
        for (national, abroad) in [
            ("0690 12 34 56", "+590 690 12 34 56"),
            ("0590 12 34 56", "+590 (0)590 12 34 56"),
            ("0692 12 34 56", "00262 692 12 34 56"),
            ("0694 12 34 56", "+594 0694 12 34 56"),
            ("0696 12 34 56", "+596696123456"),
            ("0508 41 12 34", "+508 41 12 34"),
        ] {
            assert_eq!(phone(national), phone(abroad), "{national} and {abroad}");
        }
    }

    #[test]
    fn telephone_numbers_that_differ_stay_apart() {
        for (a, b) in [
            ("0690 12 34 56", "+687 12 34 56"),
            ("+590 690 12 34 56", "+594 694 12 34 56"),
            ("+39 06 1234 5678", "+39 6 1234 5678"),
            ("0044 20 7946 0018", "020 7946 0018"),
            ("+33 6 39 98 12 30", "+33 6 39 98 12 34"),
        ] {
            assert_ne!(phone(a), phone(b), "{a} and {b}");
        }
    }
}
