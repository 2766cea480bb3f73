//! What a restore fetches, how much that is, and where each file goes. Fetches manifests, headers of segments and
//! the list of documents only, and writes nothing.
//!
//! A restore to a moment needs two states: the newest, and `vault.db` as it was then, from which the vault's half
//! takes the records. Where the newest cannot be had, the newest that can be stands in for it, and only for
//! somebody who accepts that.

use std::collections::BTreeMap;
use std::path::PathBuf;

use coffre_core::crypto::Scope;
use coffre_core::ids::GenerationId;
use coffre_core::spool::{
    Base, Chain, DocumentName, Fault, Generation, InventoryEntry, MainManifest, Manifest, Needed, ObjectName, Pinned,
    Reach, RestorePoint, Side, Wanted,
};
use coffre_core::time::Timestamp;

use super::PlanError;
use super::moment::{Documents, Moment, Replay};
use super::state::{State, States};
use crate::destination::{Source, SourceError};
use crate::inventory::{self, InventoryFailure};
use crate::observer::{Observer, Progress, Stage};
use crate::ship::newest_point;
use crate::sources::{Sources, Surveyed};

/// The file that `vault.db` of a moment becomes, beside the newest.
pub const MOMENT: &str = "moment.db";

/// Whether a restore may go on without the newest part of the log, where that cannot be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LostLog {
    /// It is refused.
    Refuse,
    /// It is done with the newest part that can be had, and told.
    Accept,
}

/// A restore that can be carried out: everything it needs is listed where it should be.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The newest point, and the keyring that opens it.
    pub point: RestorePoint,
    /// The moment that records are restored to.
    pub captured: Timestamp,
    /// The moment captured after it, if there is one: what was committed in between is not in it.
    pub next: Option<Timestamp>,
    /// The moment that everything else is restored to: the newest.
    pub newest: Timestamp,
    /// The oldest and the newest moment that the place offers.
    pub window: (Timestamp, Timestamp),
    /// The older `vault.db`, where records are set back.
    pub rewound: Option<Rewound>,
    /// Why the newest could not be had, where that was accepted.
    pub lost: Option<String>,
    pub(super) pinned: Pinned,
    pub(super) files: Vec<PlannedFile>,
    pub(super) moment: Moment,
    /// Documents of the point, and their bytes.
    documents: (u64, u64),
}

/// The moment that records are set back to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rewound {
    /// The generation that was captured then, and the number of its base.
    pub base: (GenerationId, u64),
    /// When.
    pub time: Timestamp,
    /// The signed tree head of the log then.
    pub audit_head: String,
}

/// A file, and the objects that it is made of, one after the other.
#[derive(Debug, Clone)]
pub(super) struct PlannedFile {
    pub(super) objects: Vec<Needed>,
    pub(super) target: PathBuf,
    /// Whether another file may be made of an object too: it is copied, and stays where it is.
    pub(super) copied: bool,
}

impl PlannedFile {
    fn of(object: Needed, target: PathBuf) -> Self {
        Self { objects: vec![object], target, copied: false }
    }

    fn of_base(generation: GenerationId, chain: Chain, base: &Base) -> Self {
        Self { objects: base.objects(generation, chain), target: chain.file().into(), copied: false }
    }

    pub(super) fn size(&self) -> u64 {
        self.objects.iter().map(|object| object.size).sum()
    }

    pub(super) fn side(&self) -> Side {
        self.objects.first().map_or(Side::Main, |object| object.name.side())
    }
}

impl Plan {
    /// How many files are fetched.
    pub fn files(&self) -> u64 {
        let segments = self.moment.replays.iter().map(|replay| replay.segments.len() as u64);
        self.files.len() as u64 + self.documents.0 + segments.sum::<u64>()
    }

    /// How many bytes they have.
    pub fn bytes(&self) -> u64 {
        let segments = self.moment.replays.iter().map(Replay::bytes);
        self.files.iter().map(PlannedFile::size).sum::<u64>() + self.documents.1 + segments.sum::<u64>()
    }

    pub(super) const fn scope(&self) -> &Scope {
        &self.pinned.scope
    }
}

