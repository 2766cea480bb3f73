//! E-mail addresses as people have them: the addr-spec of RFC 5321 without quoted local parts and
//! address literals, with the letters of RFC 6531. Says nothing about whether mail would arrive.

use thiserror::Error;

/// Why something is not an e-mail address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum EmailFault {
    /// Not exactly one `@`.
    #[error("not an e-mail address: expected exactly one @, as in name@example.fr")]
    At,
    /// What stands before the `@` cannot.
    #[error("not an e-mail address: the part before the @ is empty, too long or holds a character that it cannot")]
    Local,
    /// What stands after the `@` is no domain name.
    #[error("not an e-mail address: the part after the @ is not a domain name such as example.fr")]
    Domain,
    /// Longer than mail servers carry.
    #[error("an e-mail address longer than the {MAX_LENGTH} bytes that mail servers accept")]
    Long,
}

/// The longest address in bytes (RFC 5321, 4.5.3.1.3, less the angle brackets).
pub const MAX_LENGTH: usize = 254;

/// Whether a text is an e-mail address.
pub fn check(text: &str) -> Result<(), EmailFault> {
    let Some((local, domain)) = text.split_once('@') else { return Err(EmailFault::At) };
    if domain.contains('@') {
        Err(EmailFault::At)
    } else if !is_local_part(local) {
        Err(EmailFault::Local)
    } else if !is_domain(domain) {
        Err(EmailFault::Domain)
    } else if text.len() > MAX_LENGTH {
        Err(EmailFault::Long)
    } else {
        Ok(())
    }
}

fn is_local_part(text: &str) -> bool {
    text.len() <= 64 && text.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom_character))
}

fn is_atom_character(c: char) -> bool {
    c.is_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(c)
}

fn is_domain(text: &str) -> bool {
    let last = text.rsplit('.').next().unwrap_or_default();
    text.contains('.') && text.split('.').all(is_domain_label) && !last.chars().all(|c| c.is_ascii_digit())
}

fn is_domain_label(text: &str) -> bool {
    (1..=63).contains(&text.len())
        && !text.starts_with('-')
        && !text.ends_with('-')
        && text.chars().all(|c| c.is_alphanumeric() || c == '-')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn addresses() {
        for text in ["a@b.fr", "jean-pierre.o'neil+coffre@sous.exemple.fr", "élodie@société.fr", "x@xn--socit-esab.fr"]
        {
            assert_eq!(check(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn not_addresses() {
        let long = format!(
            "{}@{}.fr",
            "a".repeat(60),
            ["b".repeat(60), "c".repeat(60), "d".repeat(60), "e".repeat(20)].join(".")
        );
        for (text, fault) in [
            ("", EmailFault::At),
            ("jean.dupont", EmailFault::At),
            ("jean@dupont@exemple.fr", EmailFault::At),
            ("@exemple.fr", EmailFault::Local),
            ("jean..dupont@exemple.fr", EmailFault::Local),
            (".jean@exemple.fr", EmailFault::Local),
            ("jean dupont@exemple.fr", EmailFault::Local),
            (" jean@exemple.fr", EmailFault::Local),
            ("jean@", EmailFault::Domain),
            ("jean@exemple", EmailFault::Domain),
            ("jean@exemple..fr", EmailFault::Domain),
            ("jean@-exemple.fr", EmailFault::Domain),
            ("jean@exemple.fr ", EmailFault::Domain),
            ("jean@exemple,fr", EmailFault::Domain),
            ("jean@192.168.0.1", EmailFault::Domain),
            (long.as_str(), EmailFault::Long),
        ] {
            assert_eq!(check(text), Err(fault), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_passes_has_one_at_and_no_space(text in ".*@?.*") {
            if check(&text).is_ok() {
                prop_assert_eq!(text.matches('@').count(), 1);
                prop_assert!(!text.contains(char::is_whitespace));
            }
        }
    }
}
