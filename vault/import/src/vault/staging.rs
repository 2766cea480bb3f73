//! Makes staged documents durable while the next ones are being written: a disk makes dozens durable
//! in about the time of one, since the file system writes its journal once for all who wait. Knows nothing of what they are.

use std::sync::mpsc::{channel, sync_channel};
use std::sync::{Mutex, PoisonError};

use coffre_store::{DocumentWriter, StageError, StagedDocument};

/// How many are made durable at a time; they wait for the disk, not for a processor.
const AT_A_TIME: usize = 64;
/// How many may wait for that: each holds a file open.
const WAITING: usize = 16;

/// Finishes every document, in their order. When one fails, none is kept.
pub(crate) fn finish_all<E: From<StageError>>(
    documents: impl Iterator<Item = Result<DocumentWriter, E>>,
) -> Result<Vec<StagedDocument>, E> {
    let (written, inbox) = sync_channel::<(usize, DocumentWriter)>(WAITING);
    let inbox = &Mutex::new(inbox);
    let (durable, finished) = channel::<(usize, Result<StagedDocument, StageError>)>();
    std::thread::scope(|scope| {
        let sent = documents.enumerate().try_for_each(|(position, document)| {
            let document = document?;
            // No more threads than documents.
            if position < AT_A_TIME {
                let durable = durable.clone();
                let begun = std::thread::Builder::new().spawn_scoped(scope, move || {
                    let next = || inbox.lock().unwrap_or_else(PoisonError::into_inner).recv();
                    while let Ok((position, document)) = next() {
                        let _nobody_waits = durable.send((position, document.finish()));
                    }
                });
                // Fewer do as well, but not none.
                if let (0, Err(error)) = (position, begun) {
                    return Err(StageError::Write(error).into());
                }
            }
            // The threads are there until the sender goes.
            let _threads_gone = written.send((position, document));
            Ok::<_, E>(())
        });
        drop((written, durable));
        let mut staged: Vec<_> = finished.into_iter().collect();
        sent?;
        staged.sort_by_key(|(position, _)| *position);
        staged.into_iter().map(|(_, document)| Ok(document?)).collect()
    })
}
