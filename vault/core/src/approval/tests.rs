//! Statements in their one spelling, approvals by two officers, and every way in which a note approves nothing.
#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]

use proptest::prelude::*;

use super::*;
use crate::crypto::Scope;
use crate::ids::{ApplicationId, VaultId};
use crate::note::{KeyName, NoteError, SignedNote, SigningKey};
use crate::role::Role;
use crate::spool::ContentHash;

/// The documented bytes, see `docs/formats/approvals.md`.
const POLICIES: &str = include_str!("golden/policies.note");
const APPLICATION: &str = include_str!("golden/application.note");
const OFFICERS: &str = include_str!("golden/officers.note");

fn scope() -> Scope {
    Scope { environment: "production".parse().unwrap(), vault: VaultId::from_bytes([7; 16]) }
}

fn key(name: &str, seed: u8) -> SigningKey {
    SigningKey::from_seed(KeyName::new(name).unwrap(), &[seed; 32])
}

fn martin() -> SigningKey {
    key("legal/a.martin", 1)
}

fn durand() -> SigningKey {
    key("dpo/b.durand", 2)
}

fn petit() -> SigningKey {
    key("legal/c.petit", 3)
}

fn officer(key: &SigningKey) -> Officer {
    Officer::new(key.verification_key()).unwrap()
}

fn officers(serial: u64, keys: &[SigningKey]) -> Officers {
    Officers::new(serial, keys.iter().map(officer).collect()).unwrap()
}

fn present() -> Officers {
    officers(1, &[martin(), durand(), petit()])
}

fn hashes(policies: &[u8], environments: &[u8]) -> PolicyHashes {
    PolicyHashes { policies: ContentHash::of(policies), environments: ContentHash::of(environments) }
}

fn policies() -> Statement {
    let subject = Subject::Policies(PolicyStatement {
        serial: 2,
        hashes: hashes(b"policies", b"environments"),
        replaces: Some(hashes(b"former policies", b"former environments")),
    });
    Statement { scope: scope(), subject }
}

fn application(san_uri: Option<&str>) -> Statement {
    let subject = Subject::Application(ApplicationStatement {
        id: ApplicationId::from_bytes([0x4a; 16]),
        name: "crm".to_owned(),
        role: Role::Sales,
        san_uri: san_uri.map(str::to_owned),
    });
    Statement { scope: scope(), subject }
}

fn other_officers() -> Statement {
    Statement { scope: scope(), subject: Subject::Officers(officers(2, &[martin(), durand()])) }
}

fn signed(statement: &Statement, keys: &[SigningKey]) -> SignedNote {
    let note = SignedNote::sign(statement.to_string(), &keys[0]).unwrap();
    keys[1..].iter().fold(note, SignedNote::cosign)
}

fn open(note: &SignedNote) -> Result<Approval, ApprovalError> {
    Approval::open(note.to_string().as_bytes(), &present(), &scope())
}

#[test]
fn approvals_are_the_documented_bytes() {
    for (statement, golden) in [
        (policies(), POLICIES),
        (application(Some("coffre:application:crm")), APPLICATION),
        (other_officers(), OFFICERS),
    ] {
        assert_eq!(signed(&statement, &[martin(), durand()]).to_string(), golden);
        let approval = Approval::open(golden.as_bytes(), &present(), &scope()).unwrap();
        assert_eq!(approval.statement, statement);
        assert_eq!(approval.signed_by(), "legal/a.martin+71cec933, dpo/b.durand+4058c2ae");
    }
}

#[test]
fn two_officers_approve_whichever_they_are_and_whoever_signed_beside_them() {
    let stranger = key("legal/x.nobody", 9);
    for keys in [
        vec![martin(), durand()],
        vec![durand(), martin()],
        vec![petit(), martin()],
        vec![martin(), durand(), petit()],
        vec![stranger, petit(), durand()],
    ] {
        let approval = open(&signed(&policies(), &keys)).unwrap();
        assert!(approval.signers.len() >= 2, "{approval:?}");
        assert!(!approval.signed_by().contains("nobody"), "{approval:?}");
    }
}

#[test]
fn one_officer_is_not_two() {
    let stranger = key("legal/x.nobody", 9);
    // The same name by another key, and the same key under another name: neither is the officer.
    let (impostor, renamed) = (key("dpo/b.durand", 9), key("dpo/b.durant", 2));
    for (keys, told) in [
        (vec![martin()], "this has that of legal/a.martin+71cec933: have another officer sign"),
        (vec![martin(), martin()], "this has that of legal/a.martin+71cec933: have another officer sign"),
        (vec![martin(), stranger], "legal/a.martin+71cec933 (legal/x.nobody+"),
        (vec![martin(), impostor], "legal/a.martin+71cec933 (dpo/b.durand+"),
        (vec![martin(), renamed], "legal/a.martin+71cec933 (dpo/b.durant+"),
        (vec![key("legal/x.nobody", 9), key("legal/y.nobody", 8)], "none of this vault's (legal/x.nobody+"),
    ] {
        let refused = open(&signed(&policies(), &keys)).unwrap_err();
        assert_eq!(refused.code(), "not-enough-officers");
        assert!(refused.to_string().contains(told), "{refused}");
    }
}

