//! Where the chains of a generation end in the spool, as the objects there say it.

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, ContentHash, KeyringManifest, Link, MainManifest, Manifest as _, ObjectName, Ordinal, Place, Reach,
    SegmentError, SegmentHeader, Signed, WalPosition,
};
use coffre_core::time::Timestamp;
use thiserror::Error;

use super::CaptureError;
use super::documents::{Listed, Since};
use super::links::Links;
use super::spool::Spool;

/// The end of one chain.
#[derive(Debug, Clone, Copy)]
pub(super) struct End {
    pub(super) last: Link,
    /// How far the write-ahead log was followed; none when it begins anew after this.
    pub(super) wal: Option<WalPosition>,
    /// Bytes of the base, and of the segments after it.
    pub(super) base: u64,
    pub(super) segments: u64,
}

impl End {
    pub(super) const fn of(reach: &Reach) -> Self {
        Self { last: reach.last, wal: None, base: reach.base.size, segments: 0 }
    }
}

/// The ends of the three chains, in the order of their commits.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ends {
    pub(super) keyring: End,
    pub(super) vault: End,
    pub(super) audit: End,
    /// When the base was taken, and the number of its manifest.
    pub(super) base: Timestamp,
    pub(super) number: u64,
    /// The newest moment in the chains.
    pub(super) newest: Timestamp,
}

impl Ends {
    pub(super) const fn last(&self) -> [Link; 3] {
        [self.keyring.last, self.vault.last, self.audit.last]
    }

    /// Rests on a base backup that was begun when the chains were at `begun`.
    pub(super) fn rest_on(&mut self, base: Self, begun: Self) {
        (self.base, self.number) = (base.base, base.number);
        let (bases, begun) = ([base.keyring, base.vault, base.audit], [begun.keyring, begun.vault, begun.audit]);
        for (((_, end), base), begun) in self.all_mut().into_iter().zip(bases).zip(begun) {
            (end.base, end.segments) = (base.base, end.segments.saturating_sub(begun.segments));
        }
    }

    pub(super) const fn all_mut(&mut self) -> [(Chain, &mut End); 3] {
        let Self { keyring, vault, audit, .. } = self;
        [(Chain::Keyring, keyring), (Chain::Vault, vault), (Chain::Audit, audit)]
    }
}

