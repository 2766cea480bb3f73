//! Loading a set of test data, on the vault's host. The loading itself is `coffre-import`'s.

use std::path::Path;
use std::sync::Arc;

use coffre_core::audit::{Action, Draft};
use coffre_import::Progress;
use coffre_import::pseudonymised::{Loaded, load};

use super::call::LocalCall;
use super::import_legacy::ImportFault;
use super::keeper::Keeper;

/// The purpose that every entry of it states.
const PURPOSE: &str = "test-data";

impl Keeper {
    /// Loads. Runs on a thread that may block.
    pub(crate) fn load_test_data(
        self: &Arc<Self>,
        call: LocalCall,
        from: &Path,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Loaded, ImportFault> {
        let _alone = self.importing_alone()?;
        if !from.is_absolute() {
            return Err(ImportFault::Relative("the set of test data"));
        }
        let base = Draft { purpose: Some(PURPOSE.to_owned()), ..self.draft_here(call, Action::Import) };
        Ok(load(&self.store, &self.policies, from, &base, progress)?)
    }
}
