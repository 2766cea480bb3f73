//! What a recovery identity opens: proven on the vault's own files, with nothing changed and no database opened.

use std::path::Path;

use coffre_core::crypto::Scope;
use coffre_core::note::VerificationKey;

use crate::identity::Identity;
use crate::layout::Layout;
use crate::open::{OpenError, signer};
use crate::root;

/// A vault whose keys were opened by an identity.
#[derive(Debug, Clone)]
pub struct Recoverable {
    /// Environment and identifier.
    pub scope: Scope,
    /// Its verification key, by the keys that were opened.
    pub verification_key: VerificationKey,
}

/// Opens a vault's keys as a restore would: `root.recovery.age` by the identity, `keys.json` by the root in it. A vault may
/// be served meanwhile.
pub fn what_it_opens(dir: &Path, recovery: &Identity) -> Result<Recoverable, OpenError> {
    let layout = Layout::new(dir);
    let opened = root::unwrap(&layout, &layout.root_recovery(), recovery)?;
    let verification_key = signer(&opened.root.scope, &opened.keys)?.verification_key();
    Ok(Recoverable { scope: opened.root.scope, verification_key })
}
