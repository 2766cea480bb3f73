//! Where a page ends, as clients carry it to the next one: opaque, so that what it is made of may change.

use std::fmt;
use std::str::FromStr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use coffre_store::FilingCursor;

/// A cursor that a client sends or is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor<P>(pub(super) P);

/// A place that a cursor can tell.
pub(super) trait InPages: Sized {
    /// Of which list: a cursor of one is none of another.
    const LIST: &'static str;

    fn written(&self) -> String;

    fn read(text: &str) -> Option<Self>;
}

/// In the queue of requests.
impl InPages for FilingCursor {
    const LIST: &'static str = "requests";

    fn written(&self) -> String {
        format!("{}/{}", self.due_on, self.id)
    }

    fn read(text: &str) -> Option<Self> {
        let (due_on, id) = text.split_once('/')?;
        Some(Self { due_on: due_on.parse().ok()?, id: id.parse().ok()? })
    }
}

/// The index of the next entry of the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NextEntry(pub(super) u64);

impl InPages for NextEntry {
    const LIST: &'static str = "entries";

    fn written(&self) -> String {
        self.0.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

/// The index of the entry that the next accesses are older than.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct OlderThan(pub(super) u64);

impl InPages for OlderThan {
    const LIST: &'static str = "accesses";

    fn written(&self) -> String {
        self.0.to_string()
    }

    fn read(text: &str) -> Option<Self> {
        text.parse().ok().map(Self)
    }
}

impl<P: InPages> fmt::Display for Cursor<P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&URL_SAFE_NO_PAD.encode(format!("{}:{}", P::LIST, self.0.written())))
    }
}

impl<P: InPages> FromStr for Cursor<P> {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let plain = String::from_utf8(URL_SAFE_NO_PAD.decode(text).map_err(drop)?).map_err(drop)?;
        let (list, place) = plain.split_once(':').ok_or(())?;
        P::read(place).filter(|_| list == P::LIST).map(Self).ok_or(())
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use coffre_core::ids::FilingId;

    use super::*;

    fn is_read_as_it_is_written<P: InPages + Copy + PartialEq + fmt::Debug>(place: P, shown: &str) {
        let text = Cursor(place).to_string();
        assert!(!text.contains(shown), "opaque");
        assert_eq!(text.parse::<Cursor<P>>().unwrap().0, place);
        for wrong in ["", "2026-12-25", "AAAA", "!", "12", &text[1..]] {
            assert!(wrong.parse::<Cursor<P>>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_cursor_is_read_as_it_is_written() {
        let request = FilingCursor { due_on: "2026-12-25".parse().unwrap(), id: FilingId::from_bytes([7; 16]) };
        is_read_as_it_is_written(request, "2026");
        is_read_as_it_is_written(NextEntry(4_711), "4711");
        is_read_as_it_is_written(OlderThan(u64::MAX), "184467");
    }

    #[test]
    fn a_cursor_of_one_list_is_none_of_another() {
        assert!(Cursor(NextEntry(12)).to_string().parse::<Cursor<OlderThan>>().is_err());
        assert!(Cursor(OlderThan(12)).to_string().parse::<Cursor<FilingCursor>>().is_err());
    }
}
