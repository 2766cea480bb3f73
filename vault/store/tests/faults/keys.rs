//! Keys that are not this vault's: another identity, another vault, another environment; and a vault
//! that others can read or have open.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use coffre_core::crypto::Scope;
use coffre_core::keyset::{KeysFile, RootKey};
use coffre_store::clock::{SystemClock, SystemEntropy};
use coffre_store::{Identity, IdentityError, InitPlan, Layout, OpenError, Store, init, is_open};

use crate::child;
use crate::support::{create, kind, make, open, options};
use crate::told;

struct House {
    dir: tempfile::TempDir,
    layout: Layout,
}

impl House {
    fn of(environment: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let plan = InitPlan {
            environment: environment.parse().unwrap(),
            recovery_recipient: None,
            recovery_identity_file: dir.path().join("recovery.identity"),
        };
        let layout = Layout::new(&dir.path().join("vault"));
        init(layout.root(), &plan, &SystemClock, &mut SystemEntropy).unwrap();
        Self { dir, layout }
    }

    fn identity(&self) -> Identity {
        Identity::read(&self.layout.server_identity()).unwrap()
    }

    fn recovery_identity(&self) -> Identity {
        Identity::read(&self.dir.path().join("recovery.identity")).unwrap()
    }

    fn scope(&self) -> Scope {
        KeysFile::from_bytes(&fs::read(self.layout.keys()).unwrap()).unwrap().scope()
    }

    /// The root key, taken out of its file as somebody with the identity can.
    fn root(&self) -> RootKey {
        let text = fs::read_to_string(self.layout.server_identity()).unwrap();
        let identity: age::x25519::Identity = text.lines().find_map(|line| line.parse().ok()).unwrap();
        let bytes = age::decrypt(&identity, &fs::read(self.layout.root_server()).unwrap()).unwrap();
        RootKey::from_bytes(&bytes, &self.scope()).unwrap()
    }

    fn refuses(&self, identity: &Identity) -> String {
        let error = Store::open(self.layout.root(), identity, &options()).err().expect("it opened");
        told(&error)
    }

    fn opens(&self) {
        drop(Store::open(self.layout.root(), &self.identity(), &options()).unwrap());
    }
}

fn seal_for(identity: &Identity, root: &RootKey, file: &Path) {
    let recipient: age::x25519::Recipient = identity.recipient().parse().unwrap();
    fs::write(file, age::encrypt(&recipient, &root.to_bytes()).unwrap()).unwrap();
}

#[test]
fn another_identity_does_not_open_the_vault() {
    let house = House::of("production");
    for stranger in [Identity::generate(), house.recovery_identity()] {
        let error = house.refuses(&stranger);
        assert!(error.contains("the identity does not open") && error.contains("root.server.age"), "{error}");
    }
    house.opens();
}

#[test]
fn the_key_of_another_vault_is_named_and_refused() {
    let (ours, theirs) = (House::of("production"), House::of("production"));
    fs::copy(theirs.layout.root_server(), ours.layout.root_server()).unwrap();
    let error = ours.refuses(&theirs.identity());
    for named in [ours.scope().vault, theirs.scope().vault] {
        assert!(error.contains(&named.to_string()), "{error}");
    }
}

#[test]
fn recette_refuses_the_key_of_production() {
    let (production, recette) = (House::of("production"), House::of("recette"));
    let thief = Identity::generate();

    // Plain: the key says whose it is.
    seal_for(&thief, &production.root(), &recette.layout.root_server());
    let error = recette.refuses(&thief);
    assert!(error.contains("(production)") && error.contains("(recette)"), "{error}");
    assert!(error.contains("nothing of one environment opens in another"), "{error}");

    // Relabelled: it says that it is recette's.
    let forged = RootKey { scope: recette.scope(), key: production.root().key };
    seal_for(&thief, &forged, &recette.layout.root_server());
    assert!(recette.refuses(&thief).contains("keys.json does not open with this root key"));

    // Production's keys relabelled as well: every name in clear says recette, and still nothing opens.
    let mut keys = KeysFile::from_bytes(&fs::read(production.layout.keys()).unwrap()).unwrap();
    (keys.environment, keys.vault) = (recette.scope().environment, recette.scope().vault);
    fs::write(recette.layout.keys(), serde_json::to_vec(&keys).unwrap()).unwrap();
    assert!(recette.refuses(&thief).contains("keys.json does not open with this root key"));
}

