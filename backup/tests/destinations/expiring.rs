//! Copies of the keyring expire on every kind of destination, and what is left verifies.

use coffre_backup::destination::{Destination, FileSystem, Memory, Removing, S3, Sftp};
use coffre_backup::expiry;
use coffre_backup::ship::{Compare, KnownPoint, ship};
use coffre_backup::verify::{Depth, verify};
use coffre_backup::{Sources, keyring_copies};

use crate::bucket::Moto;
use crate::sshd::Sshd;
use crate::suite::Both;
use crate::vault::Vault;

const DAY: i64 = 86_400;

/// Six days with a base and a segment each, of which the last three and what the spool keeps stay.
fn expire(place: &dyn Both) {
    let mut vault = Vault::new();
    vault.keep(2);
    for _ in 0..6 {
        vault.capture();
        vault.commit(None);
        let (spool, place, known) = (vault.source(), place as &dyn Destination, KnownPoint::default());
        ship(&spool, place, &vault.pinned(), &known, Compare::Sizes, &mut ()).unwrap();
    }
    let plan = expiry::plan(place, &vault.pinned(), 3 * DAY, vault.now, &mut ()).unwrap().unwrap();
    let removed = expiry::remove(&plan, place as &dyn Removing, &vault.pinned(), &mut ()).unwrap();
    assert_eq!(removed, 9, "three bases, three segments, three manifests: {plan:#?}");
    let left = keyring_copies("place".parse().unwrap(), place, &vault.pinned(), vault.now, &mut ()).unwrap();
    assert_eq!(left.unaccounted, 0);
    assert!(vault.now.as_seconds() - left.oldest.unwrap().as_seconds() <= 3 * DAY);
    let (sources, known) = (Sources::both(place), KnownPoint::default());
    let verified = verify(&sources, &vault.pinned(), &known, Depth::Whole, &mut ()).unwrap();
    assert_eq!((verified.faults, verified.points), (vec![], 6));
    let plan = expiry::plan(place, &vault.pinned(), 3 * DAY, vault.now, &mut ()).unwrap().unwrap();
    assert_eq!(plan.objects().count(), 0);
}

#[test]
fn in_memory_and_in_a_folder() {
    expire(&Memory::new());
    let folder = tempfile::tempdir().unwrap();
    expire(&FileSystem::new(folder.path()));
}

#[test]
fn over_sftp() {
    let sshd = Sshd::start();
    expire(&Sftp::new(sshd.settings()));
}

/// In a module whose name says what it needs: see `s3`.
mod s3 {
    use super::{Moto, S3, expire};
    use crate::versions;

    #[test]
    fn in_a_bucket_with_versions_and_in_one_without() {
        let moto = Moto::start();
        expire(&S3::new(&moto.settings("plain")).unwrap());
        versions::keep(&moto);
        expire(&S3::new(&moto.settings("versions")).unwrap());
        let listed = versions::listed(&moto);
        assert_eq!(listed.matches("<DeleteMarker>").count(), 0, "nothing is merely marked as removed");
    }
}
