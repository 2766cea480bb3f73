//! What is one for the whole vault: its keys, its clock, what capture is told, the end of the log.

use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError, RwLock};

use coffre_core::crypto::Scope;
use coffre_core::keyset::{Epochs, Keyset};
use coffre_core::note::SigningKey;
use coffre_core::search::SearchIndex;
use coffre_core::time::Timestamp;

use super::access::Access;
use super::files::Files;
use crate::capture::{Confirmation, Descriptors, ReadLog, Suspension, Watch};
use crate::clock::Clock;
use crate::document::DocumentFolder;
use crate::epoch::EpochInUse;
use crate::error::Unavailable;
use crate::history::Recent;
use crate::index_state::IndexState;
use crate::kept_pages::KeptPages;
use crate::key_files::{KeyFileFault, KeyFiles, RightKeyFiles};
use crate::layout::Layout;
use crate::log_file::Tail;
use crate::memory;
use crate::model::SignedHead;
use crate::remembered::Remembered;
use crate::reserve::Reserve;
use crate::terms::Terms;

/// Bytes of a frame: its header and a page.
const FRAME: u64 = 24 + 4096;

/// What the writer, the readers and the handle share.
pub(crate) struct Shared {
    pub(crate) layout: Layout,
    pub(crate) scope: Scope,
    keys: RwLock<Arc<Keyset>>,
    /// The data epoch that is written under.
    pub(crate) epoch: EpochInUse,
    pub(crate) signer: SigningKey,
    pub(crate) origin: String,
    pub(crate) indexes: Vec<SearchIndex>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) folder: DocumentFolder,
    pub(crate) access: Access,
    /// Descriptors of the database files, for copying them.
    pub(crate) descriptors: Descriptors,
    /// What the key files that go into backups should be.
    /// Held while a rotation of the root key replaces them.
    pub(crate) key_files: RwLock<KeyFiles>,
    /// What the pages of the kept databases are.
    pub(crate) pages: KeptPages,
    /// A base backup is being taken, or the root key rotated: checkpoints wait, unless the base backup was given up.
    pub(crate) capturing: AtomicBool,
    /// A rotation of the root key came to no end: until the vault was started again, no base backup is taken and no key
    /// rotated. Set while `capturing` is.
    pub(crate) half_rotated: AtomicBool,
    /// Logs are being taken in ahead of a checkpoint, which waits.
    pub(crate) taking_in: AtomicBool,
    /// Frames of each log that were taken in and are not known to be on the disk.
    pub(crate) unsynced: Mutex<[u64; 3]>,
    /// The vault is being sealed: what applications ask for is not done any more.
    pub(crate) sealing: AtomicBool,
    /// What continuous capture is told.
    pub(crate) watch: Watch,
    /// The next base backup goes on after a spool that was lost.
    pub(crate) afresh: AtomicBool,
    /// What destinations have confirmed.
    pub(crate) confirmation: Confirmation,
    /// Whether the spool is being read as a whole.
    pub(crate) suspension: Suspension,
    /// What base backups have read of the log.
    pub(crate) read_log: ReadLog,
    /// What is kept of the disk for what must be possible on a full one.
    pub(crate) reserve: Reserve,
    /// The reader gate: read for each snapshot, write for a checkpoint.
    pub(crate) gate: RwLock<()>,
    pub(crate) index: IndexState,
    /// Accesses that are not in `index.db` yet.
    pub(crate) recent: Recent,
    /// The terms by which records are found.
    pub(crate) terms: Terms,
    /// Data subjects that were looked at lately.
    pub(crate) remembered: Remembered,
    /// Frames in the write-ahead logs that a backup rests on.
    wal_frames: AtomicU64,
    head: Mutex<SignedHead>,
    /// The newest entry's time, in microseconds.
    latest: AtomicI64,
    trouble: Mutex<Option<Unavailable>>,
}

