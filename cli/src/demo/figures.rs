//! Figures as people read them in French and English: thousands apart, decimals, bytes, seconds, hashes cut short.

use std::time::Duration;

use crate::language::Language;

/// Narrow no-break space: between thousands and before `;`, `!`, `?` in French.
pub(crate) const THIN: char = '\u{202f}';
/// No-break space: before `:` and inside guillemets in French, before a unit in both languages.
pub(crate) const FIRM: char = '\u{a0}';

/// Writes figures in one language.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Figures(pub(crate) Language);

impl Figures {
    /// `12 345` or `12,345`.
    pub(crate) fn count(self, number: u64) -> String {
        let separator = match self.0 {
            Language::French => THIN,
            Language::English => ',',
        };
        let digits = number.to_string();
        let mut text = String::with_capacity(digits.len() + digits.len() / 3);
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                text.push(separator);
            }
            text.push(digit);
        }
        text
    }

    /// A count and what is counted.
    pub(crate) fn counted(self, number: u64, one: &str, many: &str) -> String {
        let singular = match self.0 {
            Language::French => number < 2,
            Language::English => number == 1,
        };
        format!("{} {}", self.count(number), if singular { one } else { many })
    }

    /// A number with so many decimals.
    pub(crate) fn decimal(self, number: f64, decimals: usize) -> String {
        let text = format!("{number:.decimals$}");
        match self.0 {
            Language::French => text.replace('.', ","),
            Language::English => text,
        }
    }

    /// `4,2 s` or `12 ms`.
    pub(crate) fn duration(self, duration: Duration) -> String {
        let seconds = duration.as_secs_f64();
        if seconds < 0.000_999_5 {
            format!("{}{FIRM}µs", self.decimal(seconds * 1e6, 0))
        } else if seconds < 0.999_5 {
            format!("{}{FIRM}ms", self.decimal(seconds * 1e3, usize::from(seconds < 0.009_95)))
        } else {
            format!("{}{FIRM}s", self.decimal(seconds, usize::from(seconds < 99.95)))
        }
    }

    /// `12,3 Mo` or `12.3 MB`; powers of ten, as disks are sold.
    #[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
    pub(crate) fn bytes(self, bytes: u64) -> String {
        let units = match self.0 {
            Language::French => ["ko", "Mo", "Go", "To"],
            Language::English => ["kB", "MB", "GB", "TB"],
        };
        if bytes < 1_000 {
            let unit =
                self.0.pick(if bytes < 2 { "octet" } else { "octets" }, if bytes == 1 { "byte" } else { "bytes" });
            return format!("{bytes}{FIRM}{unit}");
        }
        let mut value = bytes as f64 / 1e3;
        let mut unit = units[0];
        for larger in units.into_iter().skip(1) {
            if value < 999.5 {
                break;
            }
            value /= 1e3;
            unit = larger;
        }
        format!("{}{FIRM}{unit}", self.decimal(value, usize::from(value < 99.95)))
    }
}

/// The first and last digits of a hash, enough for two people to compare by telephone.
pub(crate) fn short(hash: &str) -> String {
    match (hash.get(..8), hash.get(hash.len().saturating_sub(4)..)) {
        (Some(start), Some(end)) if hash.len() > 12 => format!("{start}…{end}"),
        _ => hash.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FR: Figures = Figures(Language::French);
    const EN: Figures = Figures(Language::English);

    #[test]
    fn thousands_stand_apart() {
        for (number, french, english) in [
            (0, "0", "0"),
            (999, "999", "999"),
            (1_000, "1\u{202f}000", "1,000"),
            (1_234_567, "1\u{202f}234\u{202f}567", "1,234,567"),
        ] {
            assert_eq!(FR.count(number), french);
            assert_eq!(EN.count(number), english);
        }
    }

    #[test]
    fn french_zero_is_singular() {
        assert_eq!(FR.counted(0, "nom", "noms"), "0 nom");
        assert_eq!(EN.counted(0, "name", "names"), "0 names");
    }

    #[test]
    fn durations_keep_two_or_three_digits() {
        let seconds = Duration::from_secs_f64;
        for (number, english) in [
            (0.000_25, "250\u{a0}µs"),
            (0.003_14, "3.1\u{a0}ms"),
            (0.250_4, "250\u{a0}ms"),
            (0.999_9, "1.0\u{a0}s"),
            (4.25, "4.2\u{a0}s"),
            (123.4, "123\u{a0}s"),
        ] {
            assert_eq!(EN.duration(seconds(number)), english);
        }
        assert_eq!(FR.duration(seconds(4.36)), "4,4\u{a0}s");
    }

    #[test]
    fn bytes_are_counted_in_powers_of_ten() {
        for (bytes, english) in [
            (1, "1\u{a0}byte"),
            (999, "999\u{a0}bytes"),
            (1_000, "1.0\u{a0}kB"),
            (123_456, "123\u{a0}kB"),
            (999_999, "1.0\u{a0}MB"),
            (23_400_000, "23.4\u{a0}MB"),
        ] {
            assert_eq!(EN.bytes(bytes), english);
        }
        assert_eq!(FR.bytes(23_400_000), "23,4\u{a0}Mo");
    }

    #[test]
    fn a_hash_is_cut_in_its_middle() {
        assert_eq!(short("0123456789abcdef0123456789abcdef"), "01234567…cdef");
        assert_eq!(short("0123"), "0123");
    }
}
