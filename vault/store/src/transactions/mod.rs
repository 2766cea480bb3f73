//! The named transactions: everything that ever changes the vault. One file each.

mod amend_record;
mod answering;
mod applications;
mod approvals;
mod copies;
mod create_record;
mod documents;
mod erase_subject;
mod erasure;
mod facts;
mod filings;
mod grants;
mod habilitations;
mod holds;
mod import_records;
mod note_all;
mod note_only;
mod objections;
mod once;
mod prune_log;
mod reencrypt;
mod remove_requests;
mod restore_version;
mod restriction;
mod retention;
mod rotate_data;
mod rotate_token;
mod sources;
mod strangers;

pub use amend_record::{AmendError, AmendRecord};
pub use answering::{AcceptChange, AcceptError, AnswerError, Answering, AnsweringError, Fits, FulfilRequest};
pub use applications::{
    AddApplication, AddApplicationError, NewToken, Proof, RevokeApplication, RevokeApplicationError,
};
pub use approvals::{
    AlreadyEnrolled, ApproveError, EnactError, EnactPolicies, EnrolOfficers, HandInApproval, HandInRefusal,
};
pub use copies::{ForgetPlace, ForgetPlaceError, ReportCopies, ReportCopiesError};
pub use create_record::{CreateError, CreateRecord};
pub use documents::{AddDocument, AddDocumentError, Offered};
pub(crate) use erase_subject::remove_rows;
pub use erase_subject::{EraseError, EraseSubject};
pub use erasure::{ConfirmErasure, ErasureError, ErasureOutcome, PROPOSAL_SECONDS, ProposeErasure, WithdrawErasure};
pub use facts::{Facts, MustKeep};
pub use filings::{FileRequest, FileRequestError, Step, StepError, TakeStep};
pub use grants::{GiveGrant, GiveGrantError, WithdrawGrant, WithdrawGrantError};
pub use habilitations::{GiveHabilitation, GiveHabilitationError, WithdrawHabilitation, WithdrawHabilitationError};
pub use holds::{LiftHold, LiftHoldError, PlaceHold, PlaceHoldError, PlacedHold};
pub use import_records::{ImportError, ImportItem, ImportRecords};
pub use note_all::NoteAll;
pub use note_only::NoteOnly;
pub use objections::{Object, ObjectError};
pub use once::{Once, OnceError};
pub use prune_log::{CarryOver, PruneLog};
pub(crate) use reencrypt::{NotReencrypted, ReencryptDocument, ReencryptReasons, ReencryptRecord};
pub use remove_requests::RemoveRequests;
pub use restore_version::{RestoreError, RestoreVersion};
pub use restriction::{Restricted, Restricting, SetRestriction, SetRestrictionError};
pub use retention::{KeptBy, RetainError, RetainRecord, Retained, Wanted};
pub(crate) use rotate_data::FinishRotation;
pub use rotate_data::{BeginRotation, BeginRotationError};
pub use rotate_token::{RotateToken, RotateTokenError, Rotated};
pub use strangers::{FileForStranger, LinkError, LinkRequest};

use coffre_core::audit::Draft;

use crate::writer::Work;

/// A named change of the vault. It runs on the writer's thread, inside the group's transaction: it
/// either happens with its entries or leaves nothing.
pub trait Transaction: Send + 'static {
    /// What it returns.
    type Output: Send + 'static;
    /// Why it may refuse.
    type Error: std::error::Error + Send + 'static;

    /// Makes the change. The base entry names who asked and by which policies; the transaction
    /// completes it (or several of it) through `Work::log`.
    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<Self::Output, Self::Error>;
}
