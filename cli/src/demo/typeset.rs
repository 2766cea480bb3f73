//! Typography: sources hold straight apostrophes and ordinary spaces; readers get curved ones between letters, and in
//! French the spaces that never break a line before `:`, `;`, `!`, `?`, `%` and inside guillemets. Knows nothing of what
//! the text says.

use super::figures::{FIRM, THIN};
use crate::language::Language;

/// The text as it is set in a language.
pub(crate) fn set(language: Language, text: &str) -> String {
    let mut set = String::with_capacity(text.len() + 8);
    let mut characters = text.chars().peekable();
    let mut before = ' ';
    while let Some(character) = characters.next() {
        let after = characters.peek().copied().unwrap_or(' ');
        set.push(match (character, after) {
            ('\'', _) if before.is_alphabetic() && (after.is_alphabetic() || after == '«') => '’',
            (' ', ':' | '»' | '%') if language == Language::French => FIRM,
            (' ', ';' | '!' | '?') if language == Language::French => THIN,
            (' ', _) if before == '«' || before == 'º' => FIRM,
            (other, _) => other,
        });
        before = character;
    }
    set
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn french_spaces_before_high_punctuation_do_not_break() {
        let set = |text| set(Language::French, text);
        assert_eq!(set("« Qui ? » : 3 % ; non !"), "«\u{a0}Qui\u{202f}?\u{a0}»\u{a0}: 3\u{a0}%\u{202f}; non\u{202f}!");
        assert_eq!(set("à 15:32, rien"), "à 15:32, rien");
    }

    #[test]
    fn apostrophes_are_curved_between_letters_only() {
        assert_eq!(set(Language::French, "l'empreinte"), "l’empreinte");
        assert_eq!(set(Language::English, "person's 'word' ?"), "person’s 'word' ?");
    }
}
