//! One step of continuous capture: what was committed since the last one becomes segments.
//!
//! | step | durable after it |
//! |---|---|
//! | 1. documents whose rows are new | the documents, in the spool |
//! | 2. keyring segments | keys, tombstones |
//! | 3. vault segments | records; each names the keyring it needs and the documents of 1 |
//! | 4. audit segments, the last with the point | the log, the signed head: a moment that can be restored |
//!
//! Each segment is written whole under a name that no reader knows, synced, renamed, and its folder
//! synced before the next. A crash in between leaves chains that end at different moments; what
//! belongs together is what the last point says.

use coffre_core::spool::{
    Chain, ContentHasher, DocumentChanges, Gathered, Link, SegmentError, SegmentHeader, SegmentPoint,
};
use coffre_core::time::Timestamp;
use thiserror::Error;

use super::CaptureError;
use super::copies::copy_missing;
use super::door::Door;
use super::ends::{End, Ends};
use super::frames::{FramesError, Logs, SEGMENT};
use super::spool::Spool;
use super::watch::{Changes, Mark};

/// A step that was not gone through with.
#[derive(Debug, Error)]
pub(super) enum StepError {
    /// It can be tried again: what is in the spool stays as it is.
    #[error(transparent)]
    Capture(#[from] CaptureError),
    /// The chains cannot be continued from the logs.
    #[error(transparent)]
    Frames(#[from] FramesError),
    /// A segment could not be signed.
    #[error("a segment could not be written")]
    Segment(#[from] SegmentError),
}

/// What a step works with.
pub(super) struct Stepper<'s> {
    pub(super) door: &'s Door,
    pub(super) spool: &'s Spool,
    pub(super) logs: &'s mut Logs,
    pub(super) mark: &'s mut Mark,
}

impl Stepper<'_> {
    /// Captures everything up to the mark; the ends are where the chains end then, also after a failure. The list of
    /// documents goes out of the mark once a segment has it: one that is erased before the rest is captured is then
    /// listed as removed.
    pub(super) fn run(&mut self, ends: &mut Ends) -> Result<(), StepError> {
        let time = self.mark.time.max(Timestamp::from_micros(ends.newest.as_micros().saturating_add(1)));
        self.documents()?;
        self.chain(0, Chain::Keyring, &mut ends.keyring, time, |_, _| Say::default())?;
        let keyring = ends.keyring.last;
        let mut documents = Some(self.mark.documents.listed());
        let before = ends.vault.last;
        let captured = self.chain(1, Chain::Vault, &mut ends.vault, time, |_, _| Say {
            keyring: Some(keyring),
            documents: documents.take().unwrap_or_default(),
            point: None,
        });
        if ends.vault.last != before {
            self.mark.documents = Changes::default();
        }
        captured?;
        let vault = ends.vault.last;
        let head = self.mark.head.clone();
        self.chain(2, Chain::Audit, &mut ends.audit, time, |_, last| Say {
            point: last.then(|| SegmentPoint { vault, keyring, audit_head: head.clone() }),
            ..Say::default()
        })?;
        ends.newest = time;
        Ok(())
    }

    /// Step 1.
    fn documents(&self) -> Result<(), CaptureError> {
        let shared = &self.door.shared;
        let added = self.mark.documents.added.values();
        copy_missing(self.spool, &shared.folder, added, || shared.watch.is_abandoned())?;
        Ok(())
    }

    /// Steps 2 to 4, one of them.
    fn chain(
        &mut self,
        which: usize,
        chain: Chain,
        end: &mut End,
        time: Timestamp,
        mut say: impl FnMut(&Gathered, bool) -> Say,
    ) -> Result<(), StepError> {
        let to = self.mark.frames.get(which).copied().unwrap_or_default();
        let (door, spool) = (self.door, self.spool);
        self.logs.after(which, end.wal, to, SEGMENT, |frames, last| {
            let Say { keyring, documents, point } = say(frames, last);
            let header = SegmentHeader {
                environment: door.shared.scope.environment.clone(),
                vault: door.shared.scope.vault,
                generation: door.generation,
                chain,
                position: end.last.position.next(),
                previous: end.last.sha256,
                time,
                frames: frames.stated(),
                keyring,
                documents,
                point,
            };
            let encoded = header.encode(&door.shared.signer)?;
            let mut hasher = ContentHasher::default();
            hasher.update(&encoded);
            hasher.update(frames.bytes());
            spool.put_parts(&header.name(), &[&encoded, frames.bytes()]).map_err(CaptureError::Spool)?;
            // Durable: the segment under its name.
            end.segments += hasher.length();
            (end.last, end.wal) = (header.link(hasher.finish()), Some(frames.place()));
            Ok(())
        })
    }
}

/// What a segment says beside its frames.
#[derive(Default)]
struct Say {
    keyring: Option<Link>,
    documents: DocumentChanges,
    point: Option<SegmentPoint>,
}
