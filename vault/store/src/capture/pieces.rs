//! The base of the log, in pieces. The log grows at its end, so most of its file is what it was at the base before: a piece
//! that the spool has is neither stored nor sent again. Every page is read and compared all the same, and so is what the
//! spool has: a piece that was damaged there is stored anew. Only a base that follows soon after one that has read everything, because
//! the segments have become many, rests on what that has read (`read_log`).

use std::collections::BTreeSet;
use std::io::{self, Read};
use std::ops::Range;
use std::time::Instant;

use coffre_core::spool::{Base, Chain, ContentHash, ContentHasher, MainManifest, ObjectName, Pieces, Place};
use coffre_pages::PAGE;

use super::base::Making;
use super::copy::Positioned;
use super::follow::chain_of;
use super::links::Links;
use super::spool::Spool;
use super::{CaptureError, standing};
use crate::layout::Database;

/// Bytes of a piece: whole pages, and one part of an upload to S3.
const PIECE: u64 = 16 << 20;
/// A manifest lists no more pieces than this: those of a longer log are greater.
const MANY: u64 = 1024;
/// How many pieces change from base to base beside those that are new: the file's header, and the inner nodes that point to
/// its end.
const FEW: u64 = 4;
const BUFFER: usize = 1 << 20;

impl Making<'_> {
    /// Stores those pieces of the log that the spool lacks.
    pub(super) fn log(&self, place: Place, pages: standing::Pages) -> Result<Base, CaptureError> {
        let (size, mut pieces) = (pages.bytes(), Pieces { size: piece_of(pages.bytes()), sha256: Vec::new() });
        let (read_log, begun) = (&self.door.shared.read_log, Instant::now());
        if self.thorough {
            read_log.begin_anew();
        }
        for from in (0..size).step_by(usize::try_from(pieces.size).unwrap_or(usize::MAX)) {
            pieces.sha256.push(self.piece(from, size.min(from + pieces.size))?);
        }
        if self.thorough {
            read_log.all_was_read(begun);
        }
        let next =
            ObjectName::Segment { generation: self.door.generation, chain: Chain::Audit, position: place.position };
        // Whoever ships a segment settles the folder that it is in: no base of the log has made that durable.
        self.spool.make_folder_of(&next).and_then(|()| self.spool.sync_folders()).map_err(CaptureError::Spool)?;
        let Place { position, previous } = place;
        let (page_size, page_count, sha256) = (pages.size, pages.count, pieces.together());
        Ok(Base { position, size, page_size, page_count, sha256, previous, pieces: Some(pieces) })
    }

    /// A piece of the log, in the spool; its name is durable after `sync_folders`.
    fn piece(&self, from: u64, to: u64) -> Result<ContentHash, CaptureError> {
        let (read_log, pages) = (&self.door.shared.read_log, self.pages(from..to)?);
        if let Some(sha256) = read_log.piece(from, pages)
            && self.spool.found(&ObjectName::Piece(sha256)).map_err(CaptureError::Spool)? == Some(to - from)
        {
            return Ok(sha256);
        }
        let sha256 = self.read_piece(from, to)?;
        read_log.note(from, pages, sha256);
        Ok(sha256)
    }

    /// What the pages of a piece are together.
    fn pages(&self, piece: Range<u64>) -> Result<[u8; 32], CaptureError> {
        let shared = &self.door.shared;
        let kept =
            shared.pages.of(Database::Audit).ok_or_else(|| CaptureError::Read(io::ErrorKind::NotFound.into()))?;
        let page = |at: u64| usize::try_from(at).unwrap_or(usize::MAX) / PAGE;
        let together = kept.together(page(piece.start)..page(piece.end)).map_err(CaptureError::Read)?;
        // After they were looked at: the file stood still until then.
        shared.watch.patience.check()?;
        Ok(together)
    }

    fn read_piece(&self, from: u64, to: u64) -> Result<ContentHash, CaptureError> {
        let (length, sha256) =
            self.reading(Database::Audit, from..to, |source| hashed(source).map_err(CaptureError::Read))?;
        if length != to - from {
            return Err(CaptureError::Read(io::ErrorKind::UnexpectedEof.into()));
        }
        let name = ObjectName::Piece(sha256);
        if self.is_stored(&name, sha256)? {
            return Ok(sha256);
        }
        let copy = |source: &mut Positioned<'_>| self.spool.copy_checked(&name, source, to - from, sha256);
        if self.reading(Database::Audit, from..to, copy)? {
            Ok(sha256)
        } else {
            Err(CaptureError::Read(io::Error::other("the log did not stand still while it was copied")))
        }
    }

    /// Whether the spool has a piece, with the right bytes.
    fn is_stored(&self, name: &ObjectName, sha256: ContentHash) -> Result<bool, CaptureError> {
        if self.spool.found(name).map_err(CaptureError::Spool)?.is_none() {
            return Ok(false);
        }
        // One that cannot be read is no better than a damaged one.
        let stored = self.spool.open_object(name).and_then(|file| file.map(hashed).transpose());
        let right = stored.is_ok_and(|stored| stored.is_some_and(|(_, found)| found == sha256));
        if !right {
            tracing::error!(object = %name, "a piece in the spool is damaged; it is stored anew");
        }
        Ok(right)
    }
}

