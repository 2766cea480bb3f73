//! Points in time and calendar dates, as they are stored and shown. Reads no clock.

use std::fmt;
use std::str::FromStr;

use thiserror::Error;
use time::OffsetDateTime;
use time::format_description::well_known::Rfc3339;

use crate::as_text::as_text;

/// Text that is not a point in time.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("not a time: expected RFC 3339 such as 2026-11-22T15:32:00Z")]
pub struct TimeError;

/// A point in time: microseconds since the Unix epoch, UTC. Shown as RFC 3339 with microseconds.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

as_text!(Timestamp, time => time.text(&mut [0; 27]));

/// How far the clocks of two machines may be apart, in seconds. A moment that is further ahead of a clock is in the
/// future: one of them was wrong, and that moment proves nothing.
pub const CLOCKS_APART_SECONDS: i64 = 300;

/// 9999-12-31T23:59:59.999999Z, the last moment that RFC 3339 can write.
const LAST: i64 = 253_402_300_799_999_999;

impl Timestamp {
    /// The time this many microseconds after the Unix epoch; held within what RFC 3339 can write.
    pub fn from_micros(micros: i64) -> Self {
        Self(micros.clamp(0, LAST))
    }

    /// Microseconds since the Unix epoch.
    pub const fn as_micros(self) -> i64 {
        self.0
    }

    /// Whole seconds since the Unix epoch.
    pub const fn as_seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// This time and some seconds.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Self::from_micros(self.0.saturating_add(seconds.saturating_mul(1_000_000)))
    }

    /// Its text, written into a buffer. Every entry of the log has one, and every line of the server's: so digit by digit.
    pub fn text(self, buffer: &mut [u8; 27]) -> &str {
        let at = OffsetDateTime::from_unix_timestamp(self.as_seconds()).unwrap_or(OffsetDateTime::UNIX_EPOCH);
        let micros = u32::try_from(self.0.rem_euclid(1_000_000)).unwrap_or(0);
        let (year, month) = (u32::try_from(at.year()).unwrap_or(0), u8::from(at.month()));
        *buffer = *b"0000-00-00T00:00:00.000000Z";
        let parts =
            [year, month.into(), at.day().into(), at.hour().into(), at.minute().into(), at.second().into(), micros];
        // What stands between two numbers is no digit.
        let places = buffer.split_mut(|byte| !byte.is_ascii_digit());
        for (mut number, place) in parts.into_iter().zip(places) {
            for digit in place.iter_mut().rev() {
                *digit += u8::try_from(number % 10).unwrap_or(0);
                number /= 10;
            }
        }
        std::str::from_utf8(buffer).unwrap_or_default()
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text(&mut [0; 27]))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Timestamp({self})")
    }
}

impl FromStr for Timestamp {
    type Err = TimeError;

    fn from_str(text: &str) -> Result<Self, TimeError> {
        // Left in its own zone: there are texts whose moment in UTC is in no year that the crate knows.
        let t = OffsetDateTime::parse(text, &Rfc3339).map_err(|_| TimeError)?;
        let micros = i64::try_from(t.unix_timestamp_nanos().div_euclid(1000)).map_err(|_| TimeError)?;
        if (0..=LAST).contains(&micros) { Ok(Self(micros)) } else { Err(TimeError) }
    }
}

impl TryFrom<String> for Timestamp {
    type Error = TimeError;

    fn try_from(text: String) -> Result<Self, TimeError> {
        text.parse()
    }
}

impl From<Timestamp> for String {
    fn from(t: Timestamp) -> Self {
        t.to_string()
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn text_and_back() {
        for text in ["1970-01-01T00:00:00.000000Z", "2026-11-22T15:32:00.000001Z", "9999-12-31T23:59:59.999999Z"] {
            assert_eq!(text.parse::<Timestamp>().unwrap().to_string(), text);
        }
        assert_eq!(
            "2026-11-22T16:32:00+01:00".parse::<Timestamp>().unwrap().to_string(),
            "2026-11-22T15:32:00.000000Z"
        );
        assert!("2026-02-30T00:00:00Z".parse::<Timestamp>().is_err());
        assert!("1969-12-31T23:59:59Z".parse::<Timestamp>().is_err());
        // The end of time on Martinique, and its beginning in Paris, are none that UTC can write.
        for text in ["9999-12-31T23:59:59-04:00", "0000-01-01T00:00:00+01:00", "1970-01-01T00:59:59+01:00"] {
            assert_eq!(text.parse::<Timestamp>(), Err(TimeError), "{text}");
        }
        assert_eq!("1970-01-01T01:00:00+01:00".parse::<Timestamp>().unwrap().as_micros(), 0);
    }
}
