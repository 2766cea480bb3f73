//! Signed notes against the vectors of the format's first implementation, and every way a note can be wrong.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, clippy::panic, reason = "tests")]

use proptest::prelude::*;

use super::*;

/// The example of Go's `sumdb/note`.
const PETER: &str = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
const PETERS_NOTE: &str = "If you think cryptography is the answer to your problem,\n\
    then you don't know what your problem is.\n\
    \n\
    — PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(KeyName::new(name).unwrap(), &[seed; 32])
}

#[test]
fn opens_a_known_note_and_writes_it_back() {
    let note = SignedNote::parse(PETERS_NOTE.as_bytes()).unwrap();
    let text = note.verify(&PETER.parse().unwrap()).unwrap();
    assert!(text.ends_with("your problem is.\n"));
    assert_eq!(note.to_string(), PETERS_NOTE);
}

#[test]
fn every_flipped_bit_of_a_known_note_is_found() {
    let peter: VerificationKey = PETER.parse().unwrap();
    for at in 0..PETERS_NOTE.len() {
        for bit in 0..8 {
            let mut bytes = PETERS_NOTE.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            assert!(open(&bytes, &peter).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn every_shortened_note_is_refused() {
    let peter: VerificationKey = PETER.parse().unwrap();
    for length in 0..PETERS_NOTE.len() {
        assert!(open(&PETERS_NOTE.as_bytes()[..length], &peter).is_err());
    }
}

/// The bytes of `docs/formats/signed-note.md`.
#[test]
fn signs_the_documented_note() {
    let key = key("vault.example/production", 1);
    let note = SignedNote::sign("{\"size\":3}\n".into(), &key).unwrap();
    assert_eq!(
        key.verification_key().to_string(),
        "vault.example/production+63b9cbdc+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c"
    );
    assert_eq!(
        note.to_string(),
        "{\"size\":3}\n\n— vault.example/production \
         Y7nL3AatubvHsokBnlFapHekeUSZrUY6g32/T3b2iCQk7YYQpk1JuBM1To3Sa1PdYdTTKEM3xJTZs0ip/vUqrmb+XQI=\n"
    );
}

#[test]
fn unknown_signatures_are_ignored_and_kept() {
    let (vault, witness) = (key("vault", 1), key("witness", 2));
    let note = SignedNote::sign("text\n".into(), &vault).unwrap().cosign(&witness).to_string();
    let parsed = SignedNote::parse(note.as_bytes()).unwrap();
    assert_eq!(parsed.signatures().len(), 2);
    assert_eq!(parsed.verify(&vault.verification_key()).unwrap(), "text\n");
    assert_eq!(parsed.verify(&witness.verification_key()).unwrap(), "text\n");
    assert_eq!(parsed.to_string(), note);

    let stranger = key("vault", 3).verification_key();
    assert!(matches!(
        parsed.verify(&stranger),
        Err(NoteError::NotSigned { name, .. }) if name == "vault"
    ));
}

#[test]
fn one_bad_signature_of_a_known_key_spoils_the_note() {
    let vault = key("vault", 1);
    let good = SignedNote::sign("text\n".into(), &vault).unwrap();
    let other = SignedNote::sign("other\n".into(), &vault).unwrap();
    let spoilt = format!("{good}{}\n", other.signatures()[0]);
    assert!(matches!(open(spoilt.as_bytes(), &vault.verification_key()), Err(NoteError::BadSignature { .. })));
}

#[test]
fn blank_lines_and_lookalike_signatures_belong_to_the_text() {
    let vault = key("vault", 1);
    for text in ["\n", "\n\n", "a\n\n", "a\n\n— vault AAAAAAA=\n", "a\n\n\n\nb\n"] {
        let note = SignedNote::sign(text.into(), &vault).unwrap().to_string();
        assert_eq!(open(note.as_bytes(), &vault.verification_key()).unwrap(), text);
    }
}

#[test]
fn refuses_texts_that_no_note_can_hold() {
    let sign = |text: &str| SignedNote::sign(text.into(), &key("vault", 1)).unwrap_err();
    assert_eq!(sign(""), NoteError::NoFinalNewline);
    assert_eq!(sign("a"), NoteError::NoFinalNewline);
    assert_eq!(sign("a\r\n"), NoteError::ControlCharacter { at: 1 });
    assert_eq!(sign("a\tb\n"), NoteError::ControlCharacter { at: 1 });
    assert_eq!(sign("a\0\n"), NoteError::ControlCharacter { at: 1 });
}

#[test]
fn malformed_notes_say_why() {
    let parse = |note: &[u8]| SignedNote::parse(note).unwrap_err();
    assert_eq!(parse(b""), NoteError::NoSignatures);
    assert_eq!(parse(b"text\n"), NoteError::NoSignatures);
    assert_eq!(parse(b"text\n\n"), NoteError::NoSignatures);
    assert_eq!(parse("text\n\n— a AAAAAAA=".as_bytes()), NoteError::NoSignatures);
    assert_eq!(parse(b"a\xff\n"), NoteError::NotUtf8 { valid_up_to: 1 });
    assert_eq!(parse("a\r\n\n— a AAAAAAA=\n".as_bytes()), NoteError::ControlCharacter { at: 1 });
    for (signature, expected) in [
        ("- a AAAAAAA=", "it does not begin with an em dash and a space"),
        ("— aAAAAAAA=", "it has no space after the key name"),
        ("—  AAAAAAA=", "its key name breaks the rules"),
        ("— a+b AAAAAAA=", "its key name breaks the rules"),
        ("— a AAAAAAA", "its signature is not base64"),
        ("— a AAAAAAB=", "its signature is not base64"),
        ("— a AAAAAAA= ", "its signature is not base64"),
        ("— a AAAAAA==", "its signature is too short"),
    ] {
        let error = parse(format!("text\n\n— a AAAAAAA=\n{signature}\n").as_bytes());
        let NoteError::SignatureLine { line, reason } = error else {
            panic!("{signature}: {error}");
        };
        assert_eq!((line, reason), (2, expected), "{signature}");
    }
}

#[test]
fn reads_sixty_four_signatures_and_no_more() {
    let note = |count: usize| format!("text\n\n{}", "— a AAAAAAA=\n".repeat(count));
    assert_eq!(SignedNote::parse(note(64).as_bytes()).unwrap().signatures().len(), 64);
    assert_eq!(SignedNote::parse(note(65).as_bytes()).unwrap_err(), NoteError::TooManySignatures { limit: 64 });
}

proptest! {
    #[test]
    fn any_text_round_trips(text in "([^\\x00-\\x1f]|\n){0,200}") {
        let key = key("vault.example/é", 1);
        let text = format!("{text}\n");
        let note = SignedNote::sign(text.clone(), &key).unwrap();
        prop_assert_eq!(open(note.to_string().as_bytes(), &key.verification_key()).unwrap(), text);
    }

    #[test]
    fn what_parses_is_written_back_unchanged(text in "([a— ]|\n){0,20}\n\n(— [ab] AAAAAAA=\n){0,3}") {
        if let Ok(note) = SignedNote::parse(text.as_bytes()) {
            prop_assert_eq!(note.to_string(), text);
        }
    }
}
