//! Bringing the records of a legacy database into a vault: which column becomes which field, what
//! cannot be brought and why, and the proof that the rest arrived whole. And test data about nobody: made from the
//! records of one vault, brought into another.
//!
//! Architecture invariants:
//! - everything between a row and a record is pure (`mapping`, `translate`, `map`, `past`, `plan`,
//!   `fingerprint`); only `legacy`, `document` and `reject_file` touch files;
//! - the vault is reached through [`ImportTarget`] alone;
//! - a data subject is brought whole or not at all, and nothing is guessed;
//! - nobody gets to read anything by an import, except by the grants of a [`GrantsFile`].

mod candidate;
mod document;
mod fingerprint;
mod grants;
mod legacy;
mod map;
mod mapping;

mod past;
mod plan;
pub mod pseudonymised;
mod reject;
mod reject_file;
mod report;
mod run;
mod target;
mod toml_text;
mod translate;
mod vault;

pub use candidate::{DocumentCandidate, DocumentOrigin, RecordCandidate};
#[cfg(fuzzing)]
pub use document::fuzzed as document_examined;
pub use document::{DocumentFault, DocumentFormat, Found};
pub use fingerprint::{Fingerprint, Tally};
pub use grants::{GrantRule, GrantsError, GrantsFault, GrantsFile, Selection};
pub use legacy::{Legacy, LegacyError};
pub use map::{MappedRow, SubjectRows, map_subject};
pub use mapping::{Mapping, MappingError, MappingFault};

pub use plan::{Change, Comparable, DocumentChange};
pub use reject::{Reason, Reject};
pub use reject_file::{RejectFile, RejectFileError, RejectLine, read_rejects};
pub use report::{ImportReport, Outcome, Progress, SourceCounts};
pub use run::{ImportError, ImportOptions, import};
pub use target::{
    Admission, Admitting, DocumentBodies, ImportTarget, Known, StoredDocument, StoredRecord, TargetError,
};
pub use vault::VaultTarget;
