//! The tables of the four databases. Nothing personal stands in clear: values, file names, reasons
//! and legacy keys are encrypted under the subject's key or are keyed hashes.

use rusqlite::Connection;

use crate::layout::Database;

/// The version of `keyring.db` and `audit.db`, in each file's `user_version`; and the oldest of `vault.db` that is brought up to
/// date.
pub(crate) const VERSION: i32 = 4;
/// That of `vault.db`. Whoever knows an older one alone must not open it: it would grant over what people objected to.
pub(crate) const VAULT_VERSION: i32 = 5;
/// That of `index.db`: another one is built anew, since everything in it is derived.
pub(crate) const INDEX_VERSION: i32 = 6;

/// The version of a database.
pub(crate) const fn version(database: Database) -> i32 {
    match database {
        Database::Vault => VAULT_VERSION,
        Database::Keyring | Database::Audit => VERSION,
        Database::Index => INDEX_VERSION,
    }
}

pub(crate) const VAULT: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE records (
    subject BLOB PRIMARY KEY, record_type TEXT NOT NULL, version INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, restricted INTEGER NOT NULL DEFAULT 0,
    sources INTEGER NOT NULL DEFAULT 0
) WITHOUT ROWID, STRICT;
CREATE INDEX records_by_type ON records (record_type, subject);
CREATE TABLE record_values (
    subject BLOB NOT NULL, category TEXT NOT NULL, version INTEGER NOT NULL,
    epoch INTEGER NOT NULL, written_at INTEGER NOT NULL, sealed BLOB NOT NULL,
    PRIMARY KEY (subject, category, version)
) WITHOUT ROWID, STRICT;
CREATE TABLE grants (
    id BLOB NOT NULL, subject BLOB NOT NULL, record_type TEXT NOT NULL, version INTEGER NOT NULL,
    terms TEXT NOT NULL, given_at INTEGER NOT NULL, withdrawn_at INTEGER,
    PRIMARY KEY (subject, given_at, id)
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX grants_by_id ON grants (id);
CREATE TABLE documents (
    document BLOB NOT NULL, version INTEGER NOT NULL, subject BLOB NOT NULL, epoch INTEGER NOT NULL,
    stored_at INTEGER NOT NULL, sealed_length INTEGER NOT NULL, sealed_sha256 BLOB NOT NULL, note BLOB NOT NULL,
    PRIMARY KEY (document, version)
) WITHOUT ROWID, STRICT;
CREATE INDEX documents_by_subject ON documents (subject);
CREATE TABLE habilitations (
    id BLOB PRIMARY KEY, operator TEXT NOT NULL, terms TEXT NOT NULL, given_at INTEGER NOT NULL, withdrawn_at INTEGER
) WITHOUT ROWID, STRICT;
CREATE INDEX habilitations_by_operator ON habilitations (operator, given_at);
CREATE TABLE applications (
    id BLOB PRIMARY KEY, name TEXT NOT NULL, role TEXT NOT NULL, san_uri TEXT,
    added_at INTEGER NOT NULL, revoked_at INTEGER
) WITHOUT ROWID, STRICT;
CREATE UNIQUE INDEX applications_in_force ON applications (name) WHERE revoked_at IS NULL;
CREATE UNIQUE INDEX applications_by_uri ON applications (san_uri) WHERE revoked_at IS NULL AND san_uri IS NOT NULL;
CREATE TABLE tokens (
    hash BLOB PRIMARY KEY, application BLOB NOT NULL, issued_at INTEGER NOT NULL, expires_at INTEGER
) WITHOUT ROWID, STRICT;
CREATE INDEX tokens_by_application ON tokens (application, issued_at);
CREATE TABLE tombstones (
    subject BLOB PRIMARY KEY, record_type TEXT NOT NULL, erased_at INTEGER NOT NULL, terms BLOB NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX tombstones_by_time ON tombstones (erased_at);
CREATE TABLE removed_documents (
    document BLOB NOT NULL, version INTEGER NOT NULL, PRIMARY KEY (document, version)
) WITHOUT ROWID, STRICT;
CREATE TABLE erased_terms (tag BLOB PRIMARY KEY) WITHOUT ROWID, STRICT;
CREATE TABLE holds (
    id BLOB PRIMARY KEY, subject BLOB NOT NULL, placed_at INTEGER NOT NULL, lifted_at INTEGER,
    epoch INTEGER NOT NULL, sealed BLOB NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX holds_by_subject ON holds (subject, placed_at);
CREATE TABLE erasure_proposals (
    subject BLOB PRIMARY KEY, proposed_at INTEGER NOT NULL, proposed_in BLOB NOT NULL,
    operator TEXT NOT NULL, operator_known TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE erasures (
    subject BLOB PRIMARY KEY, proposed_at INTEGER, proposed_in BLOB, erased_in BLOB NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE keyring_copies (
    place TEXT PRIMARY KEY, looked_at INTEGER NOT NULL, oldest INTEGER, unaccounted INTEGER NOT NULL
) WITHOUT ROWID, STRICT;
CREATE TABLE filings (
    id BLOB PRIMARY KEY, subject BLOB NOT NULL, record_type TEXT NOT NULL, kind TEXT NOT NULL, filer BLOB NOT NULL,
    due_on TEXT NOT NULL, state TEXT NOT NULL, assignee TEXT, filing TEXT NOT NULL
) WITHOUT ROWID, STRICT;
CREATE INDEX filings_by_subject ON filings (subject);
CREATE INDEX filings_by_state ON filings (state, due_on, id);
CREATE INDEX filings_by_type ON filings (record_type, due_on, id);
CREATE INDEX filings_by_filer ON filings (filer, due_on, id);
CREATE INDEX filings_by_assignee ON filings (assignee, due_on, id) WHERE assignee IS NOT NULL;
CREATE TABLE filing_steps (
    filing BLOB NOT NULL, step INTEGER NOT NULL, subject BLOB NOT NULL, act TEXT NOT NULL, at INTEGER NOT NULL,
    operator TEXT, call BLOB NOT NULL, epoch INTEGER NOT NULL, sealed BLOB, PRIMARY KEY (filing, step)
) WITHOUT ROWID, STRICT;
CREATE INDEX filing_steps_by_subject ON filing_steps (subject);
CREATE TABLE archived (
    subject BLOB NOT NULL, category TEXT NOT NULL, since INTEGER NOT NULL, PRIMARY KEY (subject, category)
) WITHOUT ROWID, STRICT;
CREATE TABLE objections (
    subject BLOB NOT NULL, purpose TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (subject, purpose)
) WITHOUT ROWID, STRICT;
CREATE TABLE answered (
    key BLOB PRIMARY KEY, request BLOB NOT NULL, at INTEGER NOT NULL, entry INTEGER NOT NULL, subject BLOB, output TEXT
) WITHOUT ROWID, STRICT;
CREATE INDEX answered_by_time ON answered (at);
CREATE INDEX answered_by_subject ON answered (subject) WHERE subject IS NOT NULL;
CREATE TABLE pending (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, annotation BLOB) STRICT;
";

/// What `vault.db` of an earlier version lacks: every opening sees to it. To that vault nobody has objected; the rest says
/// nothing that the tables do not.
pub(crate) const LATER: &str = "
CREATE INDEX IF NOT EXISTS filings_by_state ON filings (state, due_on, id);
CREATE INDEX IF NOT EXISTS filings_by_type ON filings (record_type, due_on, id);
CREATE INDEX IF NOT EXISTS filings_by_filer ON filings (filer, due_on, id);
CREATE INDEX IF NOT EXISTS filings_by_assignee ON filings (assignee, due_on, id) WHERE assignee IS NOT NULL;
CREATE INDEX IF NOT EXISTS tombstones_by_time ON tombstones (erased_at);
CREATE TABLE IF NOT EXISTS objections (
    subject BLOB NOT NULL, purpose TEXT NOT NULL, at INTEGER NOT NULL, PRIMARY KEY (subject, purpose)
) WITHOUT ROWID, STRICT;
";

/// Sees to what `vault.db` of an earlier version lacks.
pub(crate) fn bring_up_to_date(vault: &Connection) -> rusqlite::Result<()> {
    vault.execute_batch(LATER)?;
    if !tells_sources(vault)? {
        // Where the data of these records come from, the log tells, as far as it goes back.
        vault.execute_batch("ALTER TABLE records ADD COLUMN sources INTEGER NOT NULL DEFAULT 0")?;
    }
    let found: i32 = vault.query_row("PRAGMA user_version", [], |row| row.get(0))?;
    if found == VAULT_VERSION { Ok(()) } else { vault.pragma_update(None, "user_version", VAULT_VERSION) }
}

/// Whether the records of a `vault.db` say where their data come from.
pub(crate) fn tells_sources(vault: &Connection) -> rusqlite::Result<bool> {
    vault.prepare("SELECT 1 FROM pragma_table_info('records') WHERE name = 'sources'")?.exists([])
}

/// Tables of `vault.db` with rows of one data subject, in their column `subject`: all of it goes with an erasure.
pub(crate) const OF_SUBJECT: [&str; 8] =
    ["record_values", "documents", "grants", "holds", "erasure_proposals", "archived", "objections", "records"];

/// What of a subject's requests goes with an erasure: what they say. That one was made and answered stays, for it must
/// be possible to show that it was (GDPR article 5(2)), for as long as requests are kept.
pub(crate) const SILENCE_FILINGS: &str = "UPDATE filing_steps SET sealed = NULL WHERE subject = ?1";

/// What of the answers about a subject goes with an erasure: what they say. That a key was used stays for as long as any
/// does, so that a late repetition does not create somebody again who was erased.
pub(crate) const SILENCE_ANSWERS: &str = "UPDATE answered SET output = NULL WHERE subject = ?1";

/// What `keyring.db` of an earlier version lacks: every opening sees to it. Before this time, whoever was erased by then has no
/// key any more.
pub(crate) const KEYRING_LATER: &str =
    "CREATE TABLE IF NOT EXISTS buried (only INTEGER PRIMARY KEY CHECK (only = 1), until INTEGER NOT NULL) STRICT";

pub(crate) const KEYRING: &str = "
CREATE TABLE subject_keys (
    subject BLOB PRIMARY KEY, record_type TEXT NOT NULL, epoch INTEGER NOT NULL, wrapped BLOB, tombstone TEXT,
    CHECK ((wrapped IS NULL) <> (tombstone IS NULL))
) WITHOUT ROWID, STRICT;
";

pub(crate) const AUDIT: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE entries (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, hash BLOB NOT NULL) STRICT;
CREATE TABLE annotations (idx INTEGER PRIMARY KEY, sealed BLOB NOT NULL) STRICT;
CREATE TABLE head (
    only INTEGER PRIMARY KEY CHECK (only = 1), size INTEGER NOT NULL, written INTEGER NOT NULL,
    time INTEGER NOT NULL, frontier BLOB NOT NULL, note TEXT NOT NULL
) STRICT;
";

pub(crate) const INDEX: &str = "
CREATE TABLE terms (tag BLOB NOT NULL, subject BLOB NOT NULL, PRIMARY KEY (tag, subject)) WITHOUT ROWID, STRICT;
CREATE TABLE tagged (subject BLOB PRIMARY KEY, tags BLOB NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE gathered (position INTEGER PRIMARY KEY, subject BLOB NOT NULL, tags BLOB NOT NULL) STRICT;
CREATE TABLE accesses (
    span INTEGER NOT NULL, subject BLOB NOT NULL, idx INTEGER NOT NULL, PRIMARY KEY (span, subject, idx)
) WITHOUT ROWID, STRICT;
CREATE TABLE progress (
    only INTEGER PRIMARY KEY CHECK (only = 1), entries INTEGER NOT NULL, accesses INTEGER NOT NULL, records BLOB
) STRICT;
INSERT INTO progress VALUES (1, 0, 0, x'');
";

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_vault_of_an_earlier_version_gets_what_it_lacks() {
        let older = Connection::open_in_memory().unwrap();
        older.execute_batch(VAULT).unwrap();
        let version = "ALTER TABLE records DROP COLUMN sources; DROP TABLE objections; DROP INDEX filings_by_state";
        older.execute_batch(version).unwrap();
        let row =
            "INSERT INTO records (subject, record_type, version, created_at, updated_at) VALUES (x'01', 'a', 1, 2, 2)";
        older.execute(row, []).unwrap();
        older.pragma_update(None, "user_version", VERSION).unwrap();
        for _ in 0..2 {
            bring_up_to_date(&older).unwrap();
            let version: i32 = older.query_row("PRAGMA user_version", [], |row| row.get(0)).unwrap();
            assert_eq!(version, VAULT_VERSION, "an older program refuses it from here on");
            let read = "SELECT restricted, sources, (SELECT count(*) FROM objections) FROM records";
            let found: (i64, i64, i64) =
                older.query_row(read, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
            assert_eq!(found, (0, 0, 0));
        }
    }
}
