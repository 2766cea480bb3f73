//! Makes staged documents durable while the next ones are being written: a disk makes a dozen durable
//! in about the time of one. Knows nothing of what they are.

use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Mutex, PoisonError};

use coffre_store::{DocumentWriter, StageError, StagedDocument};

/// How many are made durable at a time; they wait for the disk, not for a processor.
const AT_A_TIME: usize = 16;

/// Finishes every document, in their order. When one fails, none is kept.
pub(crate) fn finish_all<E: From<StageError>>(
    documents: impl Iterator<Item = Result<DocumentWriter, E>>,
) -> Result<Vec<StagedDocument>, E> {
    // Bounded: each one that waits holds a file open.
    let (written, inbox) = sync_channel::<(usize, DocumentWriter)>(AT_A_TIME);
    let inbox = &Mutex::new(inbox);
    let (durable, finished) = channel::<(usize, Result<StagedDocument, StageError>)>();
    std::thread::scope(|scope| {
        for _ in 0..AT_A_TIME {
            let durable = durable.clone();
            scope.spawn(move || {
                let next = || inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                while let Ok((position, document)) = next() {
                    let _nobody_waits = durable.send((position, document.finish()));
                }
            });
        }
        drop(durable);
        let sent = documents.enumerate().try_for_each(|(position, document)| {
            // The threads are there until the sender goes.
            let _threads_gone = written.send((position, document?));
            Ok::<_, E>(())
        });
        drop(written);
        let mut staged: Vec<_> = finished.into_iter().collect();
        sent?;
        staged.sort_by_key(|(position, _)| *position);
        staged.into_iter().map(|(_, document)| Ok(document?)).collect()
    })
}
