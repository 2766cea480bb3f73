//! A vault with some history, shipped to a place and restored from it alone.

use std::fs;

use coffre_backup::Sources;
use coffre_backup::destination::{Destination, Source};
use coffre_backup::restore::{self, LostLog};
use coffre_backup::ship::{Compare, KnownPoint, ship};
use coffre_core::spool::{Chain, Wanted};

use crate::vault::Vault;

/// Two base backups in the chains and one beside them, with segments and documents after each.
pub(crate) fn busy() -> Vault {
    let mut vault = Vault::captured(1);
    (0..3).for_each(|n| vault.commit((n == 1).then_some(4)));
    vault.capture();
    (0..3).for_each(|n| vault.commit((n == 2).then_some(5)));
    vault.capture_beside();
    (0..3).for_each(|n| vault.commit((n == 0).then_some(6)));
    vault
}

pub(crate) fn shipped(vault: &Vault, destination: &dyn Destination) -> Option<KnownPoint> {
    let none = KnownPoint::default();
    ship(&vault.source(), destination, &vault.pinned(), &none, Compare::Sizes, &mut ()).ok().map(|done| done.newest)
}

/// What a destination alone gives back; none if nothing can be planned.
pub(crate) fn restored(vault: &Vault, from: &dyn Source) -> Option<Result<tempfile::TempDir, restore::RestoreError>> {
    let sources = Sources::both(from);
    let plan = restore::plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ()).ok()?;
    let to = tempfile::tempdir().unwrap();
    let done = restore::execute(&plan, &sources, &to.path().join("vault"), &mut ());
    Some(done.map(|_| to))
}

pub(crate) fn is_newest(vault: &Vault, to: &tempfile::TempDir) {
    for chain in Chain::ALL {
        assert!(fs::read(to.path().join("vault").join(chain.file())).unwrap() == vault.content(chain), "{chain}");
    }
}
