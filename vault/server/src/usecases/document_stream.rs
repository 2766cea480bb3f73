//! A document's content on its way out: one batch is decrypted while the one before it is sent. A
//! reader who is slow, or gone, holds no thread.

use std::io::{self, Read as _};

use coffre_store::{Depends, DocumentReader, Store};
use tokio::task::JoinHandle;

use super::failure::Failure;
use super::seats::seat_for_document;

/// So much is decrypted at a time.
const BATCH: usize = 512 * 1024;
/// After so much it is asked again whether the reading may go on.
const CHECK_EVERY: u64 = 8 * 1024 * 1024;

type Read = io::Result<(Source, Vec<u8>)>;

/// A document being read. It ends early, with an error, when what allowed it no longer holds.
pub(crate) struct DocumentStream {
    ready: Option<Vec<u8>>,
    ahead: Option<JoinHandle<Read>>,
}

struct Source {
    store: Store,
    depends: Depends,
    reader: DocumentReader,
    given: u64,
    check_at: u64,
}

impl DocumentStream {
    /// Reads the first batch.
    pub(super) async fn open(store: Store, reader: DocumentReader, depends: Depends) -> Result<Self, Failure> {
        let source = Source { store, depends, reader, given: 0, check_at: CHECK_EVERY };
        let mut stream = Self { ready: None, ahead: Some(source.read_ahead().await) };
        stream.ready = stream.next().await.transpose().map_err(Failure::Damaged)?;
        Ok(stream)
    }

    /// The next bytes; `None` at the end.
    pub(crate) async fn next(&mut self) -> Option<io::Result<Vec<u8>>> {
        if let Some(batch) = self.ready.take() {
            return Some(Ok(batch));
        }
        match self.ahead.take()?.await.map_err(io::Error::other).flatten() {
            Ok((source, batch)) => {
                // A short batch is the last one: the reader has seen the document's final mark.
                if batch.len() == BATCH {
                    self.ahead = Some(source.read_ahead().await);
                }
                (!batch.is_empty()).then_some(Ok(batch))
            }
            Err(error) => Some(Err(error)),
        }
    }
}

impl Source {
    async fn read_ahead(mut self) -> JoinHandle<Read> {
        let seat = seat_for_document().await;
        tokio::task::spawn_blocking(move || {
            let _seat = seat;
            let batch = self.read()?;
            Ok((self, batch))
        })
    }

    fn read(&mut self) -> io::Result<Vec<u8>> {
        if self.given >= self.check_at {
            self.check_at = self.given.saturating_add(CHECK_EVERY);
            if !self.store.still_holds(&self.depends) {
                return Err(io::Error::new(io::ErrorKind::PermissionDenied, "access was withdrawn meanwhile"));
            }
        }
        let mut batch = Vec::with_capacity(BATCH);
        (&mut self.reader).take(BATCH as u64).read_to_end(&mut batch)?;
        self.given = self.given.saturating_add(batch.len() as u64);
        Ok(batch)
    }
}
