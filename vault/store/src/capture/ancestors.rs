//! What the generations that this one came from have in the spool: the vault was restored, and goes on there. It goes once it is past:
//! the first base backup of this generation need not stay any more, and every destination has a later one. What is older than
//! that is at the destinations, too. Where a full spool gives up what a destination has not confirmed, it goes like that: it would
//! keep the spool full, and lack what it shares with base backups that are given up. Their keyring goes sooner (`retention`); its
//! manifests stay, and tell what came from what.

use std::collections::{BTreeMap, BTreeSet};

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, MainManifest, Manifest as _, ObjectName, Ordinal, Side};

use super::CaptureError;
use super::follow::chain_of;
use super::links::Links;
use super::retention::Keeping;
use super::spool::Spool;

/// Removes it, once a manifest is published. What cannot be removed goes with the next base backup, and fails none.
pub(super) fn drop_past(spool: &Spool, links: &Links, keeping: &Keeping, newest: &MainManifest) {
    let is_past = newest.heading.retained_from > Ordinal::FIRST && keeping.lets_ancestors_go();
    if !is_past || newest.heading.parent.is_none() {
        return;
    }
    if let Err(error) = drop_ancestors(spool, links, newest) {
        let cause = chain_of(&error);
        tracing::error!(cause, "what earlier generations have in the spool could not be removed; it is tried again");
    }
}

/// While a manifest is damaged nothing goes: what it needs, and what it came from, is not known.
fn drop_ancestors(spool: &Spool, links: &Links, newest: &MainManifest) -> Result<(), CaptureError> {
    let mut manifests = BTreeMap::new();
    for name in spool.main_manifests().map_err(CaptureError::Spool)? {
        if let Some(signed) = links.read::<MainManifest>(spool, &name)? {
            manifests.insert(name, signed.manifest);
        }
    }
    let line = line(&manifests, newest);
    let stay = manifests.iter().filter(|(name, _)| !line.iter().any(|id| is_of(name, *id)));
    let needed: BTreeSet<ObjectName> = stay.flat_map(|(_, manifest)| manifest.blobs()).map(|blob| blob.name).collect();
    // The oldest first: whatever an interruption leaves, nothing that is there came from what is not.
    for id in line.into_iter().rev() {
        drop_generation(spool, id, manifests.iter().filter(|(name, _)| is_of(name, id)), &needed)
            .map_err(CaptureError::Spool)?;
    }
    Ok(())
}

/// The generations that a manifest's came from, the nearest first.
fn line(manifests: &BTreeMap<ObjectName, MainManifest>, newest: &MainManifest) -> Vec<GenerationId> {
    let parent = |manifest: &MainManifest| manifest.heading.parent.as_ref().map(|parent| parent.generation);
    let (mut line, mut at) = (Vec::new(), parent(newest));
    while let Some(id) = at.filter(|id| *id != newest.heading.generation && !line.contains(id)) {
        line.push(id);
        at = manifests.iter().find(|(name, _)| is_of(name, id)).and_then(|(_, manifest)| parent(manifest));
    }
    line
}

fn is_of(name: &ObjectName, id: GenerationId) -> bool {
    matches!(name, ObjectName::Manifest { generation, .. } if *generation == id)
}

/// The manifests first, the oldest of them first, durable before the rest: nothing is promised that is not there.
fn drop_generation<'m>(
    spool: &Spool,
    id: GenerationId,
    manifests: impl Iterator<Item = (&'m ObjectName, &'m MainManifest)>,
    needed: &BTreeSet<ObjectName>,
) -> std::io::Result<()> {
    let mut objects = BTreeSet::new();
    for (name, manifest) in manifests {
        objects.extend(manifest.blobs().into_iter().map(|blob| blob.name).filter(|name| !needed.contains(name)));
        spool.remove(name)?;
    }
    spool.sync_folders()?;
    for chain in Chain::ALL.into_iter().filter(|chain| chain.side() == Side::Main) {
        objects.extend(spool.objects(id, chain)?);
    }
    objects.iter().try_for_each(|name| spool.remove(name))?;
    spool.sync_folders()
}
