//! The certificate of an erasure: a text for people that tools can read line by line, in a C2SP
//! signed note by the vault's key. Format: `docs/formats/erasure-certificate.md`.

use std::fmt::Write as _;

use super::{Copies, Standing};
use crate::crypto::Scope;
use crate::ids::{RequestId, SubjectId};
use crate::record::RecordTypeName;
use crate::time::Timestamp;

/// What the first line says.
const TITLE: &str = "coffre erasure certificate v1";

/// What people read, whatever the state. Fixed: it is part of what is signed.
const MEANING: &str = "
Effacé : les valeurs du dossier dans toutes ses versions, ses documents et leurs noms, ses habilitations,
les motifs saisis à son sujet, ses entrées d'index. La clé du dossier est détruite : ce que les sauvegardes
en gardent sous forme chiffrée ne peut plus être lu dès que l'état (status) est « final ».
Non couvert : les copies faites avant le coffre (anciens disques durs, postes), les exports et documents
remis auparavant, les autres applications. Le journal d'audit garde, sous un identifiant opaque, qui a
consulté quoi et quand (articles 5(2) et 17(3)(b) du RGPD).

Erased: the values of the record in all its versions, its documents and their names, its grants, the
reasons written about it, its index entries. The record's key is destroyed: what backups keep of it in
encrypted form can no longer be read once the status is \"final\".
Not covered: copies made before the vault (former hard drives, workstations), exports and documents handed
out earlier, other applications. The audit log keeps, under an opaque identifier, who read what and when
(GDPR articles 5(2) and 17(3)(b)).
";

/// Something that was done, and the call that the log has it under.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub time: Timestamp,
    /// The call; none where only the fact is known, as in a restored vault.
    pub request: Option<RequestId>,
}

/// What a certificate states.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificate {
    /// The environment and vault.
    pub scope: Scope,
    /// The record's type.
    pub record_type: RecordTypeName,
    /// The record.
    pub subject: SubjectId,
    /// The proposal; none where retention ended or where it is no longer known.
    pub proposed: Option<Act>,
    /// The erasure.
    pub erased: Act,
    /// When the certificate is made out.
    pub issued: Timestamp,
    /// Every place that holds copies, as it was last looked at.
    pub places: Vec<Copies>,
}

impl Certificate {
    /// Whether every known place has confirmed.
    pub fn standing(&self) -> Standing {
        Standing::of(self.erased.time, &self.places)
    }

    /// The text to sign.
    pub fn text(&self) -> String {
        let mut text = String::with_capacity(2048);
        // Writing to a string cannot fail.
        let _infallible = self.write(&mut text);
        text
    }

    fn write(&self, text: &mut String) -> std::fmt::Result {
        let Scope { environment, vault } = &self.scope;
        writeln!(text, "{TITLE}\nenvironment: {environment}\nvault: {vault}")?;
        writeln!(text, "record: {} {}", self.record_type, self.subject)?;
        if let Some(proposed) = &self.proposed {
            write_act(text, "proposed", proposed)?;
        }
        write_act(text, "erased", &self.erased)?;
        writeln!(text, "issued: {}\nstatus: {}", self.issued, self.standing())?;
        for copies in &self.places {
            let standing = if copies.is_clear_of(self.erased.time) { "clear" } else { "pending" };
            write!(text, "place: {} {standing} looked-at {}", copies.place, copies.looked_at)?;
            if let Some(oldest) = copies.oldest {
                write!(text, " oldest-copy {oldest}")?;
            }
            if copies.unaccounted > 0 {
                write!(text, " unaccounted {}", copies.unaccounted)?;
            }
            writeln!(text)?;
        }
        text.write_str(MEANING)
    }
}

fn write_act(text: &mut String, name: &str, act: &Act) -> std::fmt::Result {
    write!(text, "{name}: {}", act.time)?;
    match act.request {
        Some(request) => writeln!(text, " request {request}"),
        None => writeln!(text),
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::ids::VaultId;
    use crate::note::{KeyName, SignedNote, SigningKey};

    const GOLDEN: &str = include_str!("golden.note");

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(1_800_000_000_000_000).plus_seconds(seconds)
    }

    fn pending() -> Certificate {
        let scope = Scope { environment: "production".parse().unwrap(), vault: VaultId::from_bytes([7; 16]) };
        let copies = |place: &str, oldest, unaccounted| Copies {
            place: place.parse().unwrap(),
            looked_at: at(7_200),
            oldest,
            unaccounted,
        };
        Certificate {
            scope,
            record_type: "policyholder".parse().unwrap(),
            subject: SubjectId::from_bytes([1; 16]),
            proposed: Some(Act { time: at(0), request: Some(RequestId::from_bytes([2; 16])) }),
            erased: Act { time: at(3_600), request: Some(RequestId::from_bytes([3; 16])) },
            issued: at(7_201),
            places: vec![copies("building-b", Some(at(-86_400)), 2), copies("spool", Some(at(5_000)), 0)],
        }
    }

    #[test]
    fn a_certificate_is_the_documented_bytes() {
        let key = SigningKey::from_seed(KeyName::new("coffre.example/production").unwrap(), &[9; 32]);
        let note = SignedNote::sign(pending().text(), &key).unwrap();
        assert_eq!(note.to_string(), GOLDEN);
        assert_eq!(
            SignedNote::parse(GOLDEN.as_bytes()).unwrap().verify(&key.verification_key()),
            Ok(&*pending().text())
        );
    }

    #[test]
    fn it_is_final_once_every_place_is_clear() {
        let mut certificate = pending();
        assert_eq!(certificate.standing(), Standing::Pending);
        certificate.places.retain(|copies| copies.place.as_str() == "spool");
        certificate.proposed = None;
        certificate.erased.request = None;
        let text = certificate.text();
        assert!(text.contains("\nerased: 2027-01-15T09:00:00.000000Z\n"), "{text}");
        assert!(text.contains("\nstatus: final\nplace: spool clear looked-at "), "{text}");
        assert!(!text.contains("proposed"), "{text}");
    }
}
