//! A restored vault that goes on in the spool of the one before. Of that one's keyring nothing stays there but its manifests.

use std::fs;

use coffre_backup::Sources;
use coffre_backup::destination::Memory;
use coffre_backup::restore::{self, LostLog};
use coffre_backup::ship::{Compare, KnownPoint, ship};
use coffre_backup::verify::{Depth, verify};
use coffre_core::spool::Wanted;

use crate::busy::{is_newest, restored};
use crate::vault::Vault;

fn going_on(former: &Vault) -> Vault {
    let mut vault = former.restored(2);
    for file in Vault::files(&former.spool()) {
        if !file.starts_with("keyring/") || file.contains("/manifests/") {
            let to = vault.spool().join(&file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(former.spool().join(&file), to).unwrap();
        }
    }
    vault.capture();
    vault.commit(None);
    vault
}

/// How many objects a shipment copied.
fn shipped(vault: &Vault, to: &Memory) -> u64 {
    ship(&vault.source(), to, &vault.pinned(), &KnownPoint::default(), Compare::Sizes, &mut ()).unwrap().objects
}

#[test]
fn every_destination_gets_what_it_lacks_whatever_it_had_of_the_vault_before() {
    let [nothing, less, everything] = [(); 3].map(|()| Memory::new());
    let mut former = Vault::captured(2);
    former.commit(None);
    shipped(&former, &less);
    former.capture();
    former.commit(Some(4));
    shipped(&former, &everything);
    let vault = going_on(&former);
    for place in [everything, less, nothing] {
        assert!(shipped(&vault, &place) > 0);
        assert_eq!(shipped(&vault, &place), 0);
        let sources = Sources::both(&place);
        let verified = verify(&sources, &vault.pinned(), &KnownPoint::default(), Depth::Whole, &mut ()).unwrap();
        assert!(verified.faults.is_empty(), "{:?}", verified.faults);
        is_newest(&vault, &restored(&vault, &place).unwrap().unwrap());
        let of_former = Wanted::Exactly(former.generation, former.main[2].manifest.heading.number);
        restore::plan(&sources, &vault.pinned(), of_former, LostLog::Refuse, &mut ()).unwrap();
    }
}
