//! The log's tree for others: its published head, tiles, proofs.

use std::sync::Arc;

use coffre_core::audit::Action;
use coffre_core::merkle::Hash;
use coffre_core::note::SignedNote;
use coffre_core::tlog::{TileKind, TilePath, TlogProof};
use coffre_store::transactions::NoteOnly;
use coffre_store::{Depends, Receipt};

use super::call::{Call, LocalCall};
use super::failure::{Failure, uncommitted};
use super::keeper::{Keeper, blocking};
use super::log_refusal::LogRefusal;
use super::log_sessions::Part;
use super::published_head::Published;

/// A proof that an entry is in the log of a size.
pub(crate) struct Inclusion {
    pub(crate) index: u64,
    pub(crate) size: u64,
    pub(crate) leaf: Hash,
    pub(crate) root: Hash,
    pub(crate) hashes: Vec<Hash>,
}

/// A proof that the log of one size goes on from the log of another.
pub(crate) struct Consistency {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) old_root: Hash,
    pub(crate) new_root: Hash,
    pub(crate) hashes: Vec<Hash>,
}

/// An entry and its proof, to be handed out.
pub(crate) struct Proven {
    pub(crate) leaf: Vec<u8>,
    pub(crate) proof: TlogProof,
}

impl Keeper {
    /// The published head.
    pub(crate) async fn checkpoint(self: &Arc<Self>, call: &Call) -> Result<(SignedNote, Option<Receipt>), Failure> {
        let receipt = self.read_log(call, Part::Hashes).await?;
        Ok((self.published()?.note, receipt))
    }

    fn published(&self) -> Result<Published, Failure> {
        let published = self.published_head.at(self.store.now(), &self.witnesses, &self.store.tree_head());
        published.ok_or_else(|| Failure::Internal { what: "the vault's tree head is no note".to_owned() })
    }

    /// A tile, or a bundle of entries.
    pub(crate) async fn tile(self: &Arc<Self>, call: &Call, path: &str) -> Result<(Vec<u8>, Option<Receipt>), Failure> {
        let path: TilePath = path.parse().map_err(LogRefusal::Path)?;
        let part = if path.kind() == TileKind::Entries { Part::Entries } else { Part::Hashes };
        let receipt = self.read_log(call, part).await?;
        let keeper = Arc::clone(self);
        let tile = blocking(move || Ok(keeper.log_tree.tile(path)?)).await?;
        Ok((tile.ok_or(LogRefusal::NoSuchTile)?, receipt))
    }

    /// Proves that an entry is in the log of a size; that of the published head unless one is named.
    pub(crate) async fn prove_inclusion(
        self: &Arc<Self>,
        call: &Call,
        index: u64,
        size: Option<u64>,
    ) -> Result<(Inclusion, Option<Receipt>), Failure> {
        let receipt = self.read_log(call, Part::Hashes).await?;
        let size = size.map_or_else(|| Ok(self.published()?.size), Ok::<u64, Failure>)?;
        let keeper = Arc::clone(self);
        let prove = move || {
            let hashes = keeper.log_tree.inclusion(index, size)?;
            let leaf = keeper.store.snapshot()?.leaf_hashes(index, 1)?.pop().ok_or(LogRefusal::NoSuchEntry { size })?;
            Ok(Inclusion { index, size, leaf, root: keeper.log_tree.root_at(size)?, hashes })
        };
        Ok((blocking(prove).await?, receipt))
    }

    /// Proves that the log only grew from one size to another.
    pub(crate) async fn prove_consistency(
        self: &Arc<Self>,
        call: &Call,
        from: u64,
        to: u64,
    ) -> Result<(Consistency, Option<Receipt>), Failure> {
        let receipt = self.read_log(call, Part::Hashes).await?;
        let keeper = Arc::clone(self);
        Ok((blocking(move || keeper.consistency(from, to)).await?, receipt))
    }

    fn consistency(&self, from: u64, to: u64) -> Result<Consistency, Failure> {
        let hashes = self.log_tree.consistency(from, to)?;
        let (old_root, new_root) = (self.log_tree.root_at(from)?, self.log_tree.root_at(to)?);
        Ok(Consistency { from, to, old_root, new_root, hashes })
    }

    /// The proof of one entry as a file that verifies without the vault (C2SP tlog-proof).
    pub(crate) async fn tlog_proof(
        self: &Arc<Self>,
        call: &Call,
        index: u64,
    ) -> Result<(TlogProof, Option<Receipt>), Failure> {
        let receipt = self.read_log(call, Part::Hashes).await?;
        let keeper = Arc::clone(self);
        Ok((blocking(move || keeper.proof(index)).await?, receipt))
    }

    /// An entry and its proof, for whoever is on the vault's host.
    pub(crate) async fn prove_locally(self: &Arc<Self>, call: LocalCall, index: u64) -> Result<Proven, Failure> {
        self.note(call, Action::ReadAudit).await?;
        let keeper = Arc::clone(self);
        let prove = move || {
            let proof = keeper.proof(index)?;
            let snapshot = keeper.store.snapshot()?;
            let minimum_index = snapshot.minimum_index()?;
            if index < minimum_index {
                return Err(LogRefusal::Pruned { minimum_index }.into());
            }
            let size = keeper.store.tree_head().size;
            Ok(Proven { leaf: snapshot.entries(index, 1)?.pop().ok_or(LogRefusal::NoSuchEntry { size })?.leaf, proof })
        };
        blocking(prove).await
    }

    /// The same of two sizes; up to the newest head unless one is named.
    pub(crate) async fn prove_consistency_locally(
        self: &Arc<Self>,
        call: LocalCall,
        from: u64,
        to: Option<u64>,
    ) -> Result<Consistency, Failure> {
        self.note(call, Action::ReadTreeHead).await?;
        let keeper = Arc::clone(self);
        blocking(move || keeper.consistency(from, to.unwrap_or_else(|| keeper.store.tree_head().size))).await
    }

    /// Under the published head if the entry is in it, otherwise under the newest.
    fn proof(&self, index: u64) -> Result<TlogProof, Failure> {
        let published = self.published()?;
        let (size, checkpoint) = if index < published.size {
            (published.size, published.note)
        } else {
            let newest = self.store.tree_head();
            let note = SignedNote::parse(newest.note.as_bytes());
            (newest.size, note.map_err(|error| Failure::Internal { what: error.to_string() })?)
        };
        Ok(TlogProof { index, hashes: self.log_tree.inclusion(index, size)?, checkpoint, extra: Vec::new() })
    }

    /// Commits the entry of a command on the vault's host.
    pub(super) async fn note(&self, call: LocalCall, action: Action) -> Result<Receipt, Failure> {
        let noted = self.store.transact(NoteOnly, self.draft_here(call, action), None, Depends::default());
        Ok(noted.await.map_err(uncommitted)?.1)
    }
}
