//! Importing a legacy database, on the vault's host. The import itself is `coffre-import`'s; here it
//! meets the open vault, the policies and the account that asks.

use std::error::Error as _;
use std::path::PathBuf;
use std::sync::{Arc, MutexGuard, TryLockError};

use coffre_core::audit::{Action, Draft};
use coffre_import::pseudonymised::LoadError;
use coffre_import::{
    GrantsError, GrantsFile, ImportError, ImportOptions, ImportReport, Legacy, LegacyError, Mapping, MappingError,
    Progress, TargetError, VaultTarget, import,
};
use coffre_store::{Unavailable, disk_is_full};
use serde::Deserialize;
use thiserror::Error;

use super::call::LocalCall;
use super::keeper::Keeper;

/// A file whose text was read by whoever asks.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct NamedText {
    /// Its name, for messages.
    pub(crate) name: String,
    /// What it holds.
    pub(crate) text: String,
}

/// What to import, and how.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct ImportLegacy {
    /// The legacy database on the vault's host.
    pub(crate) from: PathBuf,
    pub(crate) mapping: NamedText,
    pub(crate) grants: Option<NamedText>,
    pub(crate) dry_run: bool,
    pub(crate) apply_changes: bool,
    /// Where rejects are written.
    pub(crate) rejects: PathBuf,
    /// To whom rejects are encrypted; the recovery recipient by default.
    pub(crate) reject_recipient: Option<String>,
}

/// An import that did not begin, or that stopped.
#[derive(Debug, Error)]
pub(crate) enum ImportFault {
    #[error("another import is under way: wait until it has ended")]
    Busy,
    #[error("{0} must be named by its absolute path")]
    Relative(&'static str),
    #[error("the mapping {mapping} brings records of type {kind}, which the policies do not know")]
    UnknownType { mapping: String, kind: String },
    #[error(transparent)]
    Mapping(#[from] MappingError),
    #[error(transparent)]
    Grants(#[from] GrantsError),
    #[error(transparent)]
    Legacy(#[from] LegacyError),
    #[error(transparent)]
    Vault(#[from] TargetError),
    #[error(transparent)]
    Import(#[from] ImportError),
    #[error(transparent)]
    Load(#[from] LoadError),
}

impl ImportFault {
    /// Whether what was asked for is wrong: nothing was begun, and the same import will be refused again.
    pub(crate) const fn is_unsuitable(&self) -> bool {
        match self {
            Self::Relative(_) | Self::UnknownType { .. } | Self::Mapping(_) | Self::Grants(_) => true,
            Self::Load(error) => error.is_unsuitable(),
            Self::Busy | Self::Legacy(_) | Self::Vault(_) | Self::Import(_) => false,
        }
    }

    /// Whether a disk or the vault is in the way, and the same import may succeed later.
    pub(crate) fn may_pass(&self) -> bool {
        let mut links =
            std::iter::successors(self.source(), |link: &&(dyn std::error::Error + 'static)| (*link).source());
        disk_is_full(self) || links.any(<dyn std::error::Error>::is::<Unavailable>)
    }
}

/// The purpose that every entry of an import states.
const PURPOSE: &str = "data-migration";
/// Data subjects in a batch: a transaction's worth.
const BATCH: usize = 300;

impl Keeper {
    /// Imports. Runs on a thread that may block.
    pub(crate) fn import_legacy(
        self: &Arc<Self>,
        call: LocalCall,
        asked: &ImportLegacy,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<ImportReport, ImportFault> {
        let _alone = self.importing_alone()?;
        for (path, what) in [(&asked.from, "the legacy database"), (&asked.rejects, "the reject file")] {
            if !path.is_absolute() {
                return Err(ImportFault::Relative(what));
            }
        }
        let mapping = self.mapping(&asked.mapping)?;
        let grants = match &asked.grants {
            Some(file) => GrantsFile::parse(&file.name, &file.text, &mapping, &self.policies, self.store.now())?,
            None => GrantsFile::default(),
        };
        let legacy = Legacy::open(&asked.from, &mapping)?;
        let kind = self.policies.record_type(mapping.record_type().as_str());
        let indexes = kind.map(coffre_policies::RecordType::indexes).unwrap_or_default();
        let base = Draft { purpose: Some(PURPOSE.to_owned()), ..self.draft_here(call, Action::Import) };
        let target = VaultTarget::new(&self.store, &mapping, &indexes, base)?;
        let recipient = asked.reject_recipient.clone().unwrap_or_else(|| self.store.recovery_recipient());
        let options = ImportOptions {
            apply_changes: asked.apply_changes,
            rejects: &asked.rejects,
            reject_recipient: &recipient,
            batch: BATCH,
            policies: &self.policies,
            now: self.store.now(),
        };
        let target: Option<&dyn coffre_import::ImportTarget> = if asked.dry_run { None } else { Some(&target) };
        Ok(import(&legacy, &grants, target, &options, progress)?)
    }

    /// Two imports at once could both find a record absent and bring it twice.
    pub(super) fn importing_alone(&self) -> Result<MutexGuard<'_, ()>, ImportFault> {
        match self.importing.try_lock() {
            Ok(alone) => Ok(alone),
            Err(TryLockError::Poisoned(poisoned)) => Ok(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => Err(ImportFault::Busy),
        }
    }

    fn mapping(&self, file: &NamedText) -> Result<Mapping, ImportFault> {
        // The mapping names its record type, which is needed to read the rest of it.
        let unknown = |kind: &str| ImportFault::UnknownType { mapping: file.name.clone(), kind: kind.to_owned() };
        let kind = Mapping::record_type_named(&file.name, &file.text)?;
        let kind = self.policies.record_type(&kind).ok_or_else(|| unknown(&kind))?;
        Ok(Mapping::parse(&file.name, &file.text, kind)?)
    }
}
