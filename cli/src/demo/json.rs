//! The facts as one JSON object, for scripts. Keys are stable.

use std::path::Path;

use serde::Serialize;

use super::facts::Facts;
use super::keep::Kept;

/// What a script wants to know of a demonstration.
#[derive(Debug, Serialize)]
#[expect(clippy::struct_excessive_bools, reason = "each is an answer of its own")]
pub(crate) struct Summary<'f> {
    fictitious: bool,
    clients: u64,
    records_imported: u64,
    records_rejected: u64,
    faults_rejected: u64,
    documents_imported: u64,
    grants_imported: u64,
    fingerprint: &'f str,
    fingerprints_equal: bool,
    import_seconds: f64,
    unapproved_refused: bool,
    approved_by: &'f [String],
    search_hits: u64,
    contract_identical: bool,
    reads_allowed: u64,
    reads_denied: u64,
    denied_by: Vec<&'f str>,
    withdrawal_binds_after_seconds: f64,
    audit_entries: u64,
    audit_verified: bool,
    tampering_detected: bool,
    tampered_entry: u64,
    plaintext_values_searched: u64,
    plaintext_hits: u64,
    plaintext_control_found: u64,
    backup_objects: u64,
    backup_bytes: u64,
    backup_seconds: f64,
    backup_status_exit: u8,
    restore_seconds: f64,
    restored_records: u64,
    restored_documents: u64,
    restored_identical: bool,
    environments_separated: bool,
    page: &'f Path,
    #[serde(skip_serializing_if = "Option::is_none")]
    kept: Option<&'f Kept>,
}

impl<'f> Summary<'f> {
    /// The summary of a story, where its page is, and what else is left of it.
    pub(crate) fn of(facts: &'f Facts, page: &'f Path, kept: Option<&'f Kept>) -> Self {
        let Facts { import, search, accesses, blindness, backup, loss, .. } = facts;
        Self {
            fictitious: true,
            clients: import.clients,
            records_imported: import.imported,
            records_rejected: import.rejected,
            faults_rejected: import.faults,
            documents_imported: import.vault.documents,
            grants_imported: import.grants,
            fingerprint: &import.vault.fingerprint,
            fingerprints_equal: import.reconciled(),
            import_seconds: import.took.as_secs_f64(),
            unapproved_refused: facts.approval.status == 403,
            approved_by: &facts.approval.officers,
            search_hits: search.hits,
            contract_identical: search.contract.sha256 == search.contract.sha256_in_source,
            reads_allowed: accesses.log.reads_allowed,
            reads_denied: accesses.log.reads_denied,
            denied_by: facts.refusal.policies.iter().map(|policy| policy.id.as_str()).collect(),
            withdrawal_binds_after_seconds: facts.withdrawal.delay.as_secs_f64(),
            audit_entries: accesses.log.entries,
            audit_verified: accesses.log.verify_exit == 0,
            tampering_detected: accesses.alteration.exit != 0,
            tampered_entry: accesses.alteration.entry,
            plaintext_values_searched: blindness.values(),
            plaintext_hits: blindness.hits,
            plaintext_control_found: blindness.found_in_source,
            backup_objects: backup.objects,
            backup_bytes: backup.bytes,
            backup_seconds: backup.took.as_secs_f64(),
            backup_status_exit: backup.status_exit,
            restore_seconds: loss.took.as_secs_f64(),
            restored_records: loss.identical_records,
            restored_documents: loss.identical_documents,
            restored_identical: loss.identical(),
            environments_separated: facts.environments.attempts.iter().all(|attempt| attempt.exit != 0),
            page,
            kept,
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
mod tests {
    use std::path::Path;

    use crate::demo::sample;

    #[test]
    fn the_keys_that_scripts_rely_on_are_there() {
        let facts = sample::facts();
        let json = serde_json::to_value(super::Summary::of(&facts, Path::new("target/demo/index.html"), None)).unwrap();
        for key in [
            "records_imported",
            "records_rejected",
            "documents_imported",
            "reads_allowed",
            "reads_denied",
            "audit_entries",
            "audit_verified",
            "tampering_detected",
            "plaintext_hits",
            "backup_bytes",
            "restore_seconds",
            "restored_identical",
        ] {
            assert!(json.get(key).is_some(), "{key}");
        }
        assert_eq!(json["restored_identical"], true);
        assert_eq!(json["records_imported"], 962);
    }
}
