//! Why a use case did not do what was asked: the one closed list from which the API's problem types
//! are made. Nothing here knows HTTP; nothing here holds a value of a record.

use std::collections::BTreeMap;
use std::convert::Infallible;

use coffre_core::grant::Basis;
use coffre_core::record::{FieldPath, RecordTypeName};
use coffre_policies::record_type::FieldFault;
use coffre_policies::{GrantFault, HabilitationFault, Reason};
use coffre_store::{
    Answered, CaptureError, CommitError, LogTreeError, ReadError, RotateError, StageError, Unavailable, WrongReceipt,
    disk_is_full,
};
use thiserror::Error;

use super::approval_refusal::ApprovalRefusal;
use super::erasure::KeptCategory;
use super::export::TestDataRefusal;
use super::log_copy::CopyError;
use super::log_refusal::LogRefusal;
use super::requests::RequestRefusal;

/// What a denial tells its caller. Its entry is in the log before anybody sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Denial {
    /// Why.
    pub(crate) cause: Option<Reason>,
    /// The policies that determined it; none where nothing permits.
    pub(crate) policies: Vec<String>,
    /// The fields asked for, each with its reason.
    pub(crate) withheld: BTreeMap<FieldPath, Reason>,
}

/// A use case that did not do what was asked.
#[derive(Debug, Error)]
pub(crate) enum Failure {
    /// Nobody in force has this token or certificate.
    #[error(
        "the token or certificate is of no application in force, or has expired: ask for a new one, made by \
         `coffre application rotate` or `coffre application add`"
    )]
    Unauthenticated,
    /// There is no such record type.
    #[error("there is no record type of this name: use one of {known}")]
    UnknownRecordType {
        /// The declared ones.
        known: String,
    },
    /// The record type has no such fields.
    #[error("record type {kind} has no field {fields}: its fields are {known}")]
    UnknownFields {
        /// The record type.
        kind: RecordTypeName,
        /// What was asked for.
        fields: String,
        /// What there is.
        known: String,
    },
    /// There is no such purpose.
    #[error("there is no purpose of this name: use one of {known}")]
    UnknownPurpose {
        /// The declared ones.
        known: String,
    },
    /// Records of this type are not found by this field.
    #[error("records of type {kind} are not searched by this field: use one of {known}")]
    UnknownIndex {
        /// The record type.
        kind: RecordTypeName,
        /// By what they are.
        known: String,
    },
    /// A search term without a letter or digit.
    #[error("the value holds nothing that can be searched in this index: give at least one letter or digit")]
    EmptyTerm,
    /// Unknown or not readable: the caller cannot tell which.
    #[error("there is no such record, or none that you may know of")]
    NotFound {
        /// The index of the log entry.
        entry: u64,
    },
    /// The record, which the caller may read, has no such version.
    #[error("the record has no such version: list them first")]
    NoSuchVersion,
    /// The record, which the caller may use, has no such document, or not in this version.
    #[error("the record has no such document, or not in this version: list them first")]
    NoSuchDocument,
    /// There is no such grant.
    #[error("there is no such grant")]
    NoSuchGrant,
    /// Refused by the policies.
    #[error("refused by the policies in force; the refusal is entry {entry} of the audit log")]
    Denied {
        /// What and why.
        denial: Denial,
        /// The index of the log entry.
        entry: u64,
    },
    /// Values that the record type does not allow.
    #[error("some values are not what the record type allows")]
    InvalidValues {
        /// Each with its rule.
        faults: Vec<FieldFault>,
    },
    /// A grant that the policies do not allow.
    #[error("the grant cannot be given")]
    InvalidGrant {
        /// What is wrong.
        faults: Vec<GrantFault>,
    },
    /// A habilitation that cannot be.
    #[error("the habilitation cannot be given")]
    InvalidHabilitation {
        /// What is wrong.
        faults: Vec<HabilitationFault>,
    },
    /// There is no such habilitation.
    #[error("there is no such habilitation: list them first")]
    NoSuchHabilitation,
    /// A grant on another basis than consent has no receipt.
    #[error("the grant rests on {basis}, not on consent: there is no consent to give a receipt of")]
    NotAConsent {
        /// Its basis.
        basis: Basis,
    },
    /// The person may not object to the purpose, or nothing would end by it.
    #[error(
        "nobody objects to this purpose: there is no right to (GDPR article 21), or it does not rest on grants alone; refuse the \
         request with the reason, or restrict processing. What can be objected to: {open}"
    )]
    NoRightToObject {
        /// What they may object to.
        open: String,
    },
    /// Nobody is contacted through this channel.
    #[error("records of type {kind} hold nothing through which this channel reaches anybody: use another channel")]
    NoSuchChannel {
        /// The record type.
        kind: RecordTypeName,
    },
    /// The evidence is not there.
    #[error("the evidence is not a document of this record with this hash: upload it first and name its sha256")]
    NoSuchEvidence,
    /// Somebody else was first.
    #[error("the record is at version {current} now: read it again and repeat the change")]
    Stale {
        /// Its version now.
        current: u32,
    },
    /// Another version of the document was stored meanwhile.
    #[error("another version of the document was stored meanwhile: send it again")]
    StaleDocument,
    /// What arrived is not what was announced.
    #[error("the document that arrived does not have the digest that was announced: send it again")]
    DigestMismatch,
    /// The body is longer than documents may be.
    #[error("a document holds at most {most} bytes here: split it, or have the limit raised")]
    TooLong {
        /// The limit.
        most: u64,
    },
    /// A stored document does not decrypt, or its file cannot be read.
    #[error("the stored document is damaged or cannot be read")]
    Damaged(#[source] std::io::Error),
    /// The name is taken.
    #[error("an application of this name is there already: choose another name, or revoke it first")]
    NameTaken,
    /// Not a name.
    #[error("not an application name: use 1 to 64 of a-z, 0-9 and '-', starting with a letter")]
    NotAName,
    /// Not a URI.
    #[error("not a URI of an application: use a scheme, ':' and up to 255 printable ASCII characters in all")]
    NotAUri,
    /// The URI is taken.
    #[error("an application with this URI is there already: choose another URI, or revoke it first")]
    UriTaken,
    /// The application is known by certificate.
    #[error(
        "this application has no token: it is known by its client certificate, which its certificate authority renews"
    )]
    NoToken,
    /// There is no such application.
    #[error("there is no application of this name in force: see `coffre application list`")]
    NoSuchApplication,
    /// The log was not copied.
    #[error(transparent)]
    NotCopied(CopyError),
    /// No base backup was taken.
    #[error(transparent)]
    NotCaptured(CaptureError),
    /// Another drill is under way.
    #[error("another drill is under way: wait until it has ended")]
    DrillUnderWay,
    /// There is nothing to restore from.
    #[error(
        "there is no such destination to restore from: name one of those configured ({known}), or add one to [backup]"
    )]
    NoDestination {
        /// Those that are configured.
        known: String,
    },
    /// The root key was not replaced.
    #[error(transparent)]
    NotRotated(RotateError),
    /// Something about the log's tree.
    #[error(transparent)]
    Log(LogRefusal),
    /// The log's tree cannot be told.
    #[error(transparent)]
    Tree(LogTreeError),
    /// A cosigned head could not be kept.
    #[error("the cosigned head could not be kept: check the disk, then send it again")]
    NotKept(#[source] std::io::Error),
    /// A legal hold stands on the record.
    #[error("a legal hold stands on the record: it is not erased before the hold is lifted, see its holds")]
    OnHold {
        /// The index of the log entry.
        entry: u64,
    },
    /// Rules of retention stand against the erasure.
    #[error("the record must still be kept (GDPR article 17(3)): `kept` says what, by which rule and until when")]
    MustBeKept {
        /// What.
        kept: Vec<KeptCategory>,
        /// The index of the log entry.
        entry: u64,
    },
    /// The person waits for the answer to another request.
    #[error(
        "a request waits by which the person exercises another right: answer it first, see the requests of this record type; nobody can once the record is erased"
    )]
    RequestWaits {
        /// The index of the log entry.
        entry: u64,
    },
    /// One operator alone, or one that is known less surely.
    #[error("this takes two operators: have somebody else confirm it, who is known no less surely")]
    NotAnotherOperator {
        /// The index of the log entry.
        entry: u64,
    },
    /// There is nothing to confirm or to take back.
    #[error("no erasure of this record is proposed, or it was more than seven days ago: propose it first")]
    NotProposed,
    /// Nobody proposed to seal the vault.
    #[error("nobody proposed to seal the vault, or it was more than an hour ago: propose it first")]
    SealNotProposed,
    /// No export of this name waits.
    #[error("no such export is proposed, it was confirmed before, or it was more than an hour ago: propose it first")]
    NoSuchExport,
    /// Something about test data.
    #[error(transparent)]
    TestData(#[from] TestDataRefusal),
    /// The record is neither erased nor about to be.
    #[error("the record is neither erased nor proposed for it")]
    NoSuchErasure,
    /// There is no such hold.
    #[error("there is no such hold: list those of the record")]
    NoSuchHold,
    /// Something that waits for officers, or that they alone may do.
    #[error(transparent)]
    Approval(ApprovalRefusal),
    /// Something about a request.
    #[error(transparent)]
    Request(RequestRefusal),
    /// A report of copies that proves nothing.
    #[error("{cause}")]
    UnusableReport {
        /// What is wrong with it, and what to do.
        cause: String,
    },
    /// No such place.
    #[error("no place of this name was ever reported: see GET /v1/copies")]
    NoSuchPlace,
    /// The spool is part of the vault.
    #[error("the spool cannot be struck off: every destination is filled from it")]
    SpoolStays,
    /// Not a failure to whoever asked: it was answered before, and is again.
    #[error("it was answered before, in entry {}", .0.entry)]
    Answered(Answered),
    /// The key is of another request.
    #[error("this key was used for another request within the last 24 hours: use a new key for each creation")]
    KeyReused,
    /// The first request of the key is not answered yet.
    #[error("a request with this key is under way: wait for its answer, or repeat this one later")]
    KeyInUse,
    /// What the key created is erased.
    #[error("what was created with this key was erased since: nothing is created again with it")]
    AnswerErased,
    /// Access keeps changing under the decision.
    #[error("what the decision rests on keeps changing: repeat the request")]
    Contended,
    /// The store cannot serve now.
    #[error(transparent)]
    Unavailable(#[from] Unavailable),
    /// What is stored cannot be read.
    #[error("what is stored could not be read")]
    Unreadable(#[source] ReadError),
    /// A document could not be staged.
    #[error("the document could not be stored")]
    Unstaged(#[source] StageError),
    /// A mistake in this program.
    #[error("a mistake in this program: {what}")]
    Internal {
        /// What went wrong, for the log.
        what: String,
    },
}

impl From<ReadError> for Failure {
    fn from(error: ReadError) -> Self {
        match error {
            ReadError::Unavailable(cause) => Self::Unavailable(cause),
            error => error.of_the_system().map_or_else(|| Self::Unreadable(error), Self::Unavailable),
        }
    }
}

impl From<StageError> for Failure {
    fn from(error: StageError) -> Self {
        match error {
            StageError::NoSuchRecord => vanished(),
            StageError::NoSuchDocument => Self::NoSuchDocument,
            StageError::Subject(cause) => cause.into(),
            StageError::Write(ref cause) if disk_is_full(cause) => Self::Unavailable(Unavailable::DiskFull),
            // The disk said so, not the document that is read from.
            StageError::Write(cause) if cause.raw_os_error().is_some() => {
                Self::Unavailable(Unavailable::Disk { detail: cause.to_string() })
            }
            error @ StageError::Write(_) => Self::Unstaged(error),
        }
    }
}

/// A commit that did not happen and that deciding again would not help.
pub(super) fn uncommitted<E>(error: CommitError<E>) -> Failure
where
    E: std::error::Error + 'static,
    Failure: From<E>,
{
    match error {
        CommitError::Refused(refusal) => refusal.into(),
        CommitError::Unavailable(cause) => Failure::Unavailable(cause),
        CommitError::Moved => Failure::Contended,
        CommitError::NotCovered => Failure::Internal { what: CommitError::<Infallible>::NotCovered.to_string() },
    }
}

/// The writer's thread hit an error below a transaction.
pub(super) fn below(error: &dyn std::error::Error) -> Failure {
    let cause = error.source().map(|cause| format!(": {cause}")).unwrap_or_default();
    Failure::Internal { what: format!("{error}{cause}") }
}

/// A record that was there when it was decided and is not when it is written: somebody erased it.
pub(super) fn vanished() -> Failure {
    Failure::Contended
}

impl From<WrongReceipt> for Failure {
    fn from(error: WrongReceipt) -> Self {
        Self::Internal { what: error.to_string() }
    }
}

impl From<Infallible> for Failure {
    fn from(never: Infallible) -> Self {
        match never {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_for_now_is_told_of_an_upload_as_of_a_read() {
        let sealed = || ReadError::Unavailable(Unavailable::Stopping);
        for failure in [Failure::from(sealed()), StageError::Subject(sealed()).into()] {
            assert!(matches!(failure, Failure::Unavailable(Unavailable::Stopping)), "{failure}");
        }
        let damaged = StageError::Subject(ReadError::Format { what: "category" });
        assert!(matches!(Failure::from(damaged), Failure::Unreadable(_)));
    }
}