/// Chooses the point and makes sure that everything it needs is there.
pub fn plan(
    sources: &Sources<'_>,
    pinned: &Pinned,
    wanted: Wanted,
    lost_log: LostLog,
    observer: &mut dyn Observer,
) -> Result<Plan, PlanError> {
    observer.progress(Progress { stage: Stage::Surveying, done: 0, total: 0 });
    let surveyed = match (wanted, lost_log) {
        (Wanted::Newest, LostLog::Refuse) => sources.survey_of_newest(pinned, observer)?,
        _ => sources.survey(pinned, observer)?,
    };
    let mut states = States { sources, surveyed: &surveyed, pinned, observer, pieces: BTreeMap::new() };
    let (asked, newest, lost) = states.choose(wanted, lost_log)?;
    let next = asked.as_ref().map_or(newest.moment.next, |asked| asked.next(&surveyed.survey.main));
    let mut plan = of_newest(sources, &surveyed, pinned, newest, lost)?;
    plan.next = next;
    if let Some(asked) = asked {
        plan.set_back_to(sources, &surveyed, &asked)?;
    }
    Ok(plan)
}

fn of_newest(
    sources: &Sources<'_>,
    surveyed: &Surveyed,
    pinned: &Pinned,
    newest: State,
    lost: Option<String>,
) -> Result<Plan, PlanError> {
    let window = window(sources.of(Side::Main)?, surveyed, &newest.point, pinned)?;
    let captured = newest.captured();
    let State { point, moment, documents } = newest;
    let files = files_of(&point.main.manifest).into_iter().chain(files_of(&point.keyring.manifest)).collect();
    let (pinned, newest, rewound) = (pinned.clone(), captured, None);
    Ok(Plan { point, captured, next: None, newest, window, rewound, lost, pinned, files, moment, documents })
}

impl Plan {
    /// Adds `vault.db` of an older state, and documents that only it has: an earlier restore left them out.
    fn set_back_to(&mut self, sources: &Sources<'_>, surveyed: &Surveyed, asked: &State) -> Result<(), PlanError> {
        let (time, main) = (asked.captured(), sources.of(Side::Main)?);
        let oldest = window(main, surveyed, &asked.point, &self.pinned)?.0;
        (self.captured, self.window.0) = (time, self.window.0.min(oldest));
        let audit_head = asked.audit_head().to_owned();
        let manifest = &asked.point.main.manifest;
        let base = (manifest.heading.generation, manifest.heading.number.get());
        self.rewound = Some(Rewound { base, time, audit_head });
        let older = PlannedFile::of_base(manifest.heading.generation, Chain::Vault, &manifest.chains.vault.base);
        self.files.insert(0, PlannedFile { target: MOMENT.into(), copied: true, ..older });
        let of_vault = asked.moment.replays.iter().filter(|replay| replay.chain == Chain::Vault);
        self.moment.replays.extend(of_vault.map(|replay| Replay { target: MOMENT, ..replay.clone() }));
        self.add_documents_left_out(main, asked)
    }

    fn add_documents_left_out(&mut self, main: &dyn Source, asked: &State) -> Result<(), PlanError> {
        let scope = self.pinned.scope.clone();
        let mut only_then = BTreeMap::new();
        let take = |entry: InventoryEntry| {
            only_then.insert(entry.name, entry);
            Ok::<_, SourceError>(())
        };
        listed(each_document(main, &asked.point.main.manifest, &asked.moment, &scope, take))?;
        let known = |entry: InventoryEntry| {
            only_then.remove(&entry.name);
            Ok::<_, SourceError>(())
        };
        listed(each_document(main, &self.point.main.manifest, &self.moment, &scope, known))?;
        let mut shards = Shards::default();
        for (name, entry) in only_then {
            // Those of the erased may be gone.
            if shards.size(main, &scope, &name)? == Some(entry.size) {
                self.documents = (self.documents.0 + 1, self.documents.1 + entry.size);
                self.moment.documents.added.insert(name, entry);
            }
        }
        Ok(())
    }
}

fn listed(read: Result<(), InventoryFailure<SourceError>>) -> Result<(), PlanError> {
    match read {
        Ok(()) => Ok(()),
        Err(InventoryFailure::Fault(first)) => Err(PlanError::Documents { count: 1, first }),
        Err(InventoryFailure::Source(error) | InventoryFailure::Each(error)) => Err(error.into()),
    }
}

