//! One suite for every destination, memory included; then what only one kind of them can do wrong. SFTP is a real
//! sshd, S3 a server of its protocol that nobody here wrote, both on loopback.
#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "tests")]

mod bucket;
mod expiring;
mod faults;
mod folder;
mod line;
mod listening;
mod s3;
mod sftp;
mod sshd;
mod suite;
mod versions;

#[path = "../backup/vault.rs"]
#[expect(dead_code, reason = "shared with the tests of backups, which need more of it")]
mod vault;

#[path = "../backup/busy.rs"]
mod busy;

#[path = "../../../vault/store/tests/faults/child.rs"]
#[expect(dead_code, reason = "shared with the tests of the store, which need more of it")]
mod child;
#[path = "../../../vault/store/tests/faults/small_disk.rs"]
#[expect(dead_code, reason = "shared with the tests of the store, which need more of it")]
mod small_disk;

use coffre_backup::destination::{FileSystem, Memory};
use suite::{REMOVING, SUITE};

#[test]
fn memory_conforms() {
    for case in SUITE {
        case(&Memory::new());
    }
    for case in REMOVING {
        case(&Memory::new());
    }
}

#[test]
fn a_folder_conforms() {
    for case in SUITE {
        let folder = tempfile::tempdir().unwrap();
        case(&FileSystem::new(folder.path()));
    }
    for case in REMOVING {
        let folder = tempfile::tempdir().unwrap();
        case(&FileSystem::new(folder.path()));
    }
}
