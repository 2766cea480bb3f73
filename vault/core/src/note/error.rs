//! What can be wrong with a key, a note or its signature.

/// Why a key name, a key or a signed note was refused.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
pub enum NoteError {
    /// The key name is empty or holds a space, a plus or a control character.
    #[error("{name:?} is no key name; use a non-empty name without spaces, plus signs or control characters")]
    KeyName {
        /// The name that was refused.
        name: String,
    },
    /// The text is no verification key.
    #[error(
        "this is no verification key ({reason}); copy the whole line NAME+HASH+KEY that was printed when the key was made"
    )]
    KeyText {
        /// What the text lacks.
        reason: &'static str,
    },
    /// The hash inside a verification key belongs to another key or name.
    #[error(
        "the verification key says its hash is {stated}, but its name and bytes give {computed}; a character was lost or changed: copy the line again"
    )]
    KeyHash {
        /// The hash in the text.
        stated: String,
        /// The hash of the name and key bytes.
        computed: String,
    },
    /// A note or its text is not UTF-8.
    #[error("the note is not UTF-8 after byte {valid_up_to}; take the file from another copy")]
    NotUtf8 {
        /// The bytes before the first wrong one.
        valid_up_to: usize,
    },
    /// A control character other than newline.
    #[error(
        "the note holds a control character at byte {at}; only newlines are allowed: take the file from another copy"
    )]
    ControlCharacter {
        /// The offset of the character.
        at: usize,
    },
    /// A text to be signed, or the text of a note, lacks its last newline.
    #[error("the text of a note ends in a newline; add the newline before signing")]
    NoFinalNewline,
    /// No blank line followed by signature lines.
    #[error(
        "the note has no signatures after a last blank line; it is cut short or was never signed: take the file from another copy"
    )]
    NoSignatures,
    /// A line after the last blank line is no signature.
    #[error("signature line {line} is malformed ({reason}); take the file from another copy")]
    SignatureLine {
        /// The line, 1 being the first signature line.
        line: usize,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// More signatures than anybody needs.
    #[error("the note has more than {limit} signatures; take the file from another copy")]
    TooManySignatures {
        /// How many are read.
        limit: usize,
    },
    /// No signature of the key in question.
    #[error("the note is not signed by {name}+{id}; check that the verification key is the one this vault printed")]
    NotSigned {
        /// Name of the key that was looked for.
        name: String,
        /// Its key id.
        id: String,
    },
    /// A signature that bears the key's name and id and is not by it.
    #[error(
        "the signature of {name}+{id} does not match the text; the note was changed: take the file from another copy"
    )]
    BadSignature {
        /// Name of the key.
        name: String,
        /// Its key id.
        id: String,
    },
}
