//! The letter that goes with the head, in French and in English: the officer who keeps it may read either.

use coffre_core::crypto::Scope;
use coffre_core::time::Timestamp;
use coffre_core::tlog::TreeHead;

use super::day;

/// The lines around the head.
const BEGIN: &str = "----- 8< -----\n";
const END: &str = "----- >8 -----\n";

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
         {BEGIN}{note}{END}"
    )
}

/// The head in what somebody kept: alone or in its letter, as it was signed or with another system's ends of lines.
pub(crate) fn head_in(kept: &str) -> String {
    let text = kept.trim_start_matches('\u{feff}').replace("\r\n", "\n");
    let from = text.split_once(BEGIN).map_or(text.as_str(), |(_, from)| from);
    let note = from.split_once(END.trim_end()).map_or(from, |(note, _)| note);
    format!("{}\n", note.trim_matches('\n'))
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
        let of_windows = |text: &str| format!("\u{feff}{}", text.replace('\n', "\r\n"));
        for kept in [letter.clone(), of_windows(&letter), note.clone(), of_windows(&note), note.trim_end().to_owned()] {
            assert_eq!(head_in(&kept), note);
        }
        assert_eq!(TreeHead::open(note.as_bytes(), &key.verification_key(), None).unwrap(), head);
        assert_eq!(head_in(""), "\n");
    }
}
