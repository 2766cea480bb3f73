//! Answers to what was created under a key of the caller's (the API's `Idempotency-Key`), kept for a day: whoever does not
//! know whether a creation came through sends it again, and gets the answer of the first time.
//!
//! Of an answer only what cannot be made again is kept: identifiers, terms, versions, as they stand in clear in the tables
//! beside it, and nothing that a record holds. Keys and requests are kept as keyed hashes.

use coffre_core::crypto::{self, Label, Scope};
use coffre_core::ids::{ApplicationId, SubjectId};
use coffre_core::keyset::Keyset;
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ReadError;
use crate::snapshot::Snapshot;

/// So long an answer is given again: 24 hours.
pub const ANSWER_SECONDS: i64 = 24 * 3600;
/// At most so many outdated answers go with one commit, so that it does not take long.
const FORGOTTEN_AT_A_TIME: u32 = 512;

/// What a caller calls one creation, and what it asked for under that name. Equal keys of two applications have nothing
/// to do with each other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepeatKey {
    /// The application that calls.
    pub application: ApplicationId,
    /// The caller's key.
    pub key: String,
    /// The SHA-256 of all that makes the request what it is.
    pub request: [u8; 32],
}

/// An answer that was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// The index of the first entry that it left.
    pub entry: u64,
    /// When.
    pub at: Timestamp,
    output: String,
}

impl Answered {
    /// What the transaction returned.
    pub fn output<T: DeserializeOwned>(&self) -> Result<T, ReadError> {
        serde_json::from_str(&self.output).map_err(|_| ReadError::Format { what: "answer" })
    }
}

/// A key that was used before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Known {
    /// For this very request.
    Same(Answered),
    /// For another one.
    Other,
    /// For this very request, about somebody who was erased since.
    Erased,
}

impl Snapshot<'_> {
    /// What is known of a key; nothing when it was not used, or long ago.
    pub fn known(&self, key: &RepeatKey, now: Timestamp) -> Result<Option<Known>, ReadError> {
        let shared = self.shared();
        self.ask(|reader| find(&reader.vault, &shared.scope, &shared.keys(), key, now))
    }
}

/// The keyed hashes under which an answer is kept.
struct Tags {
    key: [u8; 16],
    request: [u8; 16],
}

impl Tags {
    fn of(key: &RepeatKey, scope: &Scope, keys: &Keyset) -> Self {
        let tag = |purpose: &str, part: &[u8]| {
            let label = Label::new(purpose, scope).bytes(key.application.as_bytes()).bytes(part);
            crypto::blind_index(&keys.index, &label)
        };
        Self {
            key: tag("coffre/v1/repeat-key", key.key.as_bytes()),
            request: tag("coffre/v1/repeated-request", &key.request),
        }
    }
}

pub(crate) fn find(
    vault: &Connection,
    scope: &Scope,
    keys: &Keyset,
    key: &RepeatKey,
    now: Timestamp,
) -> Result<Option<Known>, ReadError> {
    let tags = Tags::of(key, scope, keys);
    let found = vault
        .prepare_cached("SELECT request, entry, at, output FROM answered WHERE key = ?1 AND at > ?2")?
        .query_row(params![tags.key, outdated(now).as_micros()], |row| {
            Ok((row.get::<_, [u8; 16]>(0)?, row.get(1)?, row.get(2)?, row.get::<_, Option<String>>(3)?))
        })
        .optional()?;
    Ok(found.map(|(request, entry, at, output)| match output {
        _ if request != tags.request => Known::Other,
        None => Known::Erased,
        Some(output) => Known::Same(Answered { entry, at: Timestamp::from_micros(at), output }),
    }))
}

/// An answer about to be kept.
pub(crate) struct NewAnswer<'a, T> {
    pub(crate) entry: u64,
    pub(crate) at: Timestamp,
    /// With whom it is erased.
    pub(crate) subject: Option<SubjectId>,
    pub(crate) output: &'a T,
}

/// Keeps an answer, in the place of one that is outdated.
pub(crate) fn keep<T: Serialize>(
    vault: &Connection,
    scope: &Scope,
    keys: &Keyset,
    key: &RepeatKey,
    new: &NewAnswer<'_, T>,
) -> Result<(), ReadError> {
    let tags = Tags::of(key, scope, keys);
    let output = serde_json::to_string(new.output).map_err(|_| ReadError::Format { what: "answer" })?;
    let subject = new.subject.as_ref().map(|subject| subject.as_bytes().as_slice());
    vault
        .prepare_cached(
            "INSERT OR REPLACE INTO answered (key, request, at, entry, subject, output) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
        )?
        .execute(params![tags.key, tags.request, new.at.as_micros(), new.entry, subject, output])?;
    Ok(())
}

/// Keeps the answers about a subject although it is erased: those about a request that goes on as another person's.
pub(crate) fn outlive(vault: &Connection, subject: SubjectId) -> rusqlite::Result<()> {
    let sql = "UPDATE answered SET subject = NULL WHERE subject = ?1";
    vault.prepare_cached(sql)?.execute([subject.as_bytes()]).map(drop)
}

/// Forgets what is outdated: with every commit that writes.
pub(crate) fn forget(vault: &Connection, now: Timestamp) -> rusqlite::Result<()> {
    let sql = "DELETE FROM answered WHERE key IN (SELECT key FROM answered WHERE at <= ?1 ORDER BY at LIMIT ?2)";
    vault.prepare_cached(sql)?.execute(params![outdated(now).as_micros(), FORGOTTEN_AT_A_TIME]).map(drop)
}

fn outdated(now: Timestamp) -> Timestamp {
    now.plus_seconds(-ANSWER_SECONDS)
}
