//! The tables of the four databases. Nothing personal stands in clear: values, file names, reasons
//! and legacy keys are encrypted under the subject's key or are keyed hashes.

/// The version of the schema, in each file's `user_version`.
pub(crate) const VERSION: i32 = 4;
/// That of `index.db`: another one is built anew, since everything in it is derived.
pub(crate) const INDEX_VERSION: i32 = 5;

pub(crate) const VAULT: &str = "
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID, STRICT;
CREATE TABLE records (
    subject BLOB PRIMARY KEY, record_type TEXT NOT NULL, version INTEGER NOT NULL,
    created_at INTEGER NOT NULL, updated_at INTEGER NOT NULL, restricted INTEGER NOT NULL DEFAULT 0
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
CREATE TABLE answered (
    key BLOB PRIMARY KEY, request BLOB NOT NULL, at INTEGER NOT NULL, entry INTEGER NOT NULL, subject BLOB, output TEXT
) WITHOUT ROWID, STRICT;
CREATE INDEX answered_by_time ON answered (at);
CREATE INDEX answered_by_subject ON answered (subject) WHERE subject IS NOT NULL;
CREATE TABLE pending (idx INTEGER PRIMARY KEY, leaf BLOB NOT NULL, annotation BLOB) STRICT;
";

/// What `vault.db` of an earlier version lacks: every opening sees to it. It says nothing that the tables do not.
pub(crate) const LATER: &str = "
CREATE INDEX IF NOT EXISTS filings_by_state ON filings (state, due_on, id);
CREATE INDEX IF NOT EXISTS filings_by_type ON filings (record_type, due_on, id);
CREATE INDEX IF NOT EXISTS filings_by_filer ON filings (filer, due_on, id);
CREATE INDEX IF NOT EXISTS filings_by_assignee ON filings (assignee, due_on, id) WHERE assignee IS NOT NULL;
CREATE INDEX IF NOT EXISTS tombstones_by_time ON tombstones (erased_at);
";

/// Tables of `vault.db` with rows of one data subject, in their column `subject`: all of it goes with an erasure.
pub(crate) const OF_SUBJECT: [&str; 7] =
    ["record_values", "documents", "grants", "holds", "erasure_proposals", "archived", "records"];

/// What of a subject's requests goes with an erasure: what they say. That one was made and answered stays, for it must
/// be possible to show that it was (GDPR article 5(2)).
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
