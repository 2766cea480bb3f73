//! What the next manifest and the next object of a chain must say, so that they continue the last.
//! The one who captures asks here and decides nothing alone.

use super::manifest::{Heading, Manifest, Parent, Reach};
use super::{ContentHash, Ordinal, Signed};
use crate::crypto::Scope;
use crate::ids::GenerationId;
use crate::time::Timestamp;

/// Where the next object of a chain goes, and what it follows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Its position.
    pub position: Ordinal,
    /// The SHA-256 of the object before it.
    pub previous: Option<ContentHash>,
}

impl Place {
    /// The first place of a chain.
    pub const FIRST: Self = Self { position: Ordinal::FIRST, previous: None };
}

impl Reach {
    /// The place after the last object.
    pub const fn next_place(&self) -> Place {
        Place { position: self.last.position.next(), previous: Some(self.last.sha256) }
    }
}

impl Heading {
    /// The heading of a generation's first manifest.
    pub fn first<M: Manifest>(
        scope: &Scope,
        generation: GenerationId,
        parent: Option<Parent>,
        now: Timestamp,
        software: &str,
    ) -> Self {
        Self {
            format: M::FORMAT.to_owned(),
            environment: scope.environment.clone(),
            vault: scope.vault,
            generation,
            parent,
            number: Ordinal::FIRST,
            time: now,
            previous: None,
            retained_from: Ordinal::FIRST,
            software: software.to_owned(),
        }
    }

    /// The heading of the manifest after this one. Time goes forward even if the clock was set back.
    #[must_use]
    pub fn after<M: Manifest>(before: &Signed<M>, now: Timestamp, software: &str) -> Self {
        let old = before.manifest.heading();
        let earliest = Timestamp::from_micros(old.time.as_micros().saturating_add(1));
        Self {
            format: M::FORMAT.to_owned(),
            number: old.number.next(),
            time: now.max(earliest),
            previous: Some(before.sha256),
            software: software.to_owned(),
            ..old.clone()
        }
    }
}

impl<M: Manifest> Signed<M> {
    /// What a generation names as its parent when it begins from this manifest.
    pub fn as_parent(&self) -> Parent {
        let heading = self.manifest.heading();
        Parent {
            generation: heading.generation,
            number: heading.number,
            sha256: self.sha256,
            audit_head: self.manifest.audit_head().map(str::to_owned),
        }
    }
}
