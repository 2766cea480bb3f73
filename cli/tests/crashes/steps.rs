//! The named steps of capture, WAL checkpoint, base backup, shipping and restore: each is a call on a file, and the process
//! is killed right before or right after it.

use crate::shim::Fault::{self, KillAfter, KillBefore};
use crate::shim::Rule;

/// A step by its name.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Step {
    pub(crate) name: &'static str,
    pub(crate) rule: Rule,
}

const fn step(name: &'static str, fault: Fault, call: &'static str, path: &'static str, nth: usize) -> Step {
    Step { name, rule: Rule::new(fault, call, path, nth) }
}

/// Of one step of continuous capture: documents, then a segment of each chain.
pub(crate) const CAPTURE: &[Step] = &[
    step("a document's content is written", KillAfter, "write", "spool/temporary/object", 1),
    step("a document's content is durable", KillAfter, "fsync", "spool/temporary/object", 1),
    step("a document has its name", KillAfter, "rename", "spool/main/*/documents/*", 1),
    step("a document's name is durable", KillAfter, "sync", "spool/main/*/documents/*", 1),
    step("the keyring's segment is written", KillBefore, "fsync", "spool/temporary/object", 2),
    step("the keyring's segment is durable without a name", KillBefore, "rename", "spool/keyring/*/keyring/*", 1),
    step("the keyring's segment has its name", KillAfter, "rename", "spool/keyring/*/keyring/*", 1),
    step("the keyring's segment is there", KillAfter, "sync", "spool/keyring/*/keyring", 1),
    step("the vault's segment is half written", KillAfter, "write", "spool/temporary/object", 4),
    step("the vault's segment is durable without a name", KillBefore, "rename", "spool/main/*/vault/*", 1),
    step("the vault's segment has its name", KillAfter, "rename", "spool/main/*/vault/*", 1),
    step("the vault's segment is there", KillAfter, "sync", "spool/main/*/vault", 1),
    step("the log's segment is durable without a name", KillBefore, "rename", "spool/main/*/audit/*", 1),
    step("the log's segment has its name", KillAfter, "rename", "spool/main/*/audit/*", 1),
    step("the log's segment is there", KillAfter, "sync", "spool/main/*/audit", 1),
];

/// Of a step of capture that has many documents: they are copied side by side.
pub(crate) const SIDE_BY_SIDE: &[Step] = &[
    step("the third of many documents is written", KillAfter, "write", "spool/temporary/object.*", 3),
    step("the third of many documents is about to be durable", KillBefore, "fsync", "spool/temporary/object.*", 3),
    step("the third of many documents is durable without a name", KillAfter, "fsync", "spool/temporary/object.*", 3),
    step("the second of many documents has its name", KillAfter, "rename", "spool/main/*/documents/*", 2),
    step("the names of many documents are about to be durable", KillBefore, "sync", "spool/main/*/documents/*", 1),
    step("the first of these names are durable", KillAfter, "sync", "spool/main/*/documents/*", 1),
];

/// Of the checkpoint that a server makes when it ends: what is in the logs goes into the database files.
pub(crate) const CHECKPOINT: &[Step] = &[
    step("a log is about to be synced", KillBefore, "fsync", "vault/keyring.db-wal", 1),
    step("the first page is about to be taken in", KillBefore, "write", "vault/keyring.db", 1),
    step("a file is half taken in", KillAfter, "write", "vault/vault.db", 1),
    step("a file is taken in and not synced", KillBefore, "fsync", "vault/vault.db", 1),
    step("a file is taken in", KillAfter, "fsync", "vault/vault.db", 1),
    step("a log is about to be emptied", KillBefore, "truncate", "vault/vault.db-wal", 1),
    step("a log is emptied", KillAfter, "truncate", "vault/vault.db-wal", 1),
    step("the log's file is half taken in", KillAfter, "write", "vault/audit.db", 1),
    step("the log's file is taken in", KillAfter, "fsync", "vault/audit.db", 1),
    step("the last log is emptied", KillAfter, "truncate", "vault/audit.db-wal", 1),
    step("the landmark is durable without a name", KillBefore, "rename", "vault/chain/landmark.json", 1),
    step("the landmark has its name", KillAfter, "rename", "vault/chain/landmark.json", 1),
    step("the landmark is there", KillAfter, "sync", "vault/chain", 1),
];

