//! What the demonstration found out, as plain data. Every figure comes from something that happened; how it is told
//! is in `tell`, `json` and `page`, how it came about in `story`.

use std::time::Duration;

use coffre_core::record::FieldPath;
use coffre_core::role::Role;
use coffre_core::time::Timestamp;
use coffre_policies::{Labels, Matrix};
use serde::Serialize;

/// The whole story.
#[derive(Debug, Clone)]
pub(crate) struct Facts {
    pub(crate) occasion: Occasion,
    pub(crate) import: Import,
    pub(crate) approval: Approval,
    pub(crate) search: Search,
    pub(crate) refusal: Refusal,
    pub(crate) withdrawal: Withdrawal,
    pub(crate) accesses: Accesses,
    pub(crate) backup: Backup,
    pub(crate) blindness: Blindness,
    pub(crate) loss: Loss,
    pub(crate) environments: Environments,
    pub(crate) matrix: Matrix,
}

/// When and with what it was made.
#[derive(Debug, Clone)]
pub(crate) struct Occasion {
    pub(crate) at: Timestamp,
    pub(crate) environment: String,
    pub(crate) vault_id: String,
    pub(crate) verification_key: String,
    pub(crate) policy_set: String,
}

/// How many there are on one side, and their fingerprint.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Side {
    pub(crate) records: u64,
    pub(crate) documents: u64,
    pub(crate) fingerprint: String,
}

/// 1: from the legacy database into the vault.
#[derive(Debug, Clone)]
pub(crate) struct Import {
    /// Rows of each table of the source.
    pub(crate) tables: Vec<(String, u64)>,
    /// Rows of the clients' table: imported or rejected.
    pub(crate) clients: u64,
    pub(crate) imported: u64,
    pub(crate) rejected: u64,
    /// Faults in the reject file, which may be several for one client or in another table.
    pub(crate) faults: u64,
    pub(crate) faults_by_reason: Vec<(String, u64)>,
    pub(crate) grants: u64,
    pub(crate) source: Side,
    pub(crate) vault: Side,
    pub(crate) rejects: Vec<Reject>,
    pub(crate) took: Duration,
}

/// A row that was not imported; it names no value.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Reject {
    pub(crate) table: String,
    pub(crate) row: i64,
    pub(crate) key: String,
    pub(crate) column: Option<String>,
    pub(crate) code: String,
    pub(crate) reason: Labels,
}

/// 2: an application has no effect until two officers have signed its role.
#[derive(Debug, Clone)]
pub(crate) struct Approval {
    pub(crate) application: String,
    pub(crate) status: u16,
    pub(crate) cause: String,
    /// The refusal in the log.
    pub(crate) entry: u64,
    /// Who signed, each with role, name and the mark of the key.
    pub(crate) officers: Vec<String>,
}

/// 3: Legal finds a misspelt name and opens the contract.
#[derive(Debug, Clone)]
pub(crate) struct Search {
    pub(crate) operator: String,
    pub(crate) typed: String,
    /// Family names found, the person's first, without repetition.
    pub(crate) names: Vec<String>,
    pub(crate) hits: u64,
    pub(crate) given_name: String,
    pub(crate) family_name: String,
    pub(crate) contract: Contract,
    pub(crate) entry: u64,
}

/// A contract that was opened.
#[derive(Debug, Clone)]
pub(crate) struct Contract {
    pub(crate) number: String,
    pub(crate) product: String,
    pub(crate) file_name: String,
    pub(crate) sha256: String,
    /// Of the copy in the legacy database: equal, or the demonstration fails.
    pub(crate) sha256_in_source: String,
    /// What stands on its first page: lines and their columns.
    pub(crate) first_page: Vec<Vec<String>>,
    pub(crate) content: Vec<u8>,
    /// The entry of the log that the download left.
    pub(crate) entry: u64,
}

/// 4: Sales asks for health data.
#[derive(Debug, Clone)]
pub(crate) struct Refusal {
    pub(crate) operator: String,
    pub(crate) status: u16,
    pub(crate) cause: String,
    pub(crate) field: Labels,
    pub(crate) policies: Vec<PolicyText>,
    pub(crate) entry: u64,
}

/// A policy, in words.
#[derive(Debug, Clone)]
pub(crate) struct PolicyText {
    pub(crate) id: String,
    pub(crate) description: Labels,
}

/// 5: a consent is withdrawn.
#[derive(Debug, Clone)]
pub(crate) struct Withdrawal {
    pub(crate) purpose: Labels,
    /// Fields that the consent opened a moment before.
    pub(crate) opened: Vec<Labels>,
    pub(crate) allowed_entry: u64,
    pub(crate) withdrawn_entry: u64,
    pub(crate) refused_entry: u64,
    /// From the entry of the withdrawal to the entry of the refusal.
    pub(crate) delay: Duration,
    /// Why, as the log has it.
    pub(crate) cause: String,
}

/// 6: who has seen this person, and a log in which one byte is altered.
#[derive(Debug, Clone)]
pub(crate) struct Accesses {
    pub(crate) subject: String,
    /// Oldest first.
    pub(crate) entries: Vec<Access>,
    pub(crate) operators: u64,
    /// The signed tree head, as the DPO keeps it.
    pub(crate) tree_head: String,
    pub(crate) log: Log,
    pub(crate) alteration: Alteration,
}

