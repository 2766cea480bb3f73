//! Which vault a restore is of: said by the verification key, on the command line or in the configuration, and by
//! nothing that the backup holds.

use coffre_core::keyset::scope_of_signer;
use coffre_core::note::VerificationKey;
use coffre_core::spool::Pinned;

use crate::arguments::Global;
use crate::complaint::Complaint;
use crate::configuration::{self, Configuration};

/// The vault that is meant.
pub(super) fn pinned(key: Option<&VerificationKey>, global: &Global) -> anyhow::Result<Pinned> {
    let Some(key) = key else {
        let file = configuration::locate(global.config.as_deref(), None)?;
        return Ok(Configuration::load(&file)?.pinned());
    };
    let scope = scope_of_signer(key.name().as_str()).ok_or_else(|| {
        Complaint::usage(
            format!("{} is no name of a vault", key.name()),
            "give the verification key that `coffre init` printed: coffre/ENVIRONMENT/VAULT+HASH+KEY",
        )
    })?;
    Ok(Pinned { scope, key: key.clone() })
}