impl Shared {
    #[expect(clippy::too_many_arguments, reason = "made in one place")]
    pub(crate) fn new(
        layout: Layout,
        scope: Scope,
        keys: Keyset,
        signer: SigningKey,
        origin: String,
        indexes: Vec<SearchIndex>,
        clock: Arc<dyn Clock>,
        folder: DocumentFolder,
        descriptors: Descriptors,
        key_files: KeyFiles,
        pages: KeptPages,
    ) -> Self {
        let head = Mutex::new(SignedHead { size: 0, note: String::new() });
        let reserve = Reserve::new(&layout);
        Self {
            layout,
            scope,
            keys: RwLock::new(Arc::new(keys)),
            epoch: EpochInUse::default(),
            signer,
            origin,
            indexes,
            clock,
            folder,
            access: Access::default(),
            descriptors,
            key_files: RwLock::new(key_files),
            pages,
            capturing: AtomicBool::new(false),
            half_rotated: AtomicBool::new(false),
            taking_in: AtomicBool::new(false),
            unsynced: Mutex::default(),
            sealing: AtomicBool::new(false),
            watch: Watch::default(),
            afresh: AtomicBool::new(false),
            confirmation: Confirmation::default(),
            suspension: Suspension::default(),
            read_log: ReadLog::default(),
            reserve,
            gate: RwLock::new(()),
            index: IndexState::default(),
            recent: Recent::default(),
            terms: Terms::default(),
            remembered: Remembered::within(memory::half()),
            wal_frames: AtomicU64::new(0),
            head,
            latest: AtomicI64::new(0),
            trouble: Mutex::new(None),
        }
    }

    /// Whether checkpoints wait: for a base backup that is not given up, or for another root key.
    pub(crate) fn checkpoints_wait(&self) -> bool {
        self.capturing.load(Ordering::SeqCst) && !self.watch.patience.is_given_up()
    }

    /// The time now, and never before the newest entry's.
    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now().max(Timestamp::from_micros(self.latest.load(Ordering::Acquire)))
    }

    /// The vault's keys. They change by secrets of further epochs alone.
    pub(crate) fn keys(&self) -> Arc<Keyset> {
        Arc::clone(&self.keys.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Further epochs are known from now on.
    pub(crate) fn know_epochs(&self, epochs: Epochs) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        *keys = Arc::new(Keyset { epochs, ..(**keys).clone() });
    }

    /// What the key files should be, since the last rotation of the root.
    pub(crate) fn key_files(&self) -> KeyFiles {
        *self.key_files.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// The key files that go into backups, if they are what they should be.
    pub(crate) fn right_key_files(&self) -> Result<RightKeyFiles, KeyFileFault> {
        self.key_files().read(&self.layout)
    }

    /// Shows a new end of the log.
    pub(crate) fn publish(&self, tail: &Tail) {
        self.latest.store(tail.time.as_micros(), Ordering::Release);
        *self.head.lock().unwrap_or_else(PoisonError::into_inner) = tail.head.clone();
    }

    /// The newest signed head.
    pub(crate) fn head(&self) -> SignedHead {
        self.head.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What is wrong now, if anything is.
    pub(crate) fn trouble(&self) -> Option<Unavailable> {
        let trouble = self.trouble.lock().unwrap_or_else(PoisonError::into_inner).clone();
        trouble.or_else(|| self.watch.refusal())
    }

    /// Bytes in the write-ahead logs that a backup rests on, as of the last commit.
    pub(crate) fn wal_bytes(&self) -> u64 {
        self.wal_frames.load(Ordering::Relaxed) * FRAME
    }

    pub(super) fn note_wal(&self, files: &Files) {
        self.wal_frames.store(files.kept_frames(), Ordering::Relaxed);
    }

    pub(super) fn set_trouble(&self, trouble: Option<Unavailable>) {
        *self.trouble.lock().unwrap_or_else(PoisonError::into_inner) = trouble;
    }
}
