//! The states of a vault that a restore is made of: the one asked for, the newest, and, where the newest cannot be
//! had, the newest that can.

use std::collections::BTreeMap;

use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Chain, ContentHash, Fault, Generation, History, MainManifest, Needed, NoPoint, ObjectName, Ordinal, Pinned, Reach,
    RestorePoint, Side, Wanted, segments_after,
};
use coffre_core::time::Timestamp;

use super::PlanError;
use super::moment::{Finder, Moment, Until, failed};
use super::plan::{LostLog, missing_documents};
use crate::content::{Expected, Meter};
use crate::inventory;
use crate::object;
use crate::observer::{Observer, Stage};
use crate::segments::{self, SegmentFailure};
use crate::sources::{Sources, Surveyed};

/// A state that can be fetched.
#[derive(Debug, Clone)]
pub(super) struct State {
    pub(super) point: RestorePoint,
    pub(super) moment: Moment,
    /// Its documents, and their bytes.
    pub(super) documents: (u64, u64),
}

impl State {
    pub(super) fn captured(&self) -> Timestamp {
        let base = self.point.main.manifest.heading.time;
        self.moment.point.as_ref().map_or(base, |(time, _)| *time)
    }

    /// The signed tree head of the log.
    pub(super) fn audit_head(&self) -> &str {
        let base = &self.point.main.manifest.audit_head;
        self.moment.point.as_ref().map_or(base, |(_, point)| &point.audit_head)
    }

    /// The moment captured after it, in its generation.
    pub(super) fn next(&self, history: &History<MainManifest>) -> Option<Timestamp> {
        let generation = history.generation(self.point.main.manifest.heading.generation);
        let bases = generation.into_iter().flat_map(Generation::manifests);
        let captured = self.captured();
        let base = bases.map(|signed| signed.manifest.heading.time).find(|time| *time > captured);
        self.moment.next.into_iter().chain(base).min()
    }
}

/// What states are found in.
pub(super) struct States<'a> {
    pub(super) sources: &'a Sources<'a>,
    pub(super) surveyed: &'a Surveyed,
    pub(super) pinned: &'a Pinned,
    pub(super) observer: &'a mut dyn Observer,
    /// What was found of the pieces of the log that were read: states have most of them in common.
    pub(super) pieces: BTreeMap<ContentHash, Option<Fault>>,
}

/// The state asked for, if it is older than the newest; the newest that can be had; and why it is not the newest there
/// should be, where that was accepted.
pub(super) type Chosen = (Option<State>, State, Option<String>);

