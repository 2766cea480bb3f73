//! Facts with fixed figures, for the tests of what is rendered.

use std::time::Duration;

use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::{Labels, Policies};

use super::facts::{
    Access, Accesses, Alteration, Approval, Attempt, Backup, Blindness, Contract, Environments, Facts, Import, Log,
    Loss, Occasion, Phase, Place, PolicyText, Refusal, Reject, Search, Side, Withdrawal,
};

fn labels(fr: &str, en: &str) -> Labels {
    Labels { fr: fr.to_owned(), en: en.to_owned() }
}

fn moment(micros: i64) -> Timestamp {
    Timestamp::from_micros(1_795_361_527_000_000 + micros)
}

fn side() -> Side {
    Side {
        records: 962,
        documents: 1_174,
        fingerprint: "3f9a1c07b2d84e5f60718293a4b5c6d7e8f9012345678abcdef0123456789a1d2".chars().take(64).collect(),
    }
}

/// A whole story.
pub(crate) fn facts() -> Facts {
    let policies = Policies::embedded().expect("the embedded policies are valid");
    let policyholder = policies.record_type("policyholder").expect("it is declared");
    Facts {
        occasion: Occasion {
            at: moment(0),
            environment: "production".to_owned(),
            vault_id: "0b0e9f0a-3c1d-4c3e-9d53-2f6f0a8f7c11".to_owned(),
            verification_key: "coffre/production/0b0e9f0a+a55c8fdc+AUtpjsqvtjTItSUB+Vtq5GrYNEnaO61wDeb6AaaaaaaaB"
                .to_owned(),
            policy_set: policies.hash().to_string(),
        },
        import: import(),
        approval: Approval {
            application: "sales-desk".to_owned(),
            status: 403,
            cause: "application-not-approved".to_owned(),
            entry: 1_030,
            officers: vec!["legal/m.laurent+71cec933".to_owned(), "dpo/d.moreau+0a1b2c3d".to_owned()],
        },
        search: search(),
        refusal: Refusal {
            operator: "s.petit".to_owned(),
            status: 403,
            cause: "never-for-role".to_owned(),
            field: labels("maladies", "illnesses"),
            policies: vec![PolicyText {
                id: "sales-never-health".to_owned(),
                description: labels(
                    "La vente n'accède jamais aux données de santé.",
                    "Sales never handles health data.",
                ),
            }],
            entry: 1_034,
        },
        withdrawal: Withdrawal {
            purpose: labels("prospection commerciale", "direct marketing"),
            opened: vec![labels("adresse électronique", "e-mail address"), labels("téléphone", "phone")],
            allowed_entry: 1_035,
            withdrawn_entry: 1_036,
            refused_entry: 1_037,
            delay: Duration::from_micros(3_140),
            cause: "grant-withdrawn".to_owned(),
        },
        accesses: accesses(),
        backup: Backup {
            took: Duration::from_millis(2_310),
            objects: 1_190,
            bytes: 9_412_003,
            restic_version: "0.14.0".to_owned(),
            snapshot: "7d2c91aa".to_owned(),
            repository_bytes: 7_900_112,
            verify_exit: 0,
            status_exit: 0,
            age: Duration::from_secs(3),
            objective_hours: 26,
        },
        blindness: blindness(),
        loss: loss(),
        environments: Environments {
            attempts: vec![Attempt {
                what: labels(
                    "le coffre de recette avec l'identité de production",
                    "the recette vault with production's identity",
                ),
                message: "this identity does not open the root key".to_owned(),
                exit: 15,
            }],
        },
        matrix: policies.matrix(policyholder),
    }
}

fn import() -> Import {
    let reject = |row, column: Option<&str>, code: &str, fr, en| Reject {
        table: "CLIENT".to_owned(),
        row,
        key: format!("{row:08}"),
        column: column.map(str::to_owned),
        code: code.to_owned(),
        reason: labels(fr, en),
    };
    Import {
        tables: vec![("CLIENT".to_owned(), 1_000), ("CONTRAT".to_owned(), 1_212)],
        clients: 1_000,
        imported: 962,
        rejected: 38,
        faults: 41,
        faults_by_reason: vec![("bad-email".to_owned(), 22), ("impossible-date".to_owned(), 19)],
        grants: 411,
        source: side(),
        vault: side(),
        rejects: vec![
            reject(
                17,
                Some("MEL"),
                "bad-email",
                "adresse électronique invalide : la corriger ou l'effacer",
                "not an e-mail address: correct or clear it",
            ),
            reject(
                211,
                None,
                "duplicate-key",
                "numéro porté par plusieurs lignes : en garder une",
                "several rows have this number: keep one",
            ),
        ],
        took: Duration::from_millis(1_840),
    }
}

