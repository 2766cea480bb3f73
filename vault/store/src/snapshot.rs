//! A consistent view for reading. Content comes out undisclosed.
//!
//! A snapshot holds the reader gate: take one, read, drop it, within 100 ms; never keep one across
//! a stream or an await. It is used on a blocking thread.

use std::marker::PhantomData;

use coffre_core::grant::Grant;
use coffre_core::ids::{ApplicationId, DocumentId, GrantId, SubjectId};
use coffre_core::record::{FieldPath, Fields, RecordTypeName};
use coffre_core::search::SearchIndex;

use crate::disclosure::Undisclosed;
use crate::document::DocumentReader;
use crate::error::ReadError;
use crate::model::{Application, DocumentInfo, Hit, LoggedEntry, RecordState, VersionInfo};

/// A consistent view of the vault.
pub struct Snapshot<'s> {
    _store: PhantomData<&'s ()>,
}

impl Snapshot<'_> {
    /// The access state this view saw: goes into `Depends`.
    pub fn access_point(&self) -> u64 {
        todo!()
    }

    /// A record's state; `None` for one that does not exist, is of another type, or was erased.
    pub fn record(&self, _kind: &RecordTypeName, _subject: SubjectId) -> Result<Option<RecordState>, ReadError> {
        todo!()
    }

    /// Some fields of a record as it is now. Fields without a value are absent from the content.
    pub fn fields(
        &self,
        _kind: &RecordTypeName,
        _subject: SubjectId,
        _fields: &[FieldPath],
    ) -> Result<Undisclosed<Fields>, ReadError> {
        todo!()
    }

    /// Some fields of a record as they were in a version; `None` when there is no such version.
    pub fn fields_at(
        &self,
        _kind: &RecordTypeName,
        _subject: SubjectId,
        _version: u32,
        _fields: &[FieldPath],
    ) -> Result<Option<Undisclosed<Fields>>, ReadError> {
        todo!()
    }

    /// A record's versions, oldest first.
    pub fn versions(&self, _subject: SubjectId) -> Result<Vec<VersionInfo>, ReadError> {
        todo!()
    }

    /// The records a term finds, those written like it before those that sound like it.
    pub fn find(&self, _index: &SearchIndex, _value: &str, _limit: usize) -> Result<Vec<Hit>, ReadError> {
        todo!()
    }

    /// Whether a record with this value in this index was erased.
    pub fn was_erased(&self, _index: &SearchIndex, _value: &str) -> Result<bool, ReadError> {
        todo!()
    }

    /// All records of a type, in order of identifier, after one.
    pub fn records(
        &self,
        _kind: &RecordTypeName,
        _after: Option<SubjectId>,
        _limit: usize,
    ) -> Result<Vec<SubjectId>, ReadError> {
        todo!()
    }

    /// A record's grants, oldest first, whatever their state.
    pub fn grants(&self, _subject: SubjectId) -> Result<Vec<Grant>, ReadError> {
        todo!()
    }

    /// A grant and its record's type.
    pub fn grant(&self, _grant: GrantId) -> Result<Option<(RecordTypeName, Grant)>, ReadError> {
        todo!()
    }

    /// A record's documents at their current versions. The claim has no fields: names are content.
    pub fn documents(
        &self,
        _kind: &RecordTypeName,
        _subject: SubjectId,
    ) -> Result<Undisclosed<Vec<DocumentInfo>>, ReadError> {
        todo!()
    }

    /// The current version's number of a record's document; `None` when the record has no such document.
    pub fn document_version(&self, _subject: SubjectId, _document: DocumentId) -> Result<Option<u32>, ReadError> {
        todo!()
    }

    /// A document's content in a version; `None` when there is no such document or version.
    pub fn document(
        &self,
        _kind: &RecordTypeName,
        _subject: SubjectId,
        _document: DocumentId,
        _version: u32,
    ) -> Result<Option<Undisclosed<DocumentReader>>, ReadError> {
        todo!()
    }

    /// The application in force with a token of this SHA-256.
    pub fn application_by_token(&self, _token_hash: &[u8; 32]) -> Result<Option<Application>, ReadError> {
        todo!()
    }

    /// An application, in force or revoked.
    pub fn application(&self, _id: ApplicationId) -> Result<Option<Application>, ReadError> {
        todo!()
    }

    /// All applications, revoked ones included, oldest first.
    pub fn applications(&self) -> Result<Vec<Application>, ReadError> {
        todo!()
    }

    /// Entries of the log from an index on.
    pub fn entries(&self, _from: u64, _limit: usize) -> Result<Vec<LoggedEntry>, ReadError> {
        todo!()
    }

    /// The entries about a data subject, newest first, before an index.
    pub fn accesses(
        &self,
        _subject: SubjectId,
        _before: Option<u64>,
        _limit: usize,
    ) -> Result<Vec<LoggedEntry>, ReadError> {
        todo!()
    }

    /// The free-text reason given with an entry, if one was given and its subject is not erased.
    pub fn reason(&self, _index: u64) -> Result<Option<String>, ReadError> {
        todo!()
    }
}
