//! The open vault's handle: cheap to clone; the vault is sealed again when the last is dropped.

use std::convert::Infallible;
use std::fs::File;
use std::io;
use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::thread::JoinHandle;

use coffre_core::audit::Draft;
use coffre_core::crypto::{Scope, SecretKey, hex};
use coffre_core::ids::{DocumentId, GenerationId, SubjectId, Vicinity};
use coffre_core::note::VerificationKey;
use coffre_core::record::RecordTypeName;
use coffre_core::time::Timestamp;
use sha2::{Digest, Sha256};

use crate::capture::{Door, Following};
use crate::clock::SystemEntropy;
use crate::disclosure::{Depends, Disclosure, Receipt};
use crate::document::{DocumentWriter, Plan, StagedDocument};
use crate::error::{CommitError, ReadError, StageError, Unavailable};
use crate::identity::Identity;
use crate::key_files::KeyFileFault;
use crate::model::{NewSubject, SignedHead};
use crate::open::{OpenError, Opened};
use crate::readers::Readers;
use crate::snapshot::Snapshot;
use crate::transactions::Transaction;
use crate::writer::{Answer, Message, Pending, Sender, Shared, Writer, inbox};

/// An open vault.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    pub(crate) shared: Arc<Shared>,
    readers: Readers,
    verification_key: VerificationKey,
    generation: GenerationId,
    recovery_recipient: RwLock<String>,
    messages: Sender,
    writer: Mutex<Option<JoinHandle<()>>>,
    /// Continuous capture, while it goes on.
    following: Mutex<Option<Following>>,
    /// Held for the life of the handle: closing it would let another process in.
    _lock: File,
    /// Opens the root key when it is replaced; the root itself is not kept.
    identity: Identity,
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Inner {
    fn door(&self) -> Door {
        Door { shared: Arc::clone(&self.shared), messages: self.messages.clone(), generation: self.generation }
    }

    /// The capture first: it asks the writer for the last frames.
    fn stop(&self) {
        let following = self.following.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(following) = following {
            following.end(&self.door());
        }
        stop(&self.messages, &self.writer);
    }
}

fn stop(messages: &Sender, writer: &Mutex<Option<JoinHandle<()>>>) {
    let handle = writer.lock().unwrap_or_else(PoisonError::into_inner).take();
    if let Some(handle) = handle {
        messages.send(Message::Stop);
        if handle.join().is_err() {
            tracing::error!("the writer ended by a panic");
        }
    }
}

