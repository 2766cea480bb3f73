//! Up to which moment a place can be restored, once everything in it was looked at: the newest manifest of which nothing
//! is at fault, and the segments after it up to the first that is.

use std::collections::BTreeSet;
use std::convert::Infallible;

use coffre_core::spool::{Fault, MainManifest, Manifest as _, ObjectName, Ordinal, Signed};
use coffre_core::time::Timestamp;

use super::segments::Segments;
use super::{Verification, VerifyError};
use crate::inventory::{self, InventoryFailure};
use crate::sources::Surveyed;

impl Verification<'_, '_> {
    /// The newest moment that everything needed for is here and sound. Those before the newest manifest are what a
    /// restore falls back to with `--accept-lost-log`.
    pub(super) fn restorable_to(
        &self,
        surveyed: &Surveyed,
        segments: &Segments,
    ) -> Result<Option<Timestamp>, VerifyError> {
        let survey = &surveyed.survey;
        let Ok(Some(id)) = survey.main.current() else { return Ok(None) };
        let unsound: BTreeSet<&str> = self.faults.iter().filter_map(Fault::object).collect();
        let Some(generation) = survey.main.generation(id) else { return Ok(None) };
        for signed in generation.manifests().rev() {
            let keyring = match self.sources.keyring {
                // Whoever has another keyring sees how far it reaches.
                None => Ordinal::MAX,
                Some(_) => match self.keyring(surveyed, &signed.manifest, segments, &unsound) {
                    Some(reached) => reached,
                    None => continue,
                },
            };
            if self.is_whole(signed, surveyed, &unsound)? {
                let moment = segments.reached(signed, keyring, &unsound, &self.pinned.scope);
                if moment.is_some() {
                    return Ok(moment);
                }
            }
        }
        Ok(None)
    }

    /// How far the newest keyring reaches, if it is sound: for the generation itself a place in its chain, and all of it
    /// where the keyring belongs to one that came from it.
    fn keyring(
        &self,
        surveyed: &Surveyed,
        manifest: &MainManifest,
        segments: &Segments,
        unsound: &BTreeSet<&str>,
    ) -> Option<Ordinal> {
        let keyring = surveyed.survey.keyring_for(manifest, &self.pinned.scope).ok()?;
        let sound = |name: ObjectName| !unsound.contains(name.path(&self.pinned.scope).as_str());
        if !sound(keyring.manifest.name()) || !keyring.manifest.needed().iter().all(|needed| sound(needed.name)) {
            return None;
        }
        let (id, base) = (keyring.manifest.heading.generation, keyring.manifest.chains.keyring.base.position);
        if id == manifest.heading.generation { segments.keyring_end(id, base) } else { Some(Ordinal::MAX) }
    }

    /// Whether everything that a manifest names is here and sound, its documents included.
    fn is_whole(
        &self,
        signed: &Signed<MainManifest>,
        surveyed: &Surveyed,
        unsound: &BTreeSet<&str>,
    ) -> Result<bool, VerifyError> {
        let (manifest, scope) = (&signed.manifest, &self.pinned.scope);
        let sound = |name: ObjectName| !unsound.contains(name.path(scope).as_str());
        let listed = |name: &ObjectName| surveyed.listing.contains_key(name);
        if !sound(manifest.name()) || !manifest.needed().iter().all(|needed| listed(&needed.name) && sound(needed.name))
        {
            return Ok(false);
        }
        if !unsound.iter().any(|object| object.contains("/documents/")) {
            return Ok(true);
        }
        // Some document is at fault: it may be one that this manifest does not need.
        let place = self.sources.of(manifest.name().side())?;
        let mut whole = true;
        let read = inventory::read::<Infallible>(place, manifest, scope, |entry| {
            whole &= sound(ObjectName::Document(entry.name));
            Ok(())
        });
        match read {
            Ok(()) => Ok(whole),
            Err(InventoryFailure::Fault(_)) => Ok(false),
            Err(InventoryFailure::Source(error)) => Err(error.into()),
            Err(InventoryFailure::Each(never)) => match never {},
        }
    }
}