/// One entry about the person.
#[derive(Debug, Clone)]
pub(crate) struct Access {
    pub(crate) entry: u64,
    pub(crate) time: Timestamp,
    pub(crate) operator: Option<String>,
    pub(crate) role: Option<Role>,
    pub(crate) action: String,
    pub(crate) fields: Vec<FieldPath>,
    pub(crate) withheld: Vec<FieldPath>,
    /// Whether it was about one document.
    pub(crate) document: bool,
    pub(crate) purpose: Option<Labels>,
    pub(crate) reason: Option<String>,
    pub(crate) allowed: bool,
    pub(crate) cause: Option<String>,
}

/// The log as a whole, when the DPO looked.
#[derive(Debug, Clone)]
pub(crate) struct Log {
    pub(crate) entries: u64,
    /// Reads of content (records, documents, searches) in it, by their decision.
    pub(crate) reads_allowed: u64,
    pub(crate) reads_denied: u64,
    pub(crate) verify_command: String,
    pub(crate) verify_exit: u8,
}

/// A copy of the log with one byte altered.
#[derive(Debug, Clone)]
pub(crate) struct Alteration {
    /// The entry that the byte belongs to.
    pub(crate) entry: u64,
    pub(crate) file: String,
    pub(crate) offset: u64,
    pub(crate) before: u8,
    pub(crate) after: u8,
    /// What the verifier said.
    pub(crate) finding: String,
    pub(crate) exit: u8,
}

/// The backup that everything after it rests on.
#[derive(Debug, Clone)]
pub(crate) struct Backup {
    pub(crate) took: Duration,
    pub(crate) objects: u64,
    pub(crate) bytes: u64,
    pub(crate) restic_version: String,
    pub(crate) snapshot: String,
    pub(crate) repository_bytes: u64,
    pub(crate) verify_exit: u8,
    pub(crate) status_exit: u8,
    pub(crate) age: Duration,
    pub(crate) objective_hours: u64,
}

/// 7: what the backup account holds, searched.
#[derive(Debug, Clone)]
pub(crate) struct Blindness {
    pub(crate) places: Vec<Place>,
    /// Family and given names by themselves.
    pub(crate) names: u64,
    pub(crate) full_names: u64,
    pub(crate) emails: u64,
    pub(crate) numbers: u64,
    /// Names of fewer characters than `shortest`, which are searched as part of full names only.
    pub(crate) short: u64,
    pub(crate) shortest: usize,
    /// How many hits random bytes would give.
    pub(crate) expected_by_chance: f64,
    pub(crate) hits: u64,
    /// Values that the same search finds in the legacy database: all, or the search is worth nothing.
    pub(crate) found_in_source: u64,
}

/// One of the places that were searched.
#[derive(Debug, Clone)]
pub(crate) struct Place {
    pub(crate) name: Labels,
    pub(crate) files: u64,
    pub(crate) bytes: u64,
}

/// 8: loss and restore.
#[derive(Debug, Clone)]
pub(crate) struct Loss {
    pub(crate) killed_pid: u32,
    pub(crate) wiped_files: u64,
    pub(crate) wiped_bytes: u64,
    /// From the start of the restore to the first answer of the new server.
    pub(crate) took: Duration,
    pub(crate) phases: Vec<Phase>,
    pub(crate) records: u64,
    pub(crate) documents: u64,
    pub(crate) identical_records: u64,
    pub(crate) identical_documents: u64,
    pub(crate) before: Side,
    pub(crate) after: Side,
    /// The log's size at the backup, where the new generation's first entry says it goes on.
    pub(crate) log_continues_at: u64,
    pub(crate) restored_bytes: u64,
}

/// A part of the restore.
#[derive(Debug, Clone)]
pub(crate) struct Phase {
    pub(crate) name: Labels,
    pub(crate) took: Duration,
}

/// 9: production's key in the recette vault.
#[derive(Debug, Clone)]
pub(crate) struct Environments {
    pub(crate) attempts: Vec<Attempt>,
}

/// An attempt to open the vault of another environment.
#[derive(Debug, Clone)]
pub(crate) struct Attempt {
    pub(crate) what: Labels,
    pub(crate) message: String,
    pub(crate) exit: u8,
}

impl Attempt {
    /// The refusal without its remedy.
    pub(crate) fn cause(&self) -> &str {
        self.message.split_once("; ").map_or(self.message.as_str(), |(cause, _)| cause)
    }
}

impl Import {
    /// Both sides have the same records and documents.
    pub(crate) fn reconciled(&self) -> bool {
        self.source == self.vault
    }
}

impl Accesses {
    pub(crate) fn allowed(&self) -> u64 {
        self.entries.iter().filter(|entry| entry.allowed).count() as u64
    }

    pub(crate) fn refused(&self) -> u64 {
        self.entries.iter().filter(|entry| !entry.allowed).count() as u64
    }
}

impl Blindness {
    /// Distinct values searched for.
    pub(crate) const fn values(&self) -> u64 {
        self.names + self.full_names + self.emails + self.numbers
    }

    pub(crate) fn files(&self) -> u64 {
        self.places.iter().map(|place| place.files).sum()
    }

    pub(crate) fn bytes(&self) -> u64 {
        self.places.iter().map(|place| place.bytes).sum()
    }
}

impl Loss {
    /// Nothing is missing, nothing is different, nothing is new.
    pub(crate) fn identical(&self) -> bool {
        self.before == self.after
            && self.identical_records == self.records
            && self.identical_documents == self.documents
    }
}