fn search() -> Search {
    let contract = Contract {
        number: "VIE-2019-004711".to_owned(),
        product: "Prévoyance Sérénité".to_owned(),
        file_name: "VIE-2019-004711.pdf".to_owned(),
        sha256: "ab".repeat(32),
        sha256_in_source: "ab".repeat(32),
        first_page: vec![
            vec!["Les Assureurs Engagés".to_owned()],
            vec!["Contrat".to_owned(), "VIE-2019-004711".to_owned()],
            vec!["Souscripteur".to_owned(), "<script>alert(1)</script> & fils".to_owned()],
        ],
        content: b"%PDF-1.7 fictitious".to_vec(),
        entry: 1_032,
    };
    Search {
        operator: "m.laurent".to_owned(),
        typed: "Lefaivre".to_owned(),
        names: vec!["Lefèvre".to_owned(), "Lefebvre".to_owned()],
        hits: 7,
        given_name: "Hélène".to_owned(),
        family_name: "Lefèvre".to_owned(),
        contract,
        entry: 1_031,
    }
}

fn accesses() -> Accesses {
    let access = |entry: u64, operator: &str, role, action: &str, allowed| Access {
        entry,
        time: moment(i64::try_from(entry).unwrap_or(0) * 1_000),
        operator: Some(operator.to_owned()),
        role: Some(role),
        action: action.to_owned(),
        fields: vec!["contact.email".parse().expect("a path")],
        document: false,
        withheld: vec!["health.illnesses".parse().expect("a path")],
        purpose: Some(labels("prospection commerciale", "direct marketing")),
        reason: None,
        allowed,
        cause: (!allowed).then(|| "never-for-role".to_owned()),
    };
    Accesses {
        subject: "8d1f1c52-7a31-4e0a-9a53-1c0e3a2a7b10".to_owned(),
        entries: vec![
            access(1_031, "m.laurent", Role::Legal, "search", true),
            access(1_034, "s.petit", Role::Sales, "read", false),
            access(1_038, "d.moreau", Role::Dpo, "read-accesses", true),
        ],
        operators: 3,
        tree_head: "vault.example/production/1\n1039\nEgt+ioAUtpjsqvtjTItSUB+Vtq5GrYNEnaO61wDeb6A=\n\n— vault.example pVSPHM39gDJG\n".to_owned(),
        log: Log {
            entries: 1_039,
            reads_allowed: 961,
            reads_denied: 3,
            verify_command: "coffre audit verify --copy log --vault-key …".to_owned(),
            verify_exit: 0,
        },
        alteration: Alteration {
            entry: 1_034,
            file: "tile/entries/004.p/15".to_owned(),
            offset: 5_512,
            before: 0x79,
            after: 0x6e,
            finding: "error: entry 1034 was changed: it does not hash to its leaf in the tree".to_owned(),
            exit: 12,
        },
    }
}

fn blindness() -> Blindness {
    let place = |fr, en, files, bytes| Place { name: labels(fr, en), files, bytes };
    Blindness {
        places: vec![
            place("file des sauvegardes", "spool", 1_190, 9_412_003),
            place("dépôt restic, déchiffré", "restic repository, decrypted", 1_180, 9_300_112),
        ],
        names: 214,
        full_names: 960,
        emails: 958,
        numbers: 962,
        short: 31,
        shortest: 6,
        expected_by_chance: 2.5e-5,
        hits: 0,
        found_in_source: 3_094,
    }
}

fn loss() -> Loss {
    let phase = |fr, en, millis| Phase { name: labels(fr, en), took: Duration::from_millis(millis) };
    Loss {
        killed_pid: 4_711,
        wiped_files: 2_400,
        wiped_bytes: 19_412_003,
        took: Duration::from_millis(4_200),
        phases: vec![
            phase("rapatriement", "fetching", 1_100),
            phase("vérification sans clé", "verification without keys", 900),
            phase("ouverture et contrôle", "opening and checking", 1_600),
            phase("démarrage du serveur", "start of the server", 600),
        ],
        records: 962,
        documents: 1_174,
        identical_records: 962,
        identical_documents: 1_174,
        before: side(),
        after: side(),
        log_continues_at: 4_096,
        restored_bytes: 9_412_003,
    }
}
