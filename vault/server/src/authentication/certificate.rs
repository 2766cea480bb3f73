//! What a client certificate says of its holder: the URIs it names, and until when it is valid. Its chain, its dates
//! and its revocation were checked in the TLS handshake; nothing here is to be believed of one that was not.

use coffre_core::time::Timestamp;
use der::asn1::{AnyRef, GeneralizedTime, ObjectIdentifier, UtcTime};
use der::{Decode as _, ErrorKind, Reader as _, SliceReader, Tag, TagNumber};

/// id-ce-subjectAltName (RFC 5280, 4.2.1.6).
const SUBJECT_ALT_NAME: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.5.29.17");
/// The version and the extensions within the certificate, the URI within a name: their context-specific tags.
const VERSION: TagNumber = TagNumber::N0;
const EXTENSIONS: TagNumber = TagNumber::N3;
const URI: TagNumber = TagNumber::N6;

/// A certificate, as far as it matters who holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ClientCertificate {
    /// The URIs among its subject's alternative names.
    pub(crate) uris: Vec<String>,
    /// The last second in which it is valid: a connection may last longer.
    pub(crate) not_after: Timestamp,
}

impl ClientCertificate {
    /// Reads a certificate (X.509, DER); `None` for what is none.
    pub(crate) fn from_der(bytes: &[u8]) -> Option<Self> {
        parse(bytes).ok()
    }
}

fn parse(bytes: &[u8]) -> der::Result<ClientCertificate> {
    let mut fields = inside(first(inside(sequence(AnyRef::from_der(bytes)?)?)?)?)?;
    if fields.first().is_some_and(|field| is_context(*field, VERSION)) {
        fields.remove(0);
    }
    // Serial number, signature algorithm, issuer, then the validity.
    let validity = sequence(*fields.get(3).ok_or_else(missing)?)?;
    let not_after = *inside(validity)?.get(1).ok_or_else(missing)?;
    let mut uris = Vec::new();
    for wrapped in fields.iter().filter(|field| is_context(**field, EXTENSIONS)) {
        for extension in inside(sequence(AnyRef::from_der(wrapped.value())?)?)? {
            uris.extend(uris_of(extension)?);
        }
    }
    Ok(ClientCertificate { uris, not_after: time(not_after)? })
}

/// The URIs that an extension names: none, if it is another one than the subject's alternative names.
fn uris_of(extension: AnyRef<'_>) -> der::Result<Vec<String>> {
    let parts = inside(sequence(extension)?)?;
    if first(parts.clone())?.decode_as::<ObjectIdentifier>()? != SUBJECT_ALT_NAME {
        return Ok(Vec::new());
    }
    let content = parts.last().filter(|part| der::Tagged::tag(*part) == Tag::OctetString).ok_or_else(missing)?;
    let names = inside(sequence(AnyRef::from_der(content.value())?)?)?;
    let uris = names.iter().filter(|name| is_context(**name, URI));
    uris.map(|name| String::from_utf8(name.value().to_vec()).map_err(|_| missing())).collect()
}

fn time(value: AnyRef<'_>) -> der::Result<Timestamp> {
    let since_epoch = match der::Tagged::tag(&value) {
        Tag::UtcTime => value.decode_as::<UtcTime>()?.to_unix_duration(),
        _ => value.decode_as::<GeneralizedTime>()?.to_unix_duration(),
    };
    Ok(Timestamp::from_micros(i64::try_from(since_epoch.as_micros()).unwrap_or(i64::MAX)))
}

fn sequence(value: AnyRef<'_>) -> der::Result<AnyRef<'_>> {
    if der::Tagged::tag(&value) == Tag::Sequence { Ok(value) } else { Err(missing()) }
}

fn inside(value: AnyRef<'_>) -> der::Result<Vec<AnyRef<'_>>> {
    let mut reader = SliceReader::new(value.value())?;
    let mut found = Vec::new();
    while !reader.is_finished() {
        found.push(reader.decode()?);
    }
    Ok(found)
}

fn first(values: Vec<AnyRef<'_>>) -> der::Result<AnyRef<'_>> {
    values.into_iter().next().ok_or_else(missing)
}

fn is_context(value: AnyRef<'_>, wanted: TagNumber) -> bool {
    matches!(der::Tagged::tag(&value), Tag::ContextSpecific { number, .. } if number == wanted)
}

fn missing() -> der::Error {
    ErrorKind::Failed.into()
}