impl States<'_> {
    pub(super) fn choose(&mut self, wanted: Wanted, lost_log: LostLog) -> Result<Chosen, PlanError> {
        let asked = match wanted {
            Wanted::Newest => None,
            Wanted::NewestOf(id) => match self.state(wanted, Until::Newest) {
                Err(error @ PlanError::Source(_)) => return Err(error),
                Err(cause) if lost_log == LostLog::Accept => Some(self.newest_sound(id, None)?.ok_or(cause)?),
                found => Some(found?),
            },
            Wanted::At(time) => Some(self.state(wanted, Until::At(time))?),
            Wanted::Exactly(..) => Some(self.state(wanted, Until::Base)?),
        };
        let newest = self.newest_of(wanted, asked.as_ref());
        let mut found = self.state(newest, Until::Newest);
        if let (Ok(newest), LostLog::Accept) = (&found, lost_log)
            && let Some(fault) = self.unsound(&newest.point.main.manifest)?
        {
            // What is damaged would be found when it is fetched, again and again.
            found = Err(NoPoint::from(fault).into());
        }
        let (newest, lost) = match found {
            Ok(newest) => (newest, None),
            Err(error @ PlanError::Source(_)) => return Err(error),
            Err(cause) if lost_log == LostLog::Accept => {
                let lost = cause.to_string();
                let found = self.newest_to_be_had(wanted, asked.as_ref())?;
                (found.or_else(|| asked.clone()).ok_or(cause)?, Some(lost))
            }
            Err(cause) if asked.is_none() => return Err(cause),
            Err(cause) => return Err(PlanError::NewestLost { source: Box::new(cause) }),
        };
        let older = asked.filter(|asked| asked.captured() < newest.captured());
        Ok((older, newest, lost))
    }

    /// Where two generations go on side by side, the newest is that of the one asked for.
    fn newest_of(&self, wanted: Wanted, asked: Option<&State>) -> Wanted {
        match (asked, self.surveyed.survey.main.current()) {
            (None, _) => wanted,
            (Some(_), Ok(_)) => Wanted::Newest,
            (Some(asked), Err(_)) => Wanted::NewestOf(asked.point.main.manifest.heading.generation),
        }
    }

    fn state(&mut self, wanted: Wanted, until: Until) -> Result<State, PlanError> {
        let Self { surveyed, pinned, .. } = *self;
        let point = surveyed.survey.point(wanted, &surveyed.listing, &pinned.scope)?;
        let main = self.sources.of(Side::Main)?;
        let path = inventory::object_of(&point.main.manifest).name.path(&pinned.scope);
        main.prepare(&[path], self.observer)?;
        let finder = Finder { main, surveyed, pinned };
        let moment = finder.find(until, &point.main.manifest, &point.keyring.manifest)?;
        let mut documents = (0, 0);
        let faults = missing_documents(main, &point, &moment, &pinned.scope, &mut documents)?;
        match faults.first() {
            Some(first) => Err(PlanError::Documents { count: faults.len(), first: first.clone() }),
            None => Ok(State { point, moment, documents }),
        }
    }

    /// The newest state whose bytes are all sound, not older than the one asked for: its databases are read and
    /// proven for that.
    fn newest_to_be_had(&mut self, wanted: Wanted, asked: Option<&State>) -> Result<Option<State>, PlanError> {
        let current = self.surveyed.survey.main.current().ok().flatten();
        let generation = current.or_else(|| asked.map(|asked| asked.point.main.manifest.heading.generation));
        let Some(id) = generation else { return Ok(None) };
        // The newest of a generation is nothing that an older one of it must reach.
        let floor = asked.filter(|_| wanted != Wanted::NewestOf(id)).map(State::captured);
        self.newest_sound(id, floor)
    }

    /// The same of one generation.
    fn newest_sound(&mut self, id: GenerationId, floor: Option<Timestamp>) -> Result<Option<State>, PlanError> {
        let Some(generation) = self.surveyed.survey.main.generation(id) else { return Ok(None) };
        for signed in generation.manifests().rev() {
            let found = self.sound_state(&signed.manifest, Wanted::Exactly(id, signed.manifest.heading.number))?;
            if let Some(found) = found.filter(|found| floor.is_none_or(|floor| found.captured() >= floor)) {
                return Ok(Some(found));
            }
            if floor.is_some_and(|floor| signed.manifest.heading.time <= floor) {
                break;
            }
        }
        Ok(None)
    }

    fn sound_state(&mut self, manifest: &MainManifest, wanted: Wanted) -> Result<Option<State>, PlanError> {
        let generation = manifest.heading.generation;
        let (vault, audit) = (&manifest.chains.vault, &manifest.chains.audit);
        let (Some(audit), _) = self.sound_end(generation, Chain::Audit, audit)? else { return Ok(None) };
        let (Some(vault), _) = self.sound_end(generation, Chain::Vault, vault)? else { return Ok(None) };
        match self.state(wanted, Until::Reached { vault, audit }) {
            Ok(state) => Ok(Some(state)),
            Err(error @ PlanError::Source(_)) => Err(error),
            Err(_) => Ok(None),
        }
    }

    /// The first of a state's bytes that are not the signed ones, in its databases.
    fn unsound(&mut self, manifest: &MainManifest) -> Result<Option<Fault>, PlanError> {
        let generation = manifest.heading.generation;
        let (_, fault) = self.sound_end(generation, Chain::Audit, &manifest.chains.audit)?;
        if fault.is_some() {
            return Ok(fault);
        }
        self.sound_end(generation, Chain::Vault, &manifest.chains.vault).map(|(_, fault)| fault)
    }

    /// What is at fault with an object without reading it: it is not there, or it is a piece that was read and is damaged.
    fn known_of(&self, object: &Needed) -> Option<Fault> {
        if self.surveyed.listing.contains_key(&object.name) {
            return self.pieces.get(&object.sha256).cloned().flatten();
        }
        let path = object.name.path(&self.pinned.scope);
        Some(Fault::Missing { object: path, needed_by: "its manifest".to_owned() })
    }

    /// The last place of a chain up to which every byte is sound, none if the base is not; and what is not sound after it.
    fn sound_end(
        &mut self,
        generation: GenerationId,
        chain: Chain,
        reach: &Reach,
    ) -> Result<(Option<Ordinal>, Option<Fault>), PlanError> {
        let (scope, main) = (&self.pinned.scope, self.sources.of(Side::Main)?);
        let Reach { base, mut last } = reach.clone();
        let mut objects = base.objects(generation, chain);
        if let Some(fault) = objects.iter().find_map(|object| self.known_of(object)) {
            return Ok((None, Some(fault)));
        }
        objects.retain(|object| !self.pieces.contains_key(&object.sha256));
        let names = segments_after(&self.surveyed.listing, generation, chain, base.position);
        let names: Vec<_> = names.map(|(position, _)| ObjectName::Segment { generation, chain, position }).collect();
        let all = names.iter().chain(objects.iter().map(|object| &object.name));
        let paths: Vec<String> = all.map(|name| name.path(scope)).collect();
        main.prepare(&paths, self.observer)?;
        let mut meter = Meter::new(self.observer, Stage::Verifying, 0);
        for object in &objects {
            let fault = object::fault(main, &object.name.path(scope), Expected::from(object), &mut meter)?;
            if let ObjectName::Piece(sha256) = object.name
                // That it could not be read says nothing of its bytes.
                && !matches!(fault, Some(Fault::Unreadable { .. }))
            {
                self.pieces.insert(sha256, fault.clone());
            }
            if fault.is_some() {
                return Ok((None, fault));
            }
        }
        let mut log = None;
        for name in names {
            let fault = match segments::read(main, &name, self.pinned, &mut meter, &mut |_, _| Ok(())) {
                Ok(seen) if seen.header.previous != last.sha256 => fork(&name, self.pinned),
                Ok(seen) if !seen.header.frames.continue_after(log.as_ref()) => fork(&name, self.pinned),
                Ok(seen) => {
                    (last, log) = (seen.link, Some(seen.header.frames.after()));
                    continue;
                }
                Err(SegmentFailure::Fault(fault)) => fault,
                Err(failure) => return Err(failed(failure)),
            };
            return Ok((Some(last.position), Some(fault)));
        }
        Ok((Some(last.position), None))
    }
}

fn fork(name: &ObjectName, pinned: &Pinned) -> Fault {
    Fault::Fork { object: name.path(&pinned.scope), what: "it does not follow the object before it" }
}