impl Store {
    pub(crate) fn start(opened: Opened, lock: File, identity: Identity) -> Result<Self, OpenError> {
        let Opened { shared, readers, recovered, generation, recovery_recipient } = opened;
        let writer = Writer::new(Arc::clone(&shared), recovered);
        let (messages, inbox) = inbox();
        let handle = std::thread::Builder::new().name("coffre-writer".to_owned()).spawn(move || writer.run(&inbox))?;
        let verification_key = shared.signer.verification_key();
        let writer = Mutex::new(Some(handle));
        let inner = Inner {
            shared,
            readers,
            verification_key,
            generation,
            recovery_recipient: RwLock::new(recovery_recipient),
            messages,
            writer,
            following: Mutex::default(),
            _lock: lock,
            identity,
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    pub(crate) fn shared(&self) -> &Shared {
        &self.inner.shared
    }

    pub(crate) fn identity(&self) -> &Identity {
        &self.inner.identity
    }

    /// The environment and vault.
    pub fn scope(&self) -> &Scope {
        &self.inner.shared.scope
    }

    /// The generation.
    pub fn generation(&self) -> GenerationId {
        self.inner.generation
    }

    /// The log's origin (C2SP tlog-checkpoint): one per generation.
    pub fn origin(&self) -> &str {
        &self.inner.shared.origin
    }

    /// The key that verifies tree heads and manifests.
    pub fn verification_key(&self) -> &VerificationKey {
        &self.inner.verification_key
    }

    /// The recovery recipient (`age1…`).
    pub fn recovery_recipient(&self) -> String {
        self.inner.recovery_recipient.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The vault is for another recovery recipient from now on.
    pub(crate) fn is_for(&self, recipient: String) {
        *self.inner.recovery_recipient.write().unwrap_or_else(PoisonError::into_inner) = recipient;
    }

    /// The time now: the clock's, and never before the newest entry's.
    pub fn now(&self) -> Timestamp {
        self.inner.shared.now()
    }

    /// The data epoch that new values are written under.
    pub fn data_epoch(&self) -> u32 {
        self.inner.shared.epoch.number()
    }

    /// Whether the store can serve now, and if not, why.
    pub fn readiness(&self) -> Result<(), Unavailable> {
        self.inner.shared.trouble().or_else(|| self.inner.messages.stalled()).map_or(Ok(()), Err)
    }

    /// Keeps so many bytes of the disk for what must be possible when it is full: to erase, to withdraw, to restrict, to
    /// revoke, to hold, to seal. Where there is no space for them yet, they are taken once there is.
    pub fn keep_reserve(&self, bytes: u64) {
        self.inner.shared.reserve.keep(bytes);
    }

    /// Whether the reserve of disk is whole; none where none is kept.
    pub fn reserve_is_whole(&self) -> Option<bool> {
        self.inner.shared.reserve.is_whole()
    }

    /// Whether the key files that go into every backup are still what they were.
    pub fn key_files(&self) -> Result<(), KeyFileFault> {
        self.shared().right_key_files().map(drop)
    }

    /// A consistent view. Blocks while a checkpoint runs.
    pub fn snapshot(&self) -> Result<Snapshot<'_>, ReadError> {
        Snapshot::begin(&self.inner.shared, &self.inner.readers)
    }

    /// A view of the data subjects that were looked at lately, at the newest state. It never blocks. Whatever is not
    /// remembered is answered by [`ReadError::NotRemembered`].
    pub fn remembered(&self) -> Snapshot<'_> {
        Snapshot::at_this_point(&self.inner.shared)
    }

    /// The newest signed tree head.
    pub fn tree_head(&self) -> SignedHead {
        self.inner.shared.head()
    }

    /// Commits the entry of a read (or a denial, without claims), and gives the receipt once it is durable.
    pub fn disclose(&self, disclosure: Disclosure) -> Pending<Receipt, Infallible> {
        let (message, pending) = Message::read(disclosure);
        self.inner.messages.send(message);
        pending
    }

    /// Runs a named transaction; the answer comes when it is durable with its entries. The receipt is
    /// of its first entry.
    pub fn transact<T: Transaction>(
        &self,
        transaction: T,
        base: Draft,
        reason: Option<String>,
        depends: Depends,
    ) -> Pending<(T::Output, Receipt), T::Error> {
        let (message, pending) = Message::write(transaction, base, reason, depends);
        self.inner.messages.send(message);
        pending
    }

    /// `disclose`, for a caller that waits elsewhere: `then` runs on the writer's thread once the entry is durable, hands
    /// the outcome over and does nothing else. Where too much waits already it is `Busy`, unless it takes something out of
    /// somebody's reach.
    pub fn disclose_then(
        &self,
        disclosure: Disclosure,
        then: impl FnOnce(Result<Receipt, CommitError<Infallible>>) + Send + 'static,
    ) {
        self.inner.messages.offer(Message::read_then(disclosure, Answer::new(then)));
    }

    /// `transact`, for a caller that waits elsewhere: `then` is as in `disclose_then`.
    pub fn transact_then<T: Transaction>(
        &self,
        transaction: T,
        base: Draft,
        reason: Option<String>,
        depends: Depends,
        then: impl FnOnce(Result<(T::Output, Receipt), CommitError<T::Error>>) + Send + 'static,
    ) {
        self.inner.messages.offer(Message::write_then(transaction, base, reason, depends, Answer::new(then)));
    }

    /// Whether what a long stream rests on still holds; asked every 8 MiB.
    pub fn still_holds(&self, depends: &Depends) -> bool {
        self.inner.shared.access.holds(depends, self.now())
    }

    /// A new data subject, known to nobody yet.
    pub fn new_subject(&self) -> NewSubject {
        NewSubject::within(None)
    }

    /// New data subjects that are brought together: they are stored side by side, with their documents and grants, so that a
    /// page is written for many of them (ADR 057).
    pub fn new_subjects(&self) -> impl Iterator<Item = NewSubject> + use<> {
        let vicinity = Some(Vicinity::random(&mut SystemEntropy));
        std::iter::repeat_with(move || NewSubject::within(vicinity))
    }

    /// Starts a document of a record: a new one, or the next version of one.
    pub fn stage_document(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        replaces: Option<DocumentId>,
        file_name: &str,
        media_type: &str,
    ) -> Result<DocumentWriter, StageError> {
        let (key, version) = {
            let snapshot = self.snapshot().map_err(StageError::Subject)?;
            let key = snapshot.subject_key(kind, subject).map_err(StageError::Subject)?;
            let version = match replaces {
                Some(document) => {
                    let newest = snapshot.document_version(subject, document).map_err(StageError::Subject)?;
                    newest.ok_or(StageError::NoSuchDocument)? + 1
                }
                None => 1,
            };
            (key.ok_or(StageError::NoSuchRecord)?, version)
        };
        self.admits_documents()?;
        let document = replaces.unwrap_or_else(|| DocumentId::random(&mut SystemEntropy));
        DocumentWriter::start(self.plan(kind, subject, key, document, version, file_name, media_type))
    }

    /// Starts a document of a data subject that is about to be created.
    pub fn stage_for_new(
        &self,
        kind: &RecordTypeName,
        subject: &NewSubject,
        file_name: &str,
        media_type: &str,
    ) -> Result<DocumentWriter, StageError> {
        self.admits_documents()?;
        let document = DocumentId::within(subject.vicinity, &mut SystemEntropy);
        DocumentWriter::start(self.plan(kind, subject.id, subject.key.clone(), document, 1, file_name, media_type))
    }

    /// What was given free of the reserve of disk is not for documents.
    pub(crate) fn admits_documents(&self) -> Result<(), StageError> {
        if self.shared().reserve.is_spent() {
            return Err(StageError::Write(io::ErrorKind::StorageFull.into()));
        }
        Ok(())
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of a document's place, made in two functions")]
    pub(crate) fn plan(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        key: SecretKey,
        document: DocumentId,
        version: u32,
        file_name: &str,
        media_type: &str,
    ) -> Plan {
        let shared = self.shared();
        Plan {
            folder: shared.folder.clone(),
            scope: shared.scope.clone(),
            kind: kind.clone(),
            subject,
            key,
            keyset: shared.keys(),
            epoch: shared.epoch.current(),
            document,
            version,
            file_name: file_name.to_owned(),
            media_type: media_type.to_owned(),
        }
    }

    /// Stages a former version of a document again, as its next version. It never leaves the store
    /// in clear, so it needs no receipt.
    pub fn stage_former(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        document: DocumentId,
        version: u32,
    ) -> Result<Option<StagedDocument>, StageError> {
        let former = self.snapshot().and_then(|snapshot| snapshot.former_document(kind, subject, document, version));
        let Some(mut reader) = former.map_err(StageError::Subject)? else { return Ok(None) };
        let info = reader.info().clone();
        let mut writer = self.stage_document(kind, subject, Some(document), &info.file_name, &info.media_type)?;
        io::copy(&mut reader, &mut writer).map_err(StageError::Write)?;
        writer.finish().map(Some)
    }

    /// The SHA-256 of a document's content, computed from its stored bytes; the content stays within.
    pub fn document_sha256(
        &self,
        kind: &RecordTypeName,
        subject: SubjectId,
        document: DocumentId,
        version: u32,
    ) -> Result<Option<String>, ReadError> {
        // The view is let go before the bytes are read.
        let found = self.snapshot()?.former_document(kind, subject, document, version)?;
        let Some(mut reader) = found else { return Ok(None) };
        let mut hasher = Sha256::new();
        io::copy(&mut reader, &mut hasher).map_err(|source| ReadError::DocumentFile { document, source })?;
        Ok(Some(hex(&hasher.finalize())))
    }

    /// The way to the writer for the capture.
    pub(crate) fn door(&self) -> Door {
        self.inner.door()
    }

    /// Keeps a capture going until the store is closed.
    pub(crate) fn keep_following(&self, following: Following) {
        *self.inner.following.lock().unwrap_or_else(PoisonError::into_inner) = Some(following);
    }

    /// Whether nobody else holds this vault open: its keys leave memory when this handle is dropped.
    pub fn is_last_handle(&self) -> bool {
        Arc::strong_count(&self.inner) == 1 && Arc::strong_count(&self.inner.shared) == 1
    }

    /// The vault is about to be sealed: what applications asked for and is not committed yet is not done any more, and they are
    /// told that the vault stops.
    pub fn turn_away(&self) {
        self.inner.shared.sealing.store(true, Ordering::SeqCst);
    }

    /// Closes it at once: a base backup under way is broken off, and taken when the vault is opened again. Nobody begins another
    /// view, and applications are turned away.
    pub fn seal(&self) {
        self.turn_away();
        self.inner.shared.watch.abandon();
        self.inner.stop();
    }

    /// Ends the writer after what it accepted, checkpoints and closes. Further calls answer `Stopping`.
    pub fn close(&self) {
        self.inner.stop();
    }
}
