//! An object being written: its members in the order in which they come, put in order at the end.

use std::cmp::Ordering;
use std::ops::Range;

use serde::Serialize;
use serde::ser::{SerializeMap, SerializeStruct, SerializeStructVariant};

use super::CanonicalError;
use super::writer::{Writer, write_text};

/// One member, where it stands in the output.
struct Member {
    name: Range<usize>,
    end: usize,
}

/// The object.
pub(super) struct Object<'o> {
    out: &'o mut Vec<u8>,
    members: Vec<Member>,
    /// Written behind it.
    close: &'static [u8],
}

impl<'o> Object<'o> {
    pub(super) fn open(out: &'o mut Vec<u8>, members: Option<usize>) -> Self {
        out.push(b'{');
        Self { out, members: Vec::with_capacity(members.unwrap_or(16)), close: b"}" }
    }

    /// The content of an enum's variant: an object in an object.
    pub(super) fn of_variant(out: &'o mut Vec<u8>, variant: &str, members: usize) -> Result<Self, CanonicalError> {
        out.push(b'{');
        write_text(variant, out)?;
        out.push(b':');
        let inner = Self::open(out, Some(members));
        Ok(Self { close: b"}}", ..inner })
    }

    /// Begins a member; the name is written between this and `value`.
    fn begin(&mut self) -> usize {
        if !self.members.is_empty() {
            self.out.push(b',');
        }
        self.out.len()
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.out.push(b':');
        value.serialize(Writer(self.out))?;
        if let Some(last) = self.members.last_mut() {
            last.end = self.out.len();
        }
        Ok(())
    }

    fn member<T: Serialize + ?Sized>(&mut self, name: &str, value: &T) -> Result<(), CanonicalError> {
        let start = self.begin();
        write_text(name, self.out)?;
        self.members.push(Member { name: start..self.out.len(), end: 0 });
        self.value(value)
    }

    fn close(mut self) -> Result<(), CanonicalError> {
        let name = |member: &Member| self.out.get(member.name.clone()).unwrap_or_default();
        let sorted = self.members.is_sorted_by(|a, b| order(name(a), name(b)) == Ordering::Less);
        if !sorted {
            self.members.sort_unstable_by(|a, b| order(name(a), name(b)));
            if self.members.is_sorted_by(|a, b| order(name(a), name(b)) == Ordering::Less) {
                self.rewrite();
            } else {
                return Err(CanonicalError::Twice);
            }
        }
        self.out.extend_from_slice(self.close);
        Ok(())
    }

    fn rewrite(&mut self) {
        let first = self.members.iter().map(|member| member.name.start).min().unwrap_or(self.out.len());
        let written = self.out.split_off(first);
        for (position, member) in self.members.iter().enumerate() {
            if position > 0 {
                self.out.push(b',');
            }
            let range = member.name.start - first..member.end - first;
            self.out.extend_from_slice(written.get(range).unwrap_or_default());
        }
    }
}

/// RFC 8785 sorts names by UTF-16 code units. Written names are compared as they stand, unless they hold more than
/// plain ASCII.
fn order(a: &[u8], b: &[u8]) -> Ordering {
    let plain = |name: &[u8]| name.is_ascii() && !name.contains(&b'\\');
    if plain(a) && plain(b) {
        // Without the quotes: the closing one would sort before letters and behind `!`.
        let inner = |name: &'_ [u8]| name.len().saturating_sub(1);
        return a.get(..inner(a)).cmp(&b.get(..inner(b)));
    }
    let read = |name: &[u8]| serde_json::from_slice::<String>(name).unwrap_or_default();
    read(a).encode_utf16().cmp(read(b).encode_utf16())
}

impl SerializeMap for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, name: &T) -> Result<(), CanonicalError> {
        let start = self.begin();
        name.serialize(Writer(self.out))?;
        if self.out.get(start) != Some(&b'"') {
            return Err(serde::ser::Error::custom("the name of a member is text"));
        }
        self.members.push(Member { name: start..self.out.len(), end: 0 });
        Ok(())
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), CanonicalError> {
        self.value(value)
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.close()
    }
}

impl SerializeStruct for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), CanonicalError> {
        self.member(name, value)
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.close()
    }
}

impl SerializeStructVariant for Object<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), CanonicalError> {
        self.member(name, value)
    }

    fn end(self) -> Result<(), CanonicalError> {
        self.close()
    }
}
