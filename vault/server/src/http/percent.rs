//! Percent-encoding (RFC 3986), undone strictly: what is not UTF-8 is refused, not replaced.

/// The text that percent-encoded text stands for.
pub(super) fn decoded(text: &str) -> Option<String> {
    undone(text, b'+')
}

/// The same, where `+` stands for another byte.
fn undone(text: &str, plus: u8) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
            bytes.push(digit(rest.next()?)? * 16 + digit(rest.next()?)?);
        } else {
            bytes.push(if byte == b'+' { plus } else { byte });
        }
    }
    String::from_utf8(bytes).ok()
}

/// The names and values of a query, in their order; `+` is a space there.
pub(super) fn query(text: &str) -> Option<Vec<(String, String)>> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Some((undone(name, b' ')?, undone(value, b' ')?))
    };
    text.split('&').filter(|part| !part.is_empty()).map(pair).collect()
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn what_is_not_utf_8_is_refused() {
        assert_eq!(decoded("Lef%C3%A8vre%20%25").unwrap(), "Lefèvre %");
        for wrong in ["%", "%C", "%zz", "%C3", "%ff"] {
            assert_eq!(decoded(wrong), None, "{wrong}");
        }
        let pairs = query("a=1&b=x+y%2B&&c").unwrap();
        let pairs: Vec<(&str, &str)> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "x y+"), ("c", "")]);
        assert_eq!(query("a=%ff"), None);
    }
}
