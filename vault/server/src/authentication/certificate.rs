//! What a client certificate says of its holder: the URIs it names, and until when it is valid. Its chain, its dates
//! and its revocation were checked in the TLS handshake; nothing here is to be believed of one that was not. And until when
//! certificates, and lists of revoked ones, are good.

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

/// The last second in which a certificate (X.509, DER) is valid; `None` for what is none.
pub(crate) fn not_after(certificate: &[u8]) -> Option<Timestamp> {
    signed(certificate).and_then(|fields| end_of(&fields)).ok()
}

/// Until when a list of revoked certificates (X.509, DER) is good: then the next one is due. `None` where it does not say so.
pub(crate) fn next_update(list: &[u8]) -> Option<Timestamp> {
    let is_time = |field: &AnyRef<'_>| matches!(der::Tagged::tag(field), Tag::UtcTime | Tag::GeneralizedTime);
    // The first one says when it was made.
    time(signed(list).ok()?.into_iter().filter(is_time).nth(1)?).ok()
}

/// The fields that are signed, of a certificate or of a list.
fn signed(bytes: &[u8]) -> der::Result<Vec<AnyRef<'_>>> {
    inside(first(inside(sequence(AnyRef::from_der(bytes)?)?)?)?)
}

fn end_of(certificate: &[AnyRef<'_>]) -> der::Result<Timestamp> {
    // A version, if it is there; serial number, signature algorithm, issuer, then the validity.
    let before = 3 + usize::from(certificate.first().is_some_and(|field| is_context(*field, VERSION)));
    let validity = sequence(*certificate.get(before).ok_or_else(missing)?)?;
    time(*inside(validity)?.get(1).ok_or_else(missing)?)
}

fn parse(bytes: &[u8]) -> der::Result<ClientCertificate> {
    let fields = signed(bytes)?;
    let mut uris = Vec::new();
    for wrapped in fields.iter().filter(|field| is_context(**field, EXTENSIONS)) {
        for extension in inside(sequence(AnyRef::from_der(wrapped.value())?)?)? {
            uris.extend(uris_of(extension)?);
        }
    }
    Ok(ClientCertificate { uris, not_after: end_of(&fields)? })
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
