//! What the spool holds, put together the way a restore does, against the databases themselves.

use std::fs;
use std::io::Write;
use std::num::NonZeroU64;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use coffre_core::audit::Action;
use coffre_core::crypto::Scope;
use coffre_core::ids::{GenerationId, SubjectId};
use coffre_core::spool::{
    Chain, ContentHash, FRAME_HEADER, FrameCheck, KeyringManifest, Link, MainManifest, Manifest, ObjectName, Ordinal,
    Pinned, Reach, SegmentHeader, Signed, open as open_manifest,
};
use coffre_store::transactions::AddDocument;
use coffre_store::{CaptureOptions, Depends, Store};

use crate::support::{create, draft, kind, make, open, read};

pub(crate) const KEEP: NonZeroU64 = NonZeroU64::new(3).unwrap();

/// A vault and its spool, which can be asked what they hold while the vault is open and after.
pub(crate) struct Place {
    pub(crate) dir: tempfile::TempDir,
    pub(crate) scope: Scope,
    pub(crate) pinned: Pinned,
    pub(crate) generation: GenerationId,
}

impl Place {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let store = open(dir.path());
        let scope = store.scope().clone();
        let pinned = Pinned { scope: scope.clone(), key: store.verification_key().clone() };
        Self { dir, scope, pinned, generation: store.generation() }
    }

    pub(crate) fn spool(&self) -> PathBuf {
        self.dir.path().join("spool")
    }

    pub(crate) fn options(&self) -> CaptureOptions {
        let mut options = CaptureOptions::new(self.spool(), KEEP, "coffre test");
        options.interval = Duration::from_millis(20);
        options
    }

    pub(crate) fn following(&self) -> Store {
        let store = open(self.dir.path());
        store.follow(self.options()).unwrap();
        caught_up(&store);
        store
    }

    pub(crate) fn object(&self, name: &ObjectName) -> PathBuf {
        self.spool().join(name.path(&self.scope))
    }

    /// The newest manifest of a side.
    pub(crate) fn newest<M: Manifest>(&self) -> Option<Signed<M>> {
        let name = |number| ObjectName::Manifest {
            generation: self.generation,
            side: M::SIDE,
            number: Ordinal::new(number).unwrap(),
        };
        let bytes = (1..1000).rev().find_map(|number| fs::read(self.object(&name(number))).ok());
        bytes.map(|bytes| open_manifest(&bytes, &self.pinned).unwrap())
    }

    /// How many base backups were taken.
    pub(crate) fn bases(&self) -> u64 {
        self.newest::<MainManifest>().map_or(0, |newest| newest.manifest.heading.number.get())
    }

    /// The segments after the newest base of a chain, each held against the one before it.
    pub(crate) fn segments(&self, chain: Chain) -> Vec<(SegmentHeader, Vec<u8>, Link)> {
        self.segments_from(chain, &self.reach(chain))
    }

    /// The newest base of a chain.
    pub(crate) fn reach(&self, chain: Chain) -> Reach {
        let of_keyring = self.newest::<KeyringManifest>().unwrap().manifest;
        let reach = of_keyring.reach(chain).cloned();
        reach.unwrap_or_else(|| self.newest::<MainManifest>().unwrap().manifest.reach(chain).unwrap().clone())
    }

    /// The segments after a base, each held against the one before it.
    pub(crate) fn segments_from(&self, chain: Chain, reach: &Reach) -> Vec<(SegmentHeader, Vec<u8>, Link)> {
        let mut last = reach.last;
        let mut log = None;
        let mut segments = Vec::new();
        loop {
            let position = last.position.next();
            let name = ObjectName::Segment { generation: self.generation, chain, position };
            let Ok(bytes) = fs::read(self.object(&name)) else { return segments };
            let (header, frames) = SegmentHeader::parse(&bytes, &self.pinned).unwrap();
            assert_eq!((header.name(), header.previous), (name, last.sha256));
            assert!(header.frames.continue_after(log.as_ref()), "{name}: {:?} after {log:?}", header.frames);
            let mut check = FrameCheck::new(&header.frames);
            for frame in bytes[frames..].chunks(FRAME_HEADER + 4096) {
                check.frame(frame).unwrap();
            }
            check.finish().unwrap();
            last = Link { position, sha256: ContentHash::of(&bytes) };
            log = Some(header.frames.after());
            segments.push((header, bytes[frames..].to_vec(), last));
        }
    }

    /// A database, put together from its base and the segments after it.
    pub(crate) fn rebuilt(&self, chain: Chain) -> Vec<u8> {
        self.rebuilt_from(chain, &self.reach(chain))
    }

    /// The same, from an older base.
    pub(crate) fn rebuilt_from(&self, chain: Chain, reach: &Reach) -> Vec<u8> {
        let objects = reach.base.objects(self.generation, chain);
        let mut file: Vec<u8> =
            objects.iter().flat_map(|object| fs::read(self.object(&object.name)).unwrap()).collect();
        for (header, frames, _) in self.segments_from(chain, reach) {
            for frame in frames.chunks(FRAME_HEADER + 4096) {
                let page = u32::from_be_bytes(frame[..4].try_into().unwrap()) as usize;
                let end = page * 4096;
                file.resize(file.len().max(end), 0);
                file[end - 4096..end].copy_from_slice(&frame[FRAME_HEADER..]);
            }
            file.truncate(usize::try_from(header.frames.page_count).unwrap() * 4096);
        }
        file
    }

    /// Whether the spool alone gives the databases of a vault that was closed.
    pub(crate) fn assert_rebuilt(&self) {
        for chain in Chain::ALL {
            let file = fs::read(self.dir.path().join("vault").join(chain.file())).unwrap();
            assert!(file == self.rebuilt(chain), "{chain} differs");
        }
    }
}