#[test]
fn a_database_of_another_vault_is_refused() {
    for name in ["vault.db", "keyring.db", "audit.db"] {
        let (ours, theirs) = (House::of("recette"), House::of("production"));
        for suffix in ["", "-wal"] {
            let file = format!("{name}{suffix}");
            fs::copy(theirs.layout.root().join(&file), ours.layout.root().join(&file)).unwrap();
        }
        let error = ours.refuses(&ours.identity());
        assert!(error.contains(name) && error.contains("of another vault"), "{error}");
    }
}

#[test]
fn a_vault_or_an_identity_that_others_can_read_is_refused() {
    let house = House::of("test");
    let (root, identity) = (house.layout.root().to_owned(), house.identity());
    let chmod = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode)).unwrap();
    for mode in [0o750, 0o705, 0o770, 0o711] {
        chmod(&root, mode);
        let error = house.refuses(&identity);
        assert!(error.contains("chmod 700"), "{mode:o}: {error}");
    }
    chmod(&root, 0o700);
    chmod(&house.layout.server_identity(), 0o640);
    let error = Identity::read(&house.layout.server_identity()).unwrap_err();
    assert!(matches!(error, IdentityError::Permissions { .. }) && error.to_string().contains("chmod 600"));
    chmod(&house.layout.server_identity(), 0o600);
    house.opens();
}

#[test]
fn where_there_is_no_vault_it_says_so() {
    let house = House::of("test");
    let empty = tempfile::tempdir().unwrap();
    fs::set_permissions(empty.path(), fs::Permissions::from_mode(0o700)).unwrap();
    for path in [empty.path().to_owned(), PathBuf::from("/nowhere/at/all")] {
        let error = Store::open(&path, &house.identity(), &options()).err().unwrap();
        assert!(matches!(error, OpenError::NoVault { .. }) && error.to_string().contains("coffre init"), "{error}");
    }
    assert_eq!(fs::read_dir(empty.path()).unwrap().count(), 0, "something was left in a directory that is no vault");
    // Nobody is told to make a vault where one may be that cannot be looked at.
    std::os::unix::fs::symlink("keys.json", empty.path().join("keys.json")).unwrap();
    let error = Store::open(empty.path(), &house.identity(), &options()).err().unwrap();
    assert!(matches!(error, OpenError::Io(_)), "{error}");
}

#[test]
fn a_second_process_is_told_that_the_vault_is_open() {
    let dir = tempfile::tempdir().unwrap();
    let vault = dir.path().join("vault");
    assert!(!is_open(&vault).unwrap(), "there is none");
    make(dir.path());
    let store = open(dir.path());
    assert!(is_open(&vault).unwrap());
    let subject = create(&store, 1);
    let mut second = child::again("keys::the_second_process");
    child::give(&mut second, "DIR", dir.path().to_str().unwrap());
    let said = String::from_utf8(second.output().unwrap().stdout).unwrap();
    assert!(said.contains("the vault is open in another process: stop that process first"), "{said}");
    let identity = Identity::read(&Layout::new(&dir.path().join("vault")).server_identity()).unwrap();
    let again = Store::open(&dir.path().join("vault"), &identity, &options());
    assert!(matches!(again, Err(OpenError::Locked)), "nor does this process open it twice");
    create(&store, 2);
    drop(store);
    assert!(!is_open(&vault).unwrap(), "nobody has it open, and looking does not either");
    assert!(open(dir.path()).snapshot().unwrap().record(&kind(), subject).unwrap().is_some());
}

/// The other side of `a_second_process_is_told_that_the_vault_is_open`; by itself it does nothing.
#[test]
fn the_second_process() {
    let Some(dir) = child::argument("DIR") else { return };
    let vault = PathBuf::from(dir).join("vault");
    let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
    child::say(&Store::open(&vault, &identity, &options()).err().unwrap().to_string());
}
