//! What an entry says was done or asked for.

use serde::{Deserialize, Serialize};

/// What was done or asked for. New actions are added at the end of their group; names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Action {
    /// The first entry of every generation.
    BeginGeneration,
    /// A record's fields were asked for.
    Read,
    /// Records were searched.
    Search,
    /// A record was created.
    Create,
    /// A record was changed.
    Amend,
    /// A record's former versions were asked for.
    ReadVersions,
    /// A former version became the current one again.
    RestoreVersion,
    /// Records were set back by a restore to a moment: its `cause` says how.
    Rewind,
    /// A record was imported.
    Import,
    /// An imported record was changed by a later import.
    ImportChange,
    /// What the vault holds was compared with an import's source.
    CompareImport,
    /// A document was stored, or a new version of it.
    UploadDocument,
    /// A document's content was asked for.
    ReadDocument,
    /// The list of a record's documents was asked for.
    ListDocuments,
    /// A former version of a document became the current one again.
    RestoreDocument,
    /// A grant was given.
    GiveGrant,
    /// A record's grants were asked for.
    ListGrants,
    /// A grant was withdrawn.
    WithdrawGrant,
    /// The receipt of a consent was asked for.
    ReadReceipt,
    /// It was asked who may be contacted.
    CheckContactable,
    /// An operator was habilitated.
    GiveHabilitation,
    /// The habilitations of operators were asked for.
    ListHabilitations,
    /// A habilitation was withdrawn.
    WithdrawHabilitation,
    /// Log entries were asked for.
    ReadAudit,
    /// Who read a record was asked for.
    ReadAccesses,
    /// A signed tree head, or hashes of the tree, were asked for.
    ReadTreeHead,
    /// A report over the log was asked for.
    ReportAudit,
    /// Who a person is, by pseudonymous identifier, was asked for.
    LookupSubject,
    /// A witness's cosignature of a tree head was brought.
    AddCosignature,
    /// An application was added.
    AddApplication,
    /// An application was revoked.
    RevokeApplication,
    /// An application got a new token.
    RotateToken,
    /// An application called that no officers have approved: nothing was looked at.
    Call,
    /// The first officers of the vault were enrolled.
    EnrolOfficers,
    /// What officers had signed was handed in.
    Approve,
    /// A server was started with the policy set that was approved last.
    EnactPolicies,
    /// A base backup was captured.
    CaptureBase,
    /// A record was erased.
    Erase,
    /// An erasure was proposed, for another operator to confirm.
    ProposeErasure,
    /// A proposed erasure was taken back.
    WithdrawErasure,
    /// The state or certificate of an erasure was asked for.
    ReadErasure,
    /// The places that hold copies of the keyring were looked at.
    ReportCopies,
    /// A place that holds no copies any more was struck off.
    ForgetPlace,
    /// A legal hold was placed on a record.
    PlaceHold,
    /// A legal hold was lifted.
    LiftHold,
    /// A record's legal holds were asked for.
    ListHolds,
    /// Processing of a record was restricted.
    Restrict,
    /// The restriction of a record was ended.
    Unrestrict,
    /// A person objected to the purpose that `target` names.
    Object,
    /// A request was filed with Legal: a change, or a right of a data subject.
    FileRequest,
    /// Requests were listed.
    ListRequests,
    /// A request was looked at.
    ReadRequest,
    /// A request was given to an operator.
    AssignRequest,
    /// How the person behind a request was identified was written down.
    IdentifyRequester,
    /// The filer of a request was asked for more.
    AskAboutRequest,
    /// The filer of a request answered.
    ReplyToRequest,
    /// The time to answer a request was extended.
    ExtendRequest,
    /// A request was answered by an act, which is another entry of the same call.
    FulfilRequest,
    /// A request was refused.
    RefuseRequest,
    /// A request was taken back by its filer.
    WithdrawRequest,
    /// A letter to the person behind a request was written.
    WriteLetter,
    /// It was answered that nothing is held about whoever made a request.
    AnswerNothingHeld,
    /// It was answered that nobody can tell who made a request.
    AnswerUnidentified,
    /// Whoever made a request was found: it was moved to that person's record.
    LinkRequest,
    /// All that is held about a person was exported for the person (GDPR article 15).
    ExportAccess,
    /// A person's data were exported to be taken elsewhere (GDPR article 20).
    ExportPortable,
    /// It was proposed to export many records, for another operator to confirm.
    ProposeBulkExport,
    /// Many records were asked for; then, with an entry of its own, each that was exported.
    BulkExport,
    /// It was proposed to make test data from many records, for another operator to confirm.
    ProposePseudonymisedExport,
    /// Test data were agreed to, or fetched; then, with an entry of its own, each record that they were made from.
    PseudonymisedExport,
    /// What retention would do was asked for.
    PlanRetention,
    /// Categories of a record were set apart in the intermediate archive.
    Archive,
    /// Categories of a record came back into daily use.
    Unarchive,
    /// Categories of a record were removed at the end of their retention.
    EraseCategories,
    /// Requests were removed, some years after they were answered.
    RemoveRequests,
    /// Restored data was compared with what was backed up.
    VerifyRestore,
    /// The log was exported.
    ExportAudit,
    /// What entries that are about to be pruned say was written, without who, when and why.
    CarryOver,
    /// The entries below `minimum_index` were pruned.
    PruneLog,
    /// A backup was restored and opened as a drill; `cause` says in which phase it failed.
    Drill,
    /// The database files were taken for sound as they are, pages included that this vault did not write.
    AcceptPages,
    /// The root key was replaced.
    RotateRoot,
    /// The data began to be encrypted anew, under the epoch that `target` names.
    RotateData,
    /// What is named was encrypted anew, under the epoch that `target` names: nobody saw it, and nothing else of it changed.
    Reencrypt,
    /// Nothing is left under an epoch before the one that `target` names.
    FinishRotation,
    /// It was proposed to seal the vault, for another operator to confirm.
    ProposeSeal,
    /// The vault was sealed, or somebody asked for it: the last entry before its keys leave memory.
    Seal,
}

impl Action {
    /// The action's stable name.
    pub fn name(self) -> String {
        // A unit variant always serializes to its name.
        serde_json::to_value(self).ok().and_then(|v| v.as_str().map(str::to_owned)).unwrap_or_default()
    }
}