/// Waits until everything committed so far is in the spool.
pub(crate) fn caught_up(store: &Store) {
    wait(|| {
        let status = store.capture_status();
        status.on && status.newest.is_some() && status.lag.is_zero()
    });
}

pub(crate) fn wait(mut until: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !until() {
        assert!(begun.elapsed() < Duration::from_mins(1), "it never happened");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn add_document(store: &Store, subject: SubjectId, length: usize) {
    let mut writer = store.stage_document(&kind(), subject, None, "contrat.pdf", "application/pdf").unwrap();
    writer.write_all(&vec![7; length]).unwrap();
    let add = AddDocument { record_type: kind(), staged: writer.finish().unwrap().into() };
    store.transact(add, draft(Action::UploadDocument), None, Depends::default()).wait().unwrap();
}

/// Random, and the same for the same seed.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

#[test]
fn random_work_is_rebuilt_page_by_page() {
    for seed in 1..=4 {
        let place = Place::new();
        let mut dice = Dice(seed);
        let mut number = 0;
        let mut subjects = Vec::new();
        for _ in 0..3 {
            let store = place.following();
            for _ in 0..40 {
                match dice.roll(6) {
                    0 | 1 => {
                        number += 1;
                        subjects.push(create(&store, number));
                    }
                    2 if !subjects.is_empty() => {
                        let subject = subjects[usize::try_from(dice.roll(subjects.len() as u64)).unwrap()];
                        add_document(&store, subject, usize::try_from(dice.roll(90_000)).unwrap());
                    }
                    3 if dice.roll(12) == 0 => drop(store.capture(Path::new("/nowhere"), KEEP, "asked for").unwrap()),
                    4 => caught_up(&store),
                    _ => {
                        if let Some(subject) = subjects.last() {
                            read(&store, *subject, &["contact.email"]);
                        }
                    }
                }
            }
            store.close();
            place.assert_rebuilt();
        }
        assert!(!place.segments(Chain::Audit).is_empty());
    }
}

#[test]
fn a_point_names_what_belongs_to_it() {
    let place = Place::new();
    let store = place.following();
    let subject = create(&store, 1);
    add_document(&store, subject, 5000);
    store.close();
    let audit = place.segments(Chain::Audit);
    let (header, ..) = audit.last().unwrap();
    let point = header.point.clone().unwrap();
    assert_eq!(point.audit_head, store.tree_head().note);
    assert_eq!(point.vault, place.segments(Chain::Vault).last().unwrap().2);
    assert_eq!(point.keyring, place.segments(Chain::Keyring).last().unwrap().2);
    let added: Vec<_> =
        place.segments(Chain::Vault).into_iter().flat_map(|(header, ..)| header.documents.added).collect();
    assert_eq!(added.len(), 1);
    let document = fs::read(place.object(&ObjectName::Document(added[0].name))).unwrap();
    assert_eq!((document.len() as u64, ContentHash::of(&document)), (added[0].size, added[0].sha256));
}

#[test]
fn an_idle_vault_writes_nothing_and_a_busy_one_few_objects() {
    let place = Place::new();
    let store = open(place.dir.path());
    let mut options = place.options();
    options.interval = Duration::from_millis(300);
    store.follow(options).unwrap();
    caught_up(&store);
    let before = place.segments(Chain::Audit).len();
    let begun = Instant::now();
    let subject = create(&store, 1);
    while begun.elapsed() < Duration::from_secs(2) {
        read(&store, subject, &["contact.email"]);
        // Not so many that the log becomes long: a place kept in it is a commit.
        std::thread::sleep(Duration::from_millis(10));
    }
    caught_up(&store);
    // Two seconds, and what a busy machine makes of them.
    let most = 4 + usize::try_from(begun.elapsed().as_millis() / 300).unwrap();
    let written = place.segments(Chain::Audit).len() - before;
    assert!((2..=most).contains(&written), "{written} segments in {:?}", begun.elapsed());
    std::thread::sleep(Duration::from_millis(700));
    assert_eq!(place.segments(Chain::Audit).len() - before, written);
}
