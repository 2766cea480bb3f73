//! The acts that a person is told of: those by which something of theirs was seen or changed.

use coffre_core::audit::Action;
use serde::Serialize;

/// What was done, named as in the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum ToldAct {
    Read,
    Search,
    Create,
    Amend,
    ReadVersions,
    RestoreVersion,
    Import,
    ImportChange,
    UploadDocument,
    ReadDocument,
    ListDocuments,
    RestoreDocument,
    CheckContactable,
    FileRequest,
    ReadRequest,
    WriteLetter,
    ExportAccess,
    ExportPortable,
    BulkExport,
    PseudonymisedExport,
}

impl ToldAct {
    /// The act of an entry, if the person is told of it.
    pub(super) const fn of(action: Action) -> Option<Self> {
        Some(match action {
            Action::Read => Self::Read,
            Action::Search => Self::Search,
            Action::Create => Self::Create,
            Action::Amend => Self::Amend,
            Action::ReadVersions => Self::ReadVersions,
            Action::RestoreVersion => Self::RestoreVersion,
            Action::Import => Self::Import,
            Action::ImportChange => Self::ImportChange,
            Action::UploadDocument => Self::UploadDocument,
            Action::ReadDocument => Self::ReadDocument,
            Action::ListDocuments => Self::ListDocuments,
            Action::RestoreDocument => Self::RestoreDocument,
            Action::CheckContactable => Self::CheckContactable,
            Action::FileRequest => Self::FileRequest,
            Action::ReadRequest => Self::ReadRequest,
            Action::WriteLetter => Self::WriteLetter,
            Action::ExportAccess => Self::ExportAccess,
            Action::ExportPortable => Self::ExportPortable,
            Action::BulkExport => Self::BulkExport,
            Action::PseudonymisedExport => Self::PseudonymisedExport,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn an_act_is_named_as_in_the_log() {
        for action in [
            Action::Read,
            Action::Search,
            Action::Create,
            Action::Amend,
            Action::ReadVersions,
            Action::RestoreVersion,
            Action::Import,
            Action::ImportChange,
            Action::UploadDocument,
            Action::ReadDocument,
            Action::ListDocuments,
            Action::RestoreDocument,
            Action::CheckContactable,
            Action::FileRequest,
            Action::ReadRequest,
            Action::WriteLetter,
            Action::ExportAccess,
            Action::ExportPortable,
            Action::BulkExport,
            Action::PseudonymisedExport,
        ] {
            let act = ToldAct::of(action).unwrap();
            assert_eq!(serde_json::to_value(act).unwrap(), action.name());
        }
        assert_eq!(ToldAct::of(Action::ReadAudit), None);
    }
}