/// Of taking most of the logs into the files ahead of a checkpoint, as at the begin of a base backup.
pub(crate) const AHEAD: &[Step] = &[
    step("a place is kept in the keyring's log", KillAfter, "write", "vault/keyring.db-wal", 1),
    step("a place is kept in each log", KillAfter, "fsync", "vault/audit.db-wal", 2),
    step("the landmark is about to leave files out", KillBefore, "rename", "vault/chain/landmark.json", 1),
    step("the landmark leaves files out", KillAfter, "rename", "vault/chain/landmark.json", 1),
    step("what the pages will be is written", KillAfter, "write", "vault/pages", 1),
    step("what the pages will be is durable", KillAfter, "fsync", "vault/pages", 1),
    step("the first page is about to be taken in", KillBefore, "write", "vault/keyring.db", 1),
    step("a file is half taken in", KillAfter, "write", "vault/vault.db", 1),
    step("a file is taken in and not synced", KillBefore, "fsync", "vault/vault.db", 1),
    step("a file is taken in", KillAfter, "fsync", "vault/vault.db", 1),
    step("the log's file is half taken in", KillAfter, "write", "vault/audit.db", 1),
    step("the log's file is taken in", KillAfter, "fsync", "vault/audit.db", 1),
];

/// Of a base backup beside the chains, after that: the rebuilt keyring is captured, the files stand still, then they are copied.
pub(crate) const BASE: &[Step] = &[
    step("the keyring is being rebuilt", KillAfter, "write", "vault/keyring.db-wal", 3),
    step("the rebuilt keyring is captured", KillAfter, "sync", "spool/keyring/*/keyring", 1),
    step("the last segments are captured", KillBefore, "unlink", "vault/chain/landmark.json", 1),
    step("the rebuilt keyring is taken in", KillBefore, "truncate", "vault/keyring.db-wal", 1),
    step("the log's file is taken in", KillAfter, "fsync", "vault/audit.db", 2),
    step("the landmark is about to have its name", KillBefore, "rename", "vault/chain/landmark.json", 2),
    step("the files stand still", KillAfter, "rename", "vault/chain/landmark.json", 2),
    step("the keyring is half copied", KillAfter, "write", "spool/temporary/base", 1),
    step("the keyring is copied", KillBefore, "rename", "spool/keyring/*/keyring/*.base", 1),
    step("the keyring's base is there", KillAfter, "rename", "spool/keyring/*/keyring/*.base", 1),
    step("the keyring's manifest is durable without a name", KillBefore, "rename", "spool/keyring/*/manifests/*", 1),
    step("the keyring's manifest has its name", KillAfter, "rename", "spool/keyring/*/manifests/*", 1),
    step("the keyring's manifest is there", KillAfter, "sync", "spool/keyring/*/manifests", 1),
    step("the keyring's manifest is remembered", KillAfter, "rename", "vault/chain/keyring.note", 1),
    step("the vault's file is half copied", KillAfter, "write", "spool/temporary/base", 3),
    step("the vault's base is there", KillAfter, "rename", "spool/main/*/vault/*.base", 1),
    step("the log's base is durable without a name", KillBefore, "rename", "spool/main/*/pieces/*", 1),
    step("the log's base is there", KillAfter, "rename", "spool/main/*/pieces/*", 1),
    step("the inventory has its name", KillAfter, "rename", "spool/main/*/inventories/*", 1),
    step("the manifest is durable without a name", KillBefore, "rename", "spool/main/*/manifests/*", 1),
    step("the manifest has its name", KillAfter, "rename", "spool/main/*/manifests/*", 1),
    step("the manifest is there", KillAfter, "sync", "spool/main/*/manifests", 1),
    step("the manifest is about to be remembered", KillBefore, "rename", "vault/chain/main.note", 1),
    step("the manifest is remembered", KillAfter, "rename", "vault/chain/main.note", 1),
];