#[test]
fn what_was_signed_for_another_vault_or_environment_counts_there_alone() {
    let keys = [martin(), durand()];
    let mut statement = policies();
    statement.scope.vault = VaultId::from_bytes([8; 16]);
    let refused = open(&signed(&statement, &keys)).unwrap_err();
    assert_eq!(
        (&refused, refused.code()),
        (&ApprovalError::OtherVault { found: statement.scope.vault }, "other-vault")
    );
    statement.scope = Scope { environment: "recette".parse().unwrap(), ..scope() };
    let refused = open(&signed(&statement, &keys)).unwrap_err();
    assert_eq!(refused, ApprovalError::OtherEnvironment { found: "recette".parse().unwrap() });
    assert_eq!(refused.code(), "other-environment");
}

#[test]
fn every_changed_byte_of_an_approval_is_found() {
    for at in 0..APPLICATION.len() {
        for bit in 0..8 {
            let mut bytes = APPLICATION.as_bytes().to_vec();
            bytes[at] ^= 1 << bit;
            let opened = Approval::open(&bytes, &present(), &scope());
            assert!(opened.is_err(), "bit {bit} of byte {at}");
        }
    }
    let changed = APPLICATION.replace("role sales", "role legal");
    let refused = Approval::open(changed.as_bytes(), &present(), &scope()).unwrap_err();
    assert!(matches!(refused, ApprovalError::Note(NoteError::BadSignature { .. })), "{refused}");
    assert_eq!(refused.code(), "bad-signature");
    for length in 0..POLICIES.len() {
        assert!(Approval::open(&POLICIES.as_bytes()[..length], &present(), &scope()).is_err(), "{length} bytes");
    }
}

#[test]
fn what_two_officers_signed_elsewhere_is_no_statement() {
    let text = "coffre.example/production/1\n3\n47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=\n".to_owned();
    let note = SignedNote::sign(text, &martin()).unwrap().cosign(&durand());
    let refused = open(&note).unwrap_err();
    assert_eq!((&refused, refused.code()), (&ApprovalError::Statement(StatementError::NoStatement), "no-statement"));
    assert_eq!(Approval::open(b"coffre approval v1\n", &present(), &scope()).unwrap_err().code(), "no-note");
}

#[test]
fn officers_are_different_people_with_different_keys() {
    let set = |keys: &[SigningKey]| Officers::new(1, keys.iter().map(officer).collect()).unwrap_err();
    assert_eq!(set(&[]), OfficersError::TooFew { found: 0 });
    assert_eq!(set(&[martin()]), OfficersError::TooFew { found: 1 });
    let many: Vec<SigningKey> = (0..17).map(|n| key(&format!("legal/n{n}"), n)).collect();
    assert_eq!(set(&many), OfficersError::TooMany { found: 17, most: 16 });
    let same = OfficersError::SamePerson { name: "a.martin".to_owned() };
    assert_eq!(
        set(&[martin(), durand(), key("dpo/A.Martin", 5)]),
        OfficersError::SamePerson { name: "a.martin".into() }
    );
    assert_eq!(set(&[martin(), martin()]), same);
    assert!(matches!(set(&[martin(), key("dpo/b.durand", 1)]), OfficersError::SameKey { .. }));
}

#[test]
fn a_key_says_who_its_officer_is() {
    let martin = officer(&martin());
    assert_eq!((martin.role(), martin.name()), (OfficerRole::Legal, "a.martin"));
    assert_eq!(martin.to_string().parse::<Officer>().unwrap(), martin);
    let long = format!("legal/{}", "x".repeat(65));
    for name in ["a.martin", "sales/a.martin", "legal/", "legal/é", "legal/a/b", "Legal/a.martin", &long] {
        let refused = Officer::new(key(name, 1).verification_key()).unwrap_err();
        assert_eq!(refused, OfficerError::Name { name: name.to_owned() });
    }
    assert!(matches!("nonsense".parse::<Officer>(), Err(OfficerError::Key(_))));
    let stored = serde_json::to_string(&present()).unwrap();
    assert_eq!(serde_json::from_str::<Officers>(&stored).unwrap(), present());
    let alone = format!("{{\"serial\":1,\"officers\":[\"{martin}\"]}}");
    assert!(serde_json::from_str::<Officers>(&alone).is_err(), "a set that is none is not read back");
}

