//! The point to restore: the newest whole state of a vault, and the keyring that opens it. Decides
//! on names, sizes and signed statements only, and refuses where it would have to guess.

use std::collections::BTreeSet;

use thiserror::Error;

use super::survey::fault_of;
use super::{
    Fault, Generation, History, KeyringManifest, Link, Listing, MainManifest, Manifest, Ordinal, Signed, Survey,
};
use crate::crypto::Scope;
use crate::ids::GenerationId;
use crate::time::Timestamp;

/// Which point is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wanted {
    /// The newest; refused if anything about it is in doubt.
    Newest,
    /// The newest of a generation, where several go on side by side.
    NewestOf(GenerationId),
    /// The newest that was captured at this moment or before it.
    At(Timestamp),
    /// This manifest exactly.
    Exactly(GenerationId, Ordinal),
}

/// A state of a vault that can be restored: a main manifest and a keyring that opens it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RestorePoint {
    /// Records, audit log, documents and keys.
    pub main: Signed<MainManifest>,
    /// The newest keyring that opens them.
    pub keyring: Signed<KeyringManifest>,
    /// The newest manifest of the same generation, when the point is an older one: what came after
    /// the point, entries of the log included, is not restored.
    pub leaves_behind: Option<Ordinal>,
}

/// Why no point can be restored.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NoPoint {
    /// There is no manifest.
    #[error("there is no backup of this vault here: check the path, the environment and the vault")]
    Empty,
    /// The point asked for is not there.
    #[error(
        "there is no sound manifest {number} of generation {generation} here: list the backups to see which there are"
    )]
    NotThere {
        /// The generation.
        generation: GenerationId,
        /// The number.
        number: Ordinal,
    },
    /// Nothing was captured as early as asked for.
    #[error("the oldest point here is of {oldest}: ask for that or a later moment, or look at another destination")]
    TooEarly {
        /// When the oldest was captured.
        oldest: Timestamp,
    },
    /// The newest manifest cannot be believed.
    #[error(
        "the newest manifest of generation {generation} cannot be believed: copy it from another destination, \
         or name an older point to restore that"
    )]
    NewestUnsound {
        /// The generation.
        generation: GenerationId,
    },
    /// Something that the point needs is at fault.
    #[error("the restore point is not complete: {}", first_and_count(faults))]
    Faults {
        /// What is wrong.
        faults: Vec<Fault>,
    },
}

fn first_and_count(faults: &[Fault]) -> String {
    match faults {
        [] => String::new(),
        [one] => one.to_string(),
        [first, others @ ..] => format!("{first}; and {} more", others.len()),
    }
}

impl From<Fault> for NoPoint {
    fn from(fault: Fault) -> Self {
        Self::Faults { faults: vec![fault] }
    }
}

impl Survey {
    /// The point to restore, if it is there whole.
    pub fn point(&self, wanted: Wanted, listing: &Listing, scope: &Scope) -> Result<RestorePoint, NoPoint> {
        let main = self.wanted_manifest(wanted)?;
        let keyring = self.keyring_for(&main.manifest, scope)?;
        let by = main.manifest.name();
        let mut faults: Vec<Fault> =
            main.manifest.needed().iter().filter_map(|needed| fault_of(needed, by, listing, scope)).collect();
        let by = keyring.manifest.name();
        faults.extend(keyring.manifest.needed().iter().filter_map(|needed| fault_of(needed, by, listing, scope)));
        if !faults.is_empty() {
            return Err(NoPoint::Faults { faults });
        }
        let number = main.manifest.heading.number;
        let newest = self.main.generation(main.manifest.heading.generation).map(Generation::newest_seen);
        Ok(RestorePoint {
            main: main.clone(),
            keyring: keyring.clone(),
            leaves_behind: newest.filter(|newest| *newest > number),
        })
    }

    fn wanted_manifest(&self, wanted: Wanted) -> Result<&Signed<MainManifest>, NoPoint> {
        let id = match wanted {
            Wanted::Newest => self.main.current()?.ok_or(NoPoint::Empty)?,
            Wanted::NewestOf(generation) => generation,
            Wanted::At(moment) => return self.manifest_at(moment),
            Wanted::Exactly(generation, number) => {
                let found = self.main.generation(generation).and_then(|g| g.manifest(number));
                return found.ok_or(NoPoint::NotThere { generation, number });
            }
        };
        let generation = self.main.generation(id).ok_or(NoPoint::Empty)?;
        generation.newest_of_all().ok_or(NoPoint::NewestUnsound { generation: id })
    }

    /// The newest manifest of the generation that goes on, or of those it came from, at a moment.
    fn manifest_at(&self, moment: Timestamp) -> Result<&Signed<MainManifest>, NoPoint> {
        let mut at = Some(self.main.current()?.ok_or(NoPoint::Empty)?);
        let mut seen = BTreeSet::new();
        let mut oldest = None;
        while let Some(generation) = at.filter(|id| seen.insert(*id)).and_then(|id| self.main.generation(id)) {
            for signed in generation.manifests().rev() {
                if signed.manifest.heading.time <= moment {
                    return Ok(signed);
                }
                oldest = Some(signed.manifest.heading.time);
            }
            let newest = generation.newest();
            at = newest.and_then(|newest| newest.manifest.heading.parent.as_ref()).map(|parent| parent.generation);
        }
        Err(oldest.map_or(NoPoint::Empty, |oldest| NoPoint::TooEarly { oldest }))
    }

    /// The newest keyring that belongs to the manifest's generation or one that came from it, and
    /// reaches as far as the manifest needs.
    pub fn keyring_for(&self, main: &MainManifest, scope: &Scope) -> Result<&Signed<KeyringManifest>, NoPoint> {
        let generation = main.heading.generation;
        let missing = || {
            NoPoint::from(Fault::Keyring {
                needed_by: main.name().path(scope),
                generation,
                needed: main.keyring.position,
            })
        };
        let current = match self.keyring.current() {
            Ok(current) => current.ok_or_else(missing)?,
            // Which of two to follow was decided when the point was chosen.
            Err(_) => generation,
        };
        let newest = self.keyring.generation(current).and_then(Generation::newest_of_all).ok_or_else(missing)?;
        if !self.keyring.descends(current, generation) {
            return Err(missing());
        }
        if current == generation && !reaches(&self.keyring, newest, &main.keyring) {
            return Err(missing());
        }
        Ok(newest)
    }
}

/// Whether a keyring manifest is at the needed place or beyond, in the same history.
fn reaches(history: &History<KeyringManifest>, newest: &Signed<KeyringManifest>, needed: &Link) -> bool {
    let at_place = |signed: &&Signed<KeyringManifest>| signed.manifest.chains.keyring.last.position == needed.position;
    let generation = history.generation(newest.manifest.heading.generation);
    let stored = generation.and_then(|generation| generation.manifests().find(at_place));
    let same = stored.is_none_or(|stored| stored.manifest.chains.keyring.last.sha256 == needed.sha256);
    same && newest.manifest.chains.keyring.last.position >= needed.position
}
