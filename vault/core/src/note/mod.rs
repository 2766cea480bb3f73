//! C2SP signed notes (<https://c2sp.org/signed-note>): UTF-8 text signed by one or more named Ed25519 keys.
//! Tree heads and backup manifests travel in them. What a text means is not known here.

mod error;
mod key;
mod signature;
mod witness;

use std::fmt;

pub use error::NoteError;
pub use key::{KeyId, KeyName, SigningKey, VerificationKey};
pub use signature::Signature;
pub use witness::{CosignatureError, WitnessKey, witness_key};

/// The specification asks for at least 16.
const MAX_SIGNATURES: usize = 64;

/// A text and its signatures. Parsing checks the form only: nothing is to be believed before [`SignedNote::verify`].
///
/// Signatures of unknown keys are kept, so that a cosigned note survives a round trip byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignedNote {
    text: String,
    signatures: Vec<Signature>,
}

impl SignedNote {
    /// Signs a text, which must end in a newline and hold no other control character.
    pub fn sign(text: String, key: &SigningKey) -> Result<Self, NoteError> {
        check_characters(&text)?;
        if !text.ends_with('\n') {
            return Err(NoteError::NoFinalNewline);
        }
        let signatures = vec![key.sign(&text)];
        Ok(Self { text, signatures })
    }

    /// The same note with one more signature.
    #[must_use]
    pub fn cosign(mut self, key: &SigningKey) -> Self {
        self.signatures.push(key.sign(&self.text));
        self
    }

    /// Reads a note and checks its form, not its signatures.
    pub fn parse(bytes: &[u8]) -> Result<Self, NoteError> {
        let note =
            std::str::from_utf8(bytes).map_err(|error| NoteError::NotUtf8 { valid_up_to: error.valid_up_to() })?;
        check_characters(note)?;
        // The last blank line separates; those before it belong to the text.
        let (before, after) = note.rsplit_once("\n\n").ok_or(NoteError::NoSignatures)?;
        let lines = after.strip_suffix('\n').ok_or(NoteError::NoSignatures)?;
        let mut signatures = Vec::new();
        for (line, number) in lines.split('\n').zip(1..) {
            if number > MAX_SIGNATURES {
                return Err(NoteError::TooManySignatures { limit: MAX_SIGNATURES });
            }
            let signature =
                Signature::parse(line).map_err(|reason| NoteError::SignatureLine { line: number, reason })?;
            signatures.push(signature);
        }
        Ok(Self { text: format!("{before}\n"), signatures })
    }

    /// The text, if this key signed it. Signatures of other keys are ignored, every one of this key must hold.
    pub fn verify(&self, key: &VerificationKey) -> Result<&str, NoteError> {
        let mut own = self.signatures.iter().filter(|s| key.made(s)).peekable();
        if own.peek().is_none() {
            return Err(NoteError::NotSigned { name: key.name().to_string(), id: key.id().to_string() });
        }
        if !own.all(|signature| key.verifies(&self.text, signature)) {
            return Err(NoteError::BadSignature { name: key.name().to_string(), id: key.id().to_string() });
        }
        Ok(&self.text)
    }

    /// The same note with the signatures that say they are by this key, and no others.
    #[must_use]
    pub fn only_by(&self, key: &VerificationKey) -> Self {
        let own = self.signatures.iter().filter(|signature| key.made(signature));
        Self { text: self.text.clone(), signatures: own.cloned().collect() }
    }

    /// The text before anybody has verified it: to choose the key to verify with, and for nothing else.
    pub fn unverified_text(&self) -> &str {
        &self.text
    }

    /// All signatures, known or not.
    pub fn signatures(&self) -> &[Signature] {
        &self.signatures
    }
}

impl fmt::Display for SignedNote {
    /// Writes the note as it is stored and sent.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.text)?;
        for signature in &self.signatures {
            writeln!(f, "{signature}")?;
        }
        Ok(())
    }
}

/// Parses a note and returns its text if the key signed it.
pub fn open(bytes: &[u8], key: &VerificationKey) -> Result<String, NoteError> {
    let note = SignedNote::parse(bytes)?;
    note.verify(key)?;
    Ok(note.text)
}

fn check_characters(text: &str) -> Result<(), NoteError> {
    match text.find(|c: char| c < ' ' && c != '\n') {
        Some(at) => Err(NoteError::ControlCharacter { at }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests;
