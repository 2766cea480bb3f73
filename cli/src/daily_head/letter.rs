//! The letter that goes with the head, in French and in English: the officer who keeps it may read either.

use coffre_core::crypto::Scope;
use coffre_core::time::Timestamp;
use coffre_core::tlog::TreeHead;

use super::day;

/// The letter, and the head as it was signed.
pub(super) fn of(scope: &Scope, now: Timestamp, head: &TreeHead, note: &str) -> String {
    let (environment, day, size) = (&scope.environment, day(now), head.size);
    format!(
        "Coffre ({environment}) — tête signée du journal d'accès, {day}\n\
         \n\
         Le journal compte {size} écritures. Conservez ce message hors de portée de ceux qui administrent le coffre :\n\
         il prouve ce qu'était le journal ce jour-là. Si le journal est un jour raccourci ou réécrit, cette commande le\n\
         dira, la tête étant enregistrée dans le fichier TETE :\n\
         \n    coffre audit verify --copy DOSSIER --vault-key CLÉ --known-head TETE\n\
         \n\
         Coffre ({environment}) — signed head of the audit log, {day}\n\
         \n\
         The log has {size} entries. Keep this message out of the reach of those who administer the vault: it proves\n\
         what the log was that day. Should the log ever be cut or rewritten, this command will say so, with the head\n\
         saved in the file HEAD:\n\
         \n    coffre audit verify --copy FOLDER --vault-key KEY --known-head HEAD\n\
         \n\
         ----- 8< -----\n\
         {note}\
         ----- >8 -----\n"
    )
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use coffre_core::ids::VaultId;
    use coffre_core::merkle::Hash;
    use coffre_core::note::{KeyName, SigningKey};

    use super::*;

    #[test]
    fn the_letter_in_both_languages_with_the_head_as_it_was_signed() {
        let origin = "coffre/production/1".to_owned();
        let head = TreeHead { origin, size: 1204, root: Hash::from_bytes([1; 32]), extensions: Vec::new() };
        let key = SigningKey::from_seed(KeyName::new("coffre/production").unwrap(), &[1; 32]);
        let note = head.sign(&key).unwrap().to_string();
        let scope = Scope { environment: "production".parse().unwrap(), vault: VaultId::from_bytes([1; 16]) };
        let letter = of(&scope, Timestamp::from_micros(1_764_000_000_000_000), &head, &note);
        insta::assert_snapshot!(letter);
        let cut = letter.split("----- 8< -----\n").nth(1).unwrap().strip_suffix("----- >8 -----\n").unwrap();
        assert_eq!(TreeHead::open(cut.as_bytes(), &key.verification_key(), None).unwrap(), head);
    }
}
