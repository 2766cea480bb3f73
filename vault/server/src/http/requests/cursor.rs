//! Where a page of the queue ends, as clients carry it: opaque, so that what it is made of may change.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coffre_store::FilingCursor;

/// A cursor that a client sends or is given.
pub(super) struct Cursor(FilingCursor);

impl Cursor {
    pub(super) const fn of(place: FilingCursor) -> Self {
        Self(place)
    }

    pub(super) const fn place(self) -> FilingCursor {
        self.0
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}/{}", self.0.due_on, self.0.id)))
    }
}

impl FromStr for Cursor {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).map_err(drop)?).map_err(drop)?;
        let (due_on, id) = plain.split_once('/').ok_or(())?;
        Ok(Self(FilingCursor { due_on: due_on.parse().map_err(drop)?, id: id.parse().map_err(drop)? }))
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::ids::FilingId;

    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let place = FilingCursor { due_on: "2026-12-25".parse().unwrap(), id: FilingId::from_bytes([7; 16]) };
        let text = Cursor::of(place).to_string();
        assert!(!text.contains("2026"), "opaque");
        assert_eq!(text.parse::<Cursor>().unwrap().place(), place);
        for wrong in ["", "2026-12-25", "AAAA", "!"] {
            assert!(wrong.parse::<Cursor>().is_err(), "{wrong}");
        }
    }
}