fn hashed(mut source: impl Read) -> io::Result<(u64, ContentHash)> {
    let (mut hasher, mut buffer) = (ContentHasher::default(), vec![0; BUFFER]);
    loop {
        let length = source.read(&mut buffer)?;
        let Some(read) = buffer.get(..length).filter(|read| !read.is_empty()) else { break };
        hasher.update(read);
    }
    Ok((hasher.length(), hasher.finish()))
}

/// About how many bytes of a log the base after the last one stores: what came since, or all of it where its pieces
/// have another size by now.
pub(super) fn to_store(last: Option<&Base>, log: u64) -> u64 {
    let same = |base: &&Base| base.pieces.as_ref().is_some_and(|pieces| pieces.size == piece_of(log));
    last.filter(same).map_or(log, |base| log.min(log.saturating_sub(base.size) + FEW * piece_of(log)))
}

/// Bytes of a piece of a log of so many bytes. Where it doubles, all of the log is stored once more.
const fn piece_of(log: u64) -> u64 {
    let mut piece = PIECE;
    while log.div_ceil(piece) > MANY {
        piece *= 2;
    }
    piece
}

/// Removes pieces that no manifest in the spool names, of whichever generation: those of bases that were dropped, and what
/// an interruption left. While a manifest is damaged nothing goes: what it needs is not known. What cannot be removed
/// goes with the next base, and fails none.
pub(super) fn drop_unnamed(spool: &Spool, links: &Links) {
    let named = |name: &ObjectName| links.read::<MainManifest>(spool, name);
    let dropped = spool.main_manifests().map_err(CaptureError::Spool).and_then(|manifests| {
        let mut needed = BTreeSet::new();
        for signed in manifests.iter().map(named) {
            let base = signed?.map(|signed| signed.manifest.chains.audit.base);
            needed.extend(base.and_then(|base| base.pieces).into_iter().flat_map(|pieces| pieces.sha256));
        }
        let unnamed = |name: &ObjectName| matches!(name, ObjectName::Piece(sha256) if !needed.contains(sha256));
        let pieces = spool.pieces().map_err(CaptureError::Spool)?;
        let dropped = pieces.into_iter().filter(unnamed).try_for_each(|name| spool.remove(&name));
        dropped.and_then(|()| spool.sync_folders()).map_err(CaptureError::Spool)
    });
    if let Err(error) = dropped {
        let cause = chain_of(&error);
        tracing::error!(cause, "pieces that no base needs could not be removed from the spool; it is tried again");
    }
}

#[cfg(test)]
mod tests {
    use coffre_core::spool::Ordinal;

    use super::*;

    #[test]
    fn a_base_stores_what_is_new_of_the_log_or_all_of_it() {
        let base = |size, piece| {
            let pieces = Pieces { size: piece, sha256: Vec::new() };
            let (sha256, position) = (pieces.together(), Ordinal::FIRST);
            Base { position, size, page_size: 4096, page_count: 1, sha256, previous: None, pieces: Some(pieces) }
        };
        let (log, most) = (100 * PIECE, MANY * PIECE);
        assert_eq!(to_store(None, log), log);
        assert_eq!(to_store(Some(&base(90 * PIECE, PIECE)), log), 14 * PIECE);
        assert_eq!(to_store(Some(&base(log, PIECE)), log), 4 * PIECE);
        assert_eq!(to_store(Some(&base(PIECE, PIECE)), 2 * PIECE), 2 * PIECE);
        assert_eq!(to_store(Some(&base(most, PIECE)), most + 1), most + 1, "its pieces have twice the size");
        assert_eq!(to_store(Some(&Base { pieces: None, ..base(log, PIECE) }), log), log);
    }

    #[test]
    fn a_longer_log_has_greater_pieces_and_not_more_of_them() {
        const GIB: u64 = 1 << 30;
        for (log, piece) in [(1, PIECE), (16 * GIB, PIECE), (16 * GIB + 4096, 2 * PIECE), (100 * GIB, 8 * PIECE)] {
            assert_eq!(piece_of(log), piece, "{log}");
        }
    }
}
