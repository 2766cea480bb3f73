//! Phone numbers: international ones (E.164) and the forms in which they are written in France.
//! A number is kept as it was written; one form for searching is made by `coffre_core::search`.

use thiserror::Error;

/// Why something is not a phone number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum PhoneFault {
    /// A character that no way of writing a number has.
    #[error("not a phone number: it holds something other than digits, spaces and . - / ( ) +")]
    Character,
    /// A French number that has not ten digits.
    #[error("not a phone number: a French one has ten digits and starts with 0, as in 06 39 98 12 34")]
    National,
    /// An international number of impossible length or country code.
    #[error("not a phone number: an international one has 7 to 15 digits after the +, as in +33 6 39 98 12 34")]
    International,
}

/// Whether a text is a phone number.
pub fn check(text: &str) -> Result<(), PhoneFault> {
    let text = text.trim();
    let digits = digits(text.strip_prefix('+').unwrap_or(text))?;
    let international = if text.starts_with('+') { Some(digits.as_str()) } else { digits.strip_prefix("00") };
    match international {
        Some(number) if is_international(number) => Ok(()),
        Some(_) => Err(PhoneFault::International),
        None if is_national(&digits) => Ok(()),
        None => Err(PhoneFault::National),
    }
}

fn digits(text: &str) -> Result<String, PhoneFault> {
    let separator = |c: char| c.is_whitespace() || ".-/()\u{2010}\u{2011}".contains(c);
    let digits: String = text.chars().filter(|c| !separator(*c)).collect();
    if digits.bytes().all(|byte| byte.is_ascii_digit()) { Ok(digits) } else { Err(PhoneFault::Character) }
}

fn is_national(digits: &str) -> bool {
    digits.len() == 10 && digits.starts_with('0') && !digits.starts_with("00")
}

/// Country code and number. A French one may keep its zero: «+33 (0)6 39 98 12 34».
fn is_international(number: &str) -> bool {
    match number.strip_prefix("33") {
        Some(french) => french.strip_prefix('0').unwrap_or(french).len() == 9,
        None => !number.starts_with('0') && (7..=15).contains(&number.len()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn every_way_to_write_a_number() {
        for text in [
            "06 39 98 12 34",
            "0639981234",
            "06.39.98.12.34",
            "06-39-98-12-34",
            "06/39/98/12/34",
            "+33 6 39 98 12 34",
            "+33 (0)6 39 98 12 34",
            "0033 6 39 98 12 34",
            " 06\u{a0}39\u{202f}98 12 34 ",
            "0690 12 34 56",
            "+590 690 12 34 56",
            "+32 470 12 34 56",
            "+1 202-555-0123",
        ] {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn not_numbers() {
        for (text, fault) in [
            ("", PhoneFault::National),
            ("06 39 98 12", PhoneFault::National),
            ("639981234", PhoneFault::National),
            ("06 39 98 12 34 56", PhoneFault::National),
            ("00", PhoneFault::International),
            ("+33 6 39 98 12", PhoneFault::International),
            ("+0 6 39 98 12 34", PhoneFault::International),
            ("+123", PhoneFault::International),
            ("+1234567890123456", PhoneFault::International),
            ("06 39 98 12 3O", PhoneFault::Character),
            ("06 39 98 12 34 ou 35", PhoneFault::Character),
            ("++33639981234", PhoneFault::Character),
            ("n.c.", PhoneFault::Character),
        ] {
            assert_eq!(check(text), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_has_as_many_digits_as_a_number_can(text in r"[+0-9 .()/-]{0,24}") {
            if check(&text).is_ok() {
                let digits = text.bytes().filter(u8::is_ascii_digit).count();
                prop_assert!((7..=17).contains(&digits));
            }
        }
    }
}
