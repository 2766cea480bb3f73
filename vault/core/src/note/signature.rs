//! One signature line of a note: `— NAME BASE64(id || signature)`.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;

use super::key::{KeyId, KeyName};

/// A signature by any key and algorithm; only Ed25519 ones can be verified here, the others are kept as they are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    pub(super) name: KeyName,
    pub(super) id: KeyId,
    pub(super) bytes: Vec<u8>,
}

impl Signature {
    /// The name of the key that is said to have signed.
    pub fn name(&self) -> &KeyName {
        &self.name
    }

    /// The id of the key that is said to have signed.
    pub fn id(&self) -> KeyId {
        self.id
    }

    /// Reads a line without its newline.
    pub(super) fn parse(line: &str) -> Result<Self, &'static str> {
        let rest = line.strip_prefix("— ").ok_or("it does not begin with an em dash and a space")?;
        let (name, signature) = rest.split_once(' ').ok_or("it has no space after the key name")?;
        let name = KeyName::new(name).map_err(|_| "its key name breaks the rules")?;
        let bytes = BASE64.decode(signature).map_err(|_| "its signature is not base64")?;
        match bytes.split_first_chunk::<4>() {
            Some((id, signature)) if !signature.is_empty() => {
                Ok(Self { name, id: KeyId(*id), bytes: signature.to_vec() })
            }
            _ => Err("its signature is too short"),
        }
    }
}

impl fmt::Display for Signature {
    /// Writes the line without its newline.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let signature = [&self.id.0[..], &self.bytes].concat();
        write!(f, "— {} {}", self.name, BASE64.encode(signature))
    }
}
