//! The `sqlite3` of the distribution, let loose on a vault, open and closed: it opens nothing, and harms
//! nothing.

use std::path::{Path, PathBuf};
use std::process::Command;

use coffre_store::{Identity, Layout, OpenError, Store};

use crate::proof;
use crate::support::{create, make, open, options, read, sample};
use crate::torn_groups::copy;

const DATABASES: [&str; 4] = ["vault.db", "keyring.db", "audit.db", "index.db"];
const ATTEMPTS: [&str; 7] = [
    ".tables",
    "SELECT * FROM sqlite_schema",
    ".dump",
    "PRAGMA wal_checkpoint(TRUNCATE)",
    "VACUUM",
    "PRAGMA journal_mode = DELETE",
    "BEGIN EXCLUSIVE; CREATE TABLE mine (x)",
];

/// Tries everything on every file: nothing succeeds, nothing is told.
fn attack(vault: &Path) {
    for database in DATABASES {
        for attempt in ATTEMPTS {
            let ran = Command::new("sqlite3").arg(vault.join(database)).arg(attempt).output();
            let ran = ran.expect("sqlite3 is installed, see scripts/setup");
            let (out, error) = (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
            // `.dump` ends well, with the error as a comment in an empty dump.
            let refused = "file is not a database";
            assert!(error.contains(refused) || out.contains(refused), "{database}, {attempt}: {out}{error}");
            assert!(!ran.status.success() || attempt == ".dump", "{database}, {attempt}: {out}{error}");
            assert!(!out.contains("INSERT") && !out.contains("CREATE") && !out.contains("records"), "{out}");
        }
    }
}

/// What stands in the files of a closed vault. An empty write-ahead log says as much as none.
fn bytes(vault: &Path) -> Vec<(String, Vec<u8>)> {
    let names = DATABASES.iter().flat_map(|name| ["", "-wal"].map(|suffix| format!("{name}{suffix}")));
    names.map(|name| (name.clone(), std::fs::read(vault.join(&name)).unwrap_or_default())).collect()
}

fn is_whole(store: &Store, vault: &Path, people: u32) {
    assert_eq!(store.statistics().unwrap().records, u64::from(people));
    proof::log_agrees_with_its_head(store);
    proof::documents_and_entries_agree(store, vault);
}

#[test]
fn it_does_not_change_a_byte_of_a_closed_vault() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let people: Vec<_> = (0..20).map(|number| create(&store, number)).collect();
    assert_eq!(people.len(), 20);
    drop(store);
    let vault = dir.path().join("vault");
    let before = bytes(&vault);
    attack(&vault);
    assert!(bytes(&vault) == before, "a closed vault was changed");
    is_whole(&open(dir.path()), &vault, 20);
}

#[test]
fn an_open_vault_goes_on_as_if_nobody_had_been_there() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let vault = dir.path().join("vault");
    let store = open(dir.path());
    let first = create(&store, 0);
    let inode = |name: &str| std::os::unix::fs::MetadataExt::ino(&std::fs::metadata(vault.join(name)).unwrap());
    let linked: Vec<u64> = DATABASES.iter().map(|name| inode(&format!("{name}-wal"))).collect();
    for number in 1..4 {
        attack(&vault);
        let subject = create(&store, number);
        assert_eq!(read(&store, subject, &["contact.email"]).0.len(), 1);
        let all = ["contact.family_name", "contact.email", "health.illnesses", "legacy.client_number"];
        assert_eq!(read(&store, first, &all), sample(0));
        assert_eq!(store.readiness(), Ok(()));
    }
    assert_eq!(linked, DATABASES.map(|name| inode(&format!("{name}-wal"))), "a write-ahead log was unlinked");
    is_whole(&store, &vault, 4);
    drop(store);
    is_whole(&open(dir.path()), &vault, 4);
}

/// A vault whose process was killed has everything since the last checkpoint in its write-ahead logs, and nobody
/// holds a lock on them: the other program takes them into the files. That is told, and nothing is lost.
#[test]
fn what_it_writes_into_a_vault_that_was_killed_is_told_and_nothing_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let store = open(dir.path());
    let subject = create(&store, 0);
    let others: Vec<_> = (1..10).map(|number| create(&store, number)).collect();
    assert_eq!(others.len(), 9);
    let house: PathBuf = dir.path().join("killed");
    std::fs::create_dir(&house).unwrap();
    copy(&dir.path().join("vault"), &house.join("vault"));
    drop(store);
    let vault = house.join("vault");
    assert!(std::fs::metadata(vault.join("vault.db-wal")).unwrap().len() > 10_000);
    attack(&vault);
    let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
    let refused = Store::open(&vault, &identity, &options()).err().unwrap();
    assert!(matches!(refused, OpenError::OtherPage { .. }), "{refused}");
    drop(Store::open_as_it_is(&vault, &identity, &options(), Some("uid-0".to_owned())).unwrap());
    let store = open(&house);
    is_whole(&store, &vault, 10);
    let told = store.snapshot().unwrap().entries(0, 100).unwrap();
    assert!(told.iter().any(|entry| String::from_utf8_lossy(&entry.leaf).contains("\"accept-pages\"")));
    let all = ["contact.family_name", "contact.email", "health.illnesses", "legacy.client_number"];
    assert_eq!(read(&store, subject, &all), sample(0));
}
