//! The objects of a capture put where a restore would put them, and what the tests of captures share.

use std::fs::{self, File};
use std::io::Write;
use std::num::NonZeroU64;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

use coffre_core::audit::Action;
use coffre_core::ids::{DocumentId, SubjectId};
use coffre_core::spool::{
    Chain, KeyringManifest, MainManifest, Manifest, ObjectName, Ordinal, Pinned, Side, Signed, open as open_manifest,
};
use coffre_store::transactions::AddDocument;
use coffre_store::{Depends, Fetched, Store};

use crate::support::{draft, kind};

pub(crate) const KEEP: NonZeroU64 = NonZeroU64::new(2).unwrap();

pub(crate) fn manifest<M: Manifest>(spool: &Path, store: &Store, number: u64) -> Signed<M> {
    let pinned = Pinned { scope: store.scope().clone(), key: store.verification_key().clone() };
    let number = Ordinal::new(number).unwrap();
    let name = ObjectName::Manifest { generation: store.generation(), side: M::SIDE, number };
    open_manifest(&fs::read(spool.join(name.path(store.scope()))).unwrap(), &pinned).unwrap()
}

/// Places the objects of a capture as a vault's directory, the way the backup crate does.
pub(crate) fn place(spool: &Path, store: &Store, number: u64, to: &Path) -> Fetched {
    place_with(spool, store, number, number, to)
}

/// The same with the keyring of another capture.
pub(crate) fn place_with(spool: &Path, store: &Store, number: u64, keyring: u64, to: &Path) -> Fetched {
    let main: Signed<MainManifest> = manifest(spool, store, number);
    let keyring: Signed<KeyringManifest> = manifest(spool, store, keyring);
    let path = |name: &ObjectName| spool.join(name.path(store.scope()));
    fs::create_dir_all(to.join("documents")).unwrap();
    fs::set_permissions(to, fs::Permissions::from_mode(0o700)).unwrap();
    for needed in main.manifest.needed().into_iter().chain(keyring.manifest.needed()) {
        let file = match needed.name {
            ObjectName::Base { chain, .. } => chain.file(),
            ObjectName::Piece(_) => Chain::Audit.file(),
            ObjectName::Keys(_) => "keys.json",
            ObjectName::Recovery(_) => "root.recovery.age",
            _ => continue,
        };
        let mut file = File::options().create(true).append(true).mode(0o600).open(to.join(file)).unwrap();
        file.write_all(&fs::read(path(&needed.name)).unwrap()).unwrap();
    }
    let documents = spool.join(Side::Main.vault_folder(store.scope())).join("documents");
    for shard in fs::read_dir(documents).into_iter().flatten() {
        let shard = shard.unwrap();
        let folder = to.join("documents").join(shard.file_name());
        fs::create_dir_all(&folder).unwrap();
        for file in fs::read_dir(shard.path()).unwrap() {
            let file = file.unwrap();
            fs::copy(file.path(), folder.join(file.file_name())).unwrap();
        }
    }
    let key = store.verification_key().clone();
    let (main, keyring, operator) = (main.as_parent(), keyring.as_parent(), Some("root".to_owned()));
    Fetched { key, main, keyring, moment: None, lost: None, operator }
}

pub(crate) fn add_document(store: &Store, subject: SubjectId, length: usize) -> DocumentId {
    let mut writer = store.stage_document(&kind(), subject, None, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(&vec![7; length]).unwrap();
    let staged = writer.finish().unwrap();
    let add = AddDocument { record_type: kind(), staged: staged.into() };
    store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().unwrap().0.0
}