#[test]
fn what_is_wrong_with_a_statement_is_told_with_its_line() {
    let told = |text: &str| text.parse::<Statement>().unwrap_err().to_string();
    let (policies, application, officers) =
        (policies().to_string(), application(None).to_string(), other_officers().to_string());
    for (text, says) in [
        (String::new(), "this does not begin with `coffre approval v1`"),
        (policies.replace("v1", "v2"), "this does not begin with `coffre approval v1`"),
        ("coffre approval v1\n".to_owned(), "line 2 of the statement is not `vault`"),
        (policies.replace("vault 0", "vault  0"), "line 2 of the statement is not `vault`"),
        (policies.replace("production", "Production"), "line 3 of the statement is not `environment`"),
        (policies.replace("policies 2", "policies 02"), "line 4 of the statement is not `policies`"),
        (policies.replace("policies 2", "policies 0"), "line 4 of the statement is not `policies`"),
        (policies.replace("policies 2", "purposes 2"), "line 4 of the statement is not `policies`"),
        (policies.replace("hash ", "hash A"), "line 5 of the statement is not `hash` and a SHA-256"),
        (policies.replace("environments ", ""), "line 6 of the statement is not `environments`"),
        (policies.replace("replaces ", "replaces x"), "line 7 of the statement is not `replaces`"),
        (policies.replace("replaces ", "replaces nothing "), "line 7 of the statement is not `replaces`"),
        (format!("{policies}\n"), "line 8 of the statement is not the end"),
        (policies.trim_end().to_owned(), "line 7 of the statement is not `replaces`"),
        (application.replace("crm", "c rm"), "line 5 of the statement is not `name`"),
        (application.replace("sales", "boss"), "line 6 of the statement is not `role`"),
        (application.replace("proof token", "proof "), "line 7 of the statement is not `proof`"),
        (application.replace("proof token", "proof é"), "line 7 of the statement is not `proof`"),
        (officers.replace("officer dpo", "officer sales"), "line 6 of the statement is not `officer`"),
        (officers.lines().take(5).fold(String::new(), |text, line| text + line + "\n"), "1 officer is not enough"),
    ] {
        let told = told(&text);
        assert!(told.contains(says), "{told} for {text}");
    }
}

fn any_statement() -> impl Strategy<Value = Statement> {
    let hashes = || {
        any::<[[u8; 32]; 2]>().prop_map(|[policies, environments]| PolicyHashes {
            policies: ContentHash::from_bytes(policies),
            environments: ContentHash::from_bytes(environments),
        })
    };
    let policies = (1_u64.., hashes(), prop::option::of(hashes()))
        .prop_map(|(serial, hashes, replaces)| Subject::Policies(PolicyStatement { serial, hashes, replaces }));
    let application = (any::<[u8; 16]>(), "[a-z][a-z0-9-]{0,63}", 0..6_usize, prop::option::of("[a-z]+:[!-~]{1,80}"))
        .prop_map(|(id, name, role, san_uri)| {
            let (id, role) = (ApplicationId::from_bytes(id), Role::ALL[role]);
            Subject::Application(ApplicationStatement { id, name, role, san_uri })
        });
    let others = (1_u64.., 2..6_u8).prop_map(|(serial, count)| {
        let keys: Vec<SigningKey> = (0..count).map(|n| key(&format!("dpo/n{n}"), n)).collect();
        Subject::Officers(officers(serial, &keys))
    });
    (any::<[u8; 16]>(), "[a-z][a-z0-9-]{0,31}", prop_oneof![policies, application, others]).prop_map(
        |(vault, environment, subject)| {
            let scope = Scope { environment: environment.parse().unwrap(), vault: VaultId::from_bytes(vault) };
            Statement { scope, subject }
        },
    )
}

proptest! {
    #[test]
    fn a_statement_reads_back_as_it_was_written(statement in any_statement()) {
        prop_assert_eq!(statement.to_string().parse::<Statement>(), Ok(statement));
    }

    #[test]
    fn whatever_is_read_has_one_spelling(statement in any_statement(), at in any::<prop::sample::Index>(), byte in b'\n'..b'~') {
        let mut bytes = statement.to_string().into_bytes();
        let at = at.index(bytes.len());
        bytes[at] = byte;
        let text = String::from_utf8(bytes).unwrap();
        if let Ok(read) = text.parse::<Statement>() {
            prop_assert_eq!(read.to_string(), text);
        }
    }

    #[test]
    fn no_text_makes_the_reader_fall(text in "\\PC{0,200}") {
        let read = format!("coffre approval v1\n{text}\n").parse::<Statement>();
        prop_assert!(read.is_err());
    }
}
