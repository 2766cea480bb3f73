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
    /// Whether the name is plain ASCII without an escape.
    plain: bool,
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
        // An entry of the log has some twenty, and does not say so.
        Self { out, members: Vec::with_capacity(members.unwrap_or(24)), close: b"}" }
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
        self.name_written(start);
        self.value(value)
    }

    fn name_written(&mut self, start: usize) {
        let name = start..self.out.len();
        let plain = self.out.get(name.clone()).is_some_and(|name| name.is_ascii() && !name.contains(&b'\\'));
        self.members.push(Member { name, plain, end: 0 });
    }

    fn close(mut self) -> Result<(), CanonicalError> {
        let out: &[u8] = self.out;
        let before = |a: &Member, b: &Member| order(out, a, b) == Ordering::Less;
        if !self.members.is_sorted_by(before) {
            self.members.sort_unstable_by(|a, b| order(out, a, b));
            if self.members.is_sorted_by(before) {
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
fn order(out: &[u8], a: &Member, b: &Member) -> Ordering {
    if a.plain && b.plain {
        // Without the quotes: the closing one would sort before letters and behind `!`.
        let inner = |member: &Member| out.get(member.name.start + 1..member.name.end.saturating_sub(1));
        return inner(a).cmp(&inner(b));
    }
    let read = |member: &Member| {
        serde_json::from_slice::<String>(out.get(member.name.clone()).unwrap_or_default()).unwrap_or_default()
    };
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
        self.name_written(start);
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
