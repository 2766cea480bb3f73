//! Writes a value as it goes, without a tree of it in between: entries of the log are written for every request.

use serde::Serialize;
use serde::ser::{SerializeSeq, SerializeTuple, SerializeTupleStruct, SerializeTupleVariant, Serializer};

use super::CanonicalError;
use super::object::Object;

type Written = Result<(), CanonicalError>;

/// Writes one value.
pub(super) struct Writer<'o>(pub(super) &'o mut Vec<u8>);

/// `serde_json` escapes exactly what RFC 8785 asks for: quote, backslash and control characters. Nearly no text has any.
pub(super) fn write_text(text: &str, out: &mut Vec<u8>) -> Written {
    let is_escaped = |byte: u8| matches!(byte, ..0x20 | b'"' | b'\\');
    // Goes through all of it, many bytes at a time.
    if text.bytes().fold(false, |any, byte| any | is_escaped(byte)) {
        return serde_json::to_writer(out, text).map_err(CanonicalError::Serialize);
    }
    out.reserve(text.len() + 2);
    out.push(b'"');
    out.extend_from_slice(text.as_bytes());
    out.push(b'"');
    Ok(())
}

impl Writer<'_> {
    fn integer<N: TryInto<i64>>(self, number: N) -> Written {
        const SAFE: i64 = (1 << 53) - 1;
        let number = number.try_into().ok().filter(|n| (-SAFE..=SAFE).contains(n)).ok_or(CanonicalError::Number)?;
        serde_json::to_writer(self.0, &number).map_err(CanonicalError::Serialize)
    }
}

impl<'o> Serializer for Writer<'o> {
    type Ok = ();
    type Error = CanonicalError;
    type SerializeSeq = List<'o>;
    type SerializeTuple = List<'o>;
    type SerializeTupleStruct = List<'o>;
    type SerializeTupleVariant = List<'o>;
    type SerializeMap = Object<'o>;
    type SerializeStruct = Object<'o>;
    type SerializeStructVariant = Object<'o>;

    fn serialize_bool(self, value: bool) -> Written {
        self.0.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn serialize_i8(self, value: i8) -> Written {
        self.integer(value)
    }

    fn serialize_i16(self, value: i16) -> Written {
        self.integer(value)
    }

    fn serialize_i32(self, value: i32) -> Written {
        self.integer(value)
    }

    fn serialize_i64(self, value: i64) -> Written {
        self.integer(value)
    }

    fn serialize_i128(self, value: i128) -> Written {
        self.integer(value)
    }

    fn serialize_u8(self, value: u8) -> Written {
        self.integer(value)
    }

    fn serialize_u16(self, value: u16) -> Written {
        self.integer(value)
    }

    fn serialize_u32(self, value: u32) -> Written {
        self.integer(value)
    }

    fn serialize_u64(self, value: u64) -> Written {
        self.integer(value)
    }

    fn serialize_u128(self, value: u128) -> Written {
        self.integer(value)
    }

    fn serialize_f32(self, _value: f32) -> Written {
        Err(CanonicalError::Number)
    }

    fn serialize_f64(self, _value: f64) -> Written {
        Err(CanonicalError::Number)
    }

    fn serialize_char(self, value: char) -> Written {
        write_text(value.encode_utf8(&mut [0; 4]), self.0)
    }

    fn serialize_str(self, value: &str) -> Written {
        write_text(value, self.0)
    }

    fn serialize_bytes(self, value: &[u8]) -> Written {
        value.serialize(self)
    }

    fn serialize_none(self) -> Written {
        self.serialize_unit()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_unit(self) -> Written {
        self.0.extend_from_slice(b"null");
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Written {
        self.serialize_unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Written {
        write_text(variant, self.0)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Written {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Written {
        self.0.push(b'{');
        write_text(variant, self.0)?;
        self.0.push(b':');
        value.serialize(Writer(self.0))?;
        self.0.push(b'}');
        Ok(())
    }

    fn serialize_seq(self, _length: Option<usize>) -> Result<List<'o>, CanonicalError> {
        Ok(List::open(self.0, b"]"))
    }

    fn serialize_tuple(self, _length: usize) -> Result<List<'o>, CanonicalError> {
        Ok(List::open(self.0, b"]"))
    }

    fn serialize_tuple_struct(self, _name: &'static str, _length: usize) -> Result<List<'o>, CanonicalError> {
        Ok(List::open(self.0, b"]"))
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        _length: usize,
    ) -> Result<List<'o>, CanonicalError> {
        self.0.push(b'{');
        write_text(variant, self.0)?;
        self.0.push(b':');
        Ok(List::open(self.0, b"]}"))
    }

    fn serialize_map(self, length: Option<usize>) -> Result<Object<'o>, CanonicalError> {
        Ok(Object::open(self.0, length))
    }

    fn serialize_struct(self, _name: &'static str, length: usize) -> Result<Object<'o>, CanonicalError> {
        Ok(Object::open(self.0, Some(length)))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        length: usize,
    ) -> Result<Object<'o>, CanonicalError> {
        Object::of_variant(self.0, variant, length)
    }
}

/// An array being written.
pub(super) struct List<'o> {
    out: &'o mut Vec<u8>,
    empty: bool,
    close: &'static [u8],
}

impl<'o> List<'o> {
    fn open(out: &'o mut Vec<u8>, close: &'static [u8]) -> Self {
        out.push(b'[');
        Self { out, empty: true, close }
    }

    fn item<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        if !std::mem::take(&mut self.empty) {
            self.out.push(b',');
        }
        value.serialize(Writer(self.out))
    }
}

impl SerializeSeq for List<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }

    fn end(self) -> Written {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

impl SerializeTuple for List<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }

    fn end(self) -> Written {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

impl SerializeTupleStruct for List<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }

    fn end(self) -> Written {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}

impl SerializeTupleVariant for List<'_> {
    type Ok = ();
    type Error = CanonicalError;

    fn serialize_field<T: Serialize + ?Sized>(&mut self, value: &T) -> Written {
        self.item(value)
    }

    fn end(self) -> Written {
        self.out.extend_from_slice(self.close);
        Ok(())
    }
}