/// The files of a vault that a manifest names, but for documents.
fn files_of<M: Manifest>(manifest: &M) -> Vec<PlannedFile> {
    let generation = manifest.heading().generation;
    let by_hash = manifest.blobs().into_iter().filter_map(|object| match object.name {
        ObjectName::Keys(_) => Some(PlannedFile::of(object, "keys.json".into())),
        ObjectName::Recovery(_) => Some(PlannedFile::of(object, "root.recovery.age".into())),
        // What is only read.
        _ => None,
    });
    let base = |(chain, reach): (Chain, &Reach)| PlannedFile::of_base(generation, chain, &reach.base);
    by_hash.chain(manifest.chains().into_iter().map(base)).collect()
}

/// The file of a document, below the vault's directory.
pub(super) fn planned_document(entry: &InventoryEntry) -> PlannedFile {
    let object = Needed { name: ObjectName::Document(entry.name), size: entry.size, sha256: entry.sha256 };
    PlannedFile::of(object, PathBuf::from("documents").join(entry.name.path()))
}

/// The oldest and newest moments of the generation that a point is of.
fn window(
    main: &dyn Source,
    surveyed: &Surveyed,
    point: &RestorePoint,
    pinned: &Pinned,
) -> Result<(Timestamp, Timestamp), SourceError> {
    let id = point.main.manifest.heading.generation;
    let times = surveyed.survey.main.generation(id).into_iter().flat_map(Generation::manifests);
    let times: Vec<Timestamp> = times.map(|signed| signed.manifest.heading.time).collect();
    let captured = point.main.manifest.heading.time;
    let (oldest, newest) = (times.first().copied().unwrap_or(captured), times.last().copied().unwrap_or(captured));
    let segments = newest_point(main, &surveyed.listing, id, pinned)?.map(|header| header.time);
    Ok((oldest, newest.max(segments.unwrap_or(newest))))
}

/// Each document of a moment: those of its base, but for what segments did to them.
pub(super) fn each_document<E>(
    main: &dyn Source,
    manifest: &MainManifest,
    moment: &Moment,
    scope: &Scope,
    mut each: impl FnMut(InventoryEntry) -> Result<(), E>,
) -> Result<(), InventoryFailure<E>> {
    let Documents { added, removed } = &moment.documents;
    inventory::read(main, manifest, scope, |entry| {
        let changed = removed.contains(&entry.name) || added.contains_key(&entry.name);
        if changed { Ok(()) } else { each(entry) }
    })?;
    added.values().try_for_each(|entry| each(*entry)).map_err(InventoryFailure::Each)
}

/// The listings of document folders, the last one kept.
#[derive(Default)]
struct Shards {
    shard: String,
    sizes: BTreeMap<DocumentName, u64>,
}

impl Shards {
    fn size(&mut self, main: &dyn Source, scope: &Scope, name: &DocumentName) -> Result<Option<u64>, SourceError> {
        if self.shard != name.shard() {
            let folder = format!("{}/documents/{}", Side::Main.vault_folder(scope), name.shard());
            let listed = main.list(&folder)?.objects.into_iter();
            self.sizes = listed.filter_map(|(name, size)| Some((name.parse().ok()?, size))).collect();
            self.shard = name.shard();
        }
        Ok(self.sizes.get(name).copied())
    }
}

/// The documents of a state that are not there as they should be; counts them all.
pub(super) fn missing_documents(
    main: &dyn Source,
    point: &RestorePoint,
    moment: &Moment,
    scope: &Scope,
    (count, bytes): &mut (u64, u64),
) -> Result<Vec<Fault>, SourceError> {
    let needed_by = point.main.manifest.name().path(scope);
    let mut faults = Vec::new();
    let mut shards = Shards::default();
    let read = each_document(main, &point.main.manifest, moment, scope, |entry| {
        *count += 1;
        *bytes += entry.size;
        let object = ObjectName::Document(entry.name).path(scope);
        match shards.size(main, scope, &entry.name)? {
            None => faults.push(Fault::Missing { object, needed_by: needed_by.clone() }),
            Some(found) if found != entry.size => {
                faults.push(Fault::WrongSize { object, expected: entry.size, found });
            }
            Some(_) => {}
        }
        Ok(())
    });
    match read {
        Ok(()) => Ok(faults),
        Err(InventoryFailure::Fault(fault)) => Ok(vec![fault]),
        Err(InventoryFailure::Source(error) | InventoryFailure::Each(error)) => Err(error),
    }
}