/// Of a run that copies segments, a document and a base backup to a folder. Names there are given by a call that is not
/// looked at; the syncs of the folders are right before and after it.
pub(crate) const SHIPPING: &[Step] = &[
    step("the lock is written", KillAfter, "write", "state/backup.lock", 1),
    step("the first object is half written", KillAfter, "write", "building-b/incoming/*", 1),
    step("the first object is durable without a name", KillAfter, "fsync", "building-b/incoming/*", 1),
    step("a document has its name", KillBefore, "sync", "building-b/main/*/documents/*", 1),
    step("a document is there", KillAfter, "sync", "building-b/main/*/documents/*", 1),
    step("the keyring's segment has its name", KillBefore, "sync", "building-b/keyring/*/keyring", 1),
    step("the keyring's segment is there", KillAfter, "sync", "building-b/keyring/*/keyring", 1),
    step("the keyring's manifest has its name", KillBefore, "sync", "building-b/keyring/*/manifests", 1),
    step("the keyring's manifest is there", KillAfter, "sync", "building-b/keyring/*/manifests", 1),
    step("the vault's segment has its name", KillBefore, "sync", "building-b/main/*/vault", 1),
    step("the vault's segment is there", KillAfter, "sync", "building-b/main/*/vault", 1),
    step("the log's segment has its name", KillBefore, "sync", "building-b/main/*/audit", 1),
    step("the log's segment is there", KillAfter, "sync", "building-b/main/*/audit", 1),
    step("a piece of the log has its name", KillBefore, "sync", "building-b/main/*/pieces", 1),
    step("a piece of the log is there", KillAfter, "sync", "building-b/main/*/pieces", 1),
    step("the manifest has its name", KillBefore, "sync", "building-b/main/*/manifests", 1),
    step("the manifest is there", KillAfter, "sync", "building-b/main/*/manifests", 1),
    step("the run is about to be remembered", KillBefore, "rename", "state/state.json", 1),
    step("the run is remembered", KillAfter, "rename", "state/state.json", 1),
];

/// Of a restore into `again`: fetching, segments onto bases, opening.
pub(crate) const RESTORE: &[Step] = &[
    step("the claim is durable without a name", KillBefore, "rename", "again/.coffre-restore.json", 1),
    step("the directory is claimed", KillAfter, "sync", "again", 1),
    step("a base is half fetched", KillAfter, "write", "again/.coffre-incoming/file", 3),
    step("the records are fetched", KillAfter, "rename", "again/vault.db", 1),
    step("the keyring is fetched", KillAfter, "rename", "again/keyring.db", 1),
    step("a document is fetched", KillAfter, "rename", "again/documents/*", 1),
    step("segments of the records are put in place", KillAfter, "write", "again/vault.db", 2),
    step("segments of the log are put in place", KillAfter, "write", "again/audit.db", 2),
    step("everything is in place", KillAfter, "truncate", "again/audit.db", 1),
    step("it is opened for the first time", KillAfter, "open", "again/lock", 1),
    step("the secret of a further epoch is durable without a name", KillBefore, "rename", "again/keys.json", 2),
    step("the secret of a further epoch is there", KillAfter, "rename", "again/keys.json", 2),
    step("the log is about to go on", KillBefore, "fsync", "again/audit.db-wal", 2),
    step("the log went on", KillAfter, "fsync", "again/audit.db-wal", 2),
    step("the end of the former generation is noted", KillAfter, "rename", "again/chain/main.parent.json", 1),
    step("both ends are noted", KillAfter, "rename", "again/chain/keyring.parent.json", 1),
    step("the server's identity is there", KillAfter, "rename", "again/server.identity", 1),
    step("the server's key is durable without a name", KillBefore, "rename", "again/root.server.age", 1),
    step("the server's key is there", KillAfter, "rename", "again/root.server.age", 1),
    step("it is pinned", KillAfter, "rename", "again/coffre.toml", 1),
    step("it is about to be let go", KillBefore, "unlink", "again/.coffre-restore.json", 1),
];

/// Of a rotation of the data: the secret of the next epoch, a base backup of it, then what is stored.
pub(crate) const ROTATION: &[Step] = &[
    step("the secret is durable without a name", KillBefore, "rename", "vault/keys.json", 1),
    step("the secret is there", KillAfter, "rename", "vault/keys.json", 1),
    step("the base backup of the secret has its manifest", KillAfter, "rename", "spool/main/*/manifests/*", 1),
    step("the base backup of the secret is remembered", KillAfter, "rename", "vault/chain/landmark.json", 1),
    step("a document is encrypted anew, without a name", KillAfter, "fsync", "vault/documents/staging/*", 1),
    step("a document has the name of its row, which is not committed", KillAfter, "rename", "vault/documents/*.e2", 1),
    step("a document's row is committed", KillBefore, "rename", "vault/documents/*.e2", 2),
    step("a document is in the place of what it was", KillAfter, "rename", "vault/documents/*.e2", 2),
    step("a former file is about to go", KillBefore, "unlink", "vault/documents/*", 1),
    step("a former file went", KillAfter, "unlink", "vault/documents/*", 1),
    step("another document is encrypted anew", KillAfter, "fsync", "vault/documents/staging/*", 2),
];