/// Why the chains cannot be gone on with. The texts say what a base backup is taken for.
#[derive(Debug, Error)]
pub(super) enum Lost {
    #[error("there is no base backup of this generation in the spool")]
    NoBase,
    #[error("the spool lacks the newest base backup")]
    Emptied,
    #[error("the last segment of the {chain} chain is damaged")]
    Segment {
        chain: Chain,
        #[source]
        source: Option<SegmentError>,
    },
    #[error("the list of documents of the newest base backup is damaged")]
    Inventory,
    #[error("keys.json is another one since the newest base backup")]
    OtherKeys,
    #[error("{chain} has commits that are in no segment and no write-ahead log")]
    Gone { chain: Chain },
    #[error("the vault was opened again and the chains could not be compared")]
    Uncompared(#[source] rusqlite::Error),
    #[error("the list of documents could not be read: vault.db is damaged")]
    Damaged,
    #[error(transparent)]
    Capture(#[from] CaptureError),
}

/// The chains of the newest base, and its documents.
pub(super) struct Found {
    pub(super) ends: Ends,
    /// The documents of the base, and what the segments after it say of documents.
    pub(super) listed: Listed,
    pub(super) since: Since,
    /// The `keys.json` of that base.
    pub(super) keys: ContentHash,
}

/// The places after the last object of each chain, whether or not anything can go on from there.
pub(super) fn next_places(
    spool: &Spool,
    generation: GenerationId,
    reaches: [(Chain, Option<&Reach>); 3],
) -> Result<[Place; 3], CaptureError> {
    let mut places = [Place::FIRST; 3];
    for (place, (chain, reach)) in places.iter_mut().zip(reaches) {
        let Some(reach) = reach else { continue };
        *place = reach.next_place();
        let mut last = None;
        let mut position = reach.last.position;
        while spool.length(&name(generation, chain, position.next())).map_err(CaptureError::Spool)?.is_some() {
            position = position.next();
            last = Some(position);
        }
        if let Some(bytes) = last
            .map(|last| spool.read(&name(generation, chain, last)))
            .transpose()
            .map_err(CaptureError::Spool)?
            .flatten()
        {
            *place = Place { position: position.next(), previous: Some(ContentHash::of(&bytes)) };
        }
    }
    Ok(places)
}

/// More objects than can follow a base backup, at one a second for half a year: how many the lost spool had is not known
/// any more, and no object may ever be written twice.
const BEYOND: u64 = 1 << 24;

/// Places of each chain where nothing ever was, where the spool does not tell any more what the last one is.
pub(super) fn beyond(reaches: [(Chain, Option<&Reach>); 3]) -> [Place; 3] {
    reaches.map(|(_, reach)| {
        let Some(last) = reach.map(|reach| reach.last) else { return Place::FIRST };
        let position = Ordinal::new(last.position.get().saturating_add(BEYOND));
        position.map_or(Place::FIRST, |position| Place { position, previous: Some(last.sha256) })
    })
}

const fn name(generation: GenerationId, chain: Chain, position: Ordinal) -> ObjectName {
    ObjectName::Segment { generation, chain, position }
}

/// Follows the chains in the spool from the newest base to their ends.
pub(super) fn find(spool: &Spool, links: &Links, generation: GenerationId) -> Result<Found, Lost> {
    let main: Signed<MainManifest> = links.last(spool, generation)?.ok_or(Lost::NoBase)?;
    let keyring: Signed<KeyringManifest> = links.last(spool, generation)?.ok_or(Lost::NoBase)?;
    for name in [main.manifest.name(), keyring.manifest.name()] {
        if spool.found(&name).map_err(CaptureError::Spool)?.is_none() {
            return Err(Lost::Emptied);
        }
    }
    let (listed, mut since) = (inventory(spool, &main.manifest)?, Since::new());
    let chains = &main.manifest.chains;
    let mut follow = |chain, reach: &Reach| follow(spool, links, generation, chain, reach, &mut since);
    let (keyring, at_keyring) = follow(Chain::Keyring, &keyring.manifest.chains.keyring)?;
    let (vault, at_vault) = follow(Chain::Vault, &chains.vault)?;
    let (audit, at_audit) = follow(Chain::Audit, &chains.audit)?;
    let (base, number) = (main.manifest.heading.time, main.manifest.heading.number.get());
    let newest = [at_keyring, at_vault, at_audit].into_iter().flatten().fold(base, Timestamp::max);
    let keys = main.manifest.keys.sha256;
    Ok(Found { ends: Ends { keyring, vault, audit, base, number, newest }, listed, since, keys })
}

fn inventory(spool: &Spool, main: &MainManifest) -> Result<Listed, Lost> {
    let sha256 = main.documents.inventory.sha256;
    let file = spool.open_object(&ObjectName::Inventory(sha256)).map_err(CaptureError::Spool)?.ok_or(Lost::Emptied)?;
    Listed::checked(file, sha256).map_err(CaptureError::Spool)?.ok_or(Lost::Inventory)
}

fn follow(
    spool: &Spool,
    links: &Links,
    generation: GenerationId,
    chain: Chain,
    reach: &Reach,
    since: &mut Since,
) -> Result<(End, Option<Timestamp>), Lost> {
    let mut end = End::of(reach);
    let mut time = None;
    loop {
        let position = end.last.position.next();
        let Some(bytes) = spool.read(&name(generation, chain, position)).map_err(CaptureError::Spool)? else {
            return Ok((end, time));
        };
        let damaged = |source| Lost::Segment { chain, source };
        let (header, frames) = SegmentHeader::parse(&bytes, links.pinned()).map_err(|error| damaged(Some(error)))?;
        let frames = bytes.get(frames..).unwrap_or_default();
        let sound = header.name() == name(generation, chain, position)
            && header.previous == end.last.sha256
            && ContentHash::of(frames) == header.frames.sha256;
        if !sound {
            return Err(damaged(None));
        }
        for entry in header.documents.added {
            since.insert(entry.name, Some(entry));
        }
        for name in header.documents.removed {
            since.insert(name, None);
        }
        end.last = Link { position, sha256: ContentHash::of(&bytes) };
        end.wal = Some(header.frames.after());
        end.segments += bytes.len() as u64;
        time = Some(header.time);
    }
}
