//! What officers sign: brought to the vault by whoever may use its control socket.

use coffre_core::approval::{Approval, Officer, Officers, Statement};
use coffre_core::note::{KeyName, SignedNote, SigningKey};

use super::text;

/// A statement that is read has one spelling. Signed by two officers it approves itself, in its own vault; by one it does
/// not, and whatever else comes as a note approves nothing.
pub fn approval(data: &[u8]) {
    let [one, two] = [("legal/a.martin", 1), ("dpo/b.durand", 2)].map(|(name, seed)| key(name, seed));
    let officers = [&one, &two].map(|key| Officer::new(key.verification_key()).expect("an officer"));
    let officers = Officers::new(1, officers.to_vec()).expect("two officers");
    let Some(text) = text(data) else { return };
    let Ok(statement) = text.parse::<Statement>() else {
        // Nobody's keys are here, so no bytes can be an approval by them.
        let scope = crate::fixture::scope();
        assert!(Approval::open(data, &officers, &scope).is_err(), "what nobody signed was believed");
        if let Ok(note) = SignedNote::sign(text.to_owned(), &one) {
            let note = note.cosign(&two).to_string();
            assert!(Approval::open(note.as_bytes(), &officers, &scope).is_err(), "no statement was believed");
        }
        return;
    };
    assert_eq!(statement.to_string(), text, "a second spelling");
    let note = SignedNote::sign(text.to_owned(), &one).expect("a statement is a note's text");
    let alone = note.to_string();
    assert!(Approval::open(alone.as_bytes(), &officers, &statement.scope).is_err(), "one officer was enough");
    let both = note.cosign(&two).to_string();
    let approval = Approval::open(both.as_bytes(), &officers, &statement.scope).expect("two officers signed it");
    assert_eq!(approval.statement, statement);
}

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(KeyName::new(name).expect("a key name"), &[seed; 32])
}
