//! Officers and what they have approved, as it is kept: in the table `meta` of `vault.db`, so that neither is changed by
//! editing a file, and both are backed up and restored with the newest state of the vault.

use coffre_core::approval::{Officers, PolicyHashes, PolicyStatement};
use coffre_core::crypto::hex;
use coffre_core::ids::ApplicationId;
use rusqlite::Connection;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::error::ReadError;
use crate::meta;
use crate::snapshot::Snapshot;

/// The officers of the vault.
pub(crate) const OFFICERS: &str = "officers";
/// The policy set that was approved last, whether or not it has been in force yet.
pub(crate) const POLICIES_APPROVED: &str = "policies-approved";
/// The policy set that a server was started with last.
pub(crate) const POLICIES_IN_FORCE: &str = "policies-in-force";
/// Before the identifier of an application, in hexadecimal.
const APPLICATION: &str = "application-approved/";

/// Whether the application of a row has an effect: where nobody approves, each one has.
pub(crate) const IN_EFFECT: &str = "(NOT EXISTS (SELECT 1 FROM meta WHERE key = 'officers')
    OR EXISTS (SELECT 1 FROM meta WHERE key = 'application-approved/' || lower(hex(id))))";

/// A policy set that two officers have signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ApprovedPolicies {
    /// Its number: 1 for the first, and each time one more.
    pub serial: u64,
    /// What it is known by.
    #[serde(flatten)]
    pub hashes: PolicyHashes,
    /// The signed note.
    pub note: String,
}

impl ApprovedPolicies {
    pub(crate) fn new(statement: &PolicyStatement, note: &str) -> Self {
        Self { serial: statement.serial, hashes: statement.hashes, note: note.to_owned() }
    }
}

/// How much is approved, for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct ApprovalCounts {
    /// Officers; where there are none, everything takes effect without them.
    pub officers: u64,
    /// Applications in force that have no effect until they are approved.
    pub applications_waiting: u64,
    /// Whether policies were approved that no server was started with yet.
    pub policies_waiting: bool,
}

/// The key under which the approval of an application is kept.
pub(crate) fn of_application(id: ApplicationId) -> String {
    format!("{APPLICATION}{}", hex(id.as_bytes()))
}

/// What is kept under a key.
pub(crate) fn kept<T: DeserializeOwned>(vault: &Connection, key: &str) -> Result<Option<T>, ReadError> {
    let text = meta::get(vault, key)?;
    let read = |text: String| serde_json::from_str(&text).map_err(|_| ReadError::Format { what: "approval" });
    text.map(read).transpose()
}

impl Snapshot<'_> {
    /// The officers, if there are any.
    pub fn officers(&self) -> Result<Option<Officers>, ReadError> {
        self.ask(|reader| kept(&reader.vault, OFFICERS))
    }

    /// The policy set that was approved last, whether or not it has been in force yet.
    pub fn policies_approved(&self) -> Result<Option<ApprovedPolicies>, ReadError> {
        self.ask(|reader| kept(&reader.vault, POLICIES_APPROVED))
    }

    /// The policy set that a server was started with last, of those that were approved.
    pub fn policies_in_force(&self) -> Result<Option<ApprovedPolicies>, ReadError> {
        self.ask(|reader| kept(&reader.vault, POLICIES_IN_FORCE))
    }

    /// The signed note by which an application was approved.
    pub fn application_approval(&self, id: ApplicationId) -> Result<Option<String>, ReadError> {
        self.ask(|reader| kept(&reader.vault, &of_application(id)))
    }

    pub(crate) fn approval_counts(&self) -> Result<ApprovalCounts, ReadError> {
        let Some(officers) = self.officers()? else { return Ok(ApprovalCounts::default()) };
        let sql = format!("SELECT count(*) FROM applications WHERE revoked_at IS NULL AND NOT {IN_EFFECT}");
        let applications_waiting = self.ask(|reader| Ok(reader.vault.query_row(&sql, [], |row| row.get(0))?))?;
        let policies_waiting = self.policies_approved()? != self.policies_in_force()?;
        Ok(ApprovalCounts { officers: officers.iter().count() as u64, applications_waiting, policies_waiting })
    }
}
