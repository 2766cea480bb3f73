//! Reading write-ahead logs by position, through descriptors that are kept open for the life of the
//! process: the writer appends to them meanwhile, and nobody's locks are touched.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use coffre_core::spool::{Gathered, WAL_HEADER, WalError, WalHeader, WalPosition};
use thiserror::Error;

use crate::layout::Layout;
use crate::writer::KEPT;

/// A segment is cut at the end of a transaction from this size on: 8 MiB.
pub(crate) const SEGMENT: usize = 8 << 20;
/// Room for the end of the transaction at which a piece is cut: more than a group of reads takes.
const REST: usize = 512 << 10;

/// Frames that cannot be taken.
#[derive(Debug, Error)]
pub(crate) enum FramesError {
    #[error("the write-ahead log cannot be read")]
    Read(#[source] io::Error),
    #[error("the write-ahead log is not the one that was followed ({0})")]
    Wal(#[from] WalError),
    #[error("the write-ahead log began anew before everything in it was captured")]
    Anew,
    #[error("the write-ahead log is shorter than the commits that were reported")]
    Short,
    #[error("the last frame that was reported ends no transaction")]
    Torn,
}

/// The three logs; each is opened when it is first there.
pub(crate) struct Logs {
    layout: Layout,
    files: [Option<File>; 3],
}

impl Logs {
    pub(crate) fn new(layout: &Layout) -> Self {
        Self { layout: layout.clone(), files: [None, None, None] }
    }

    fn file(&mut self, which: usize) -> io::Result<&File> {
        let (Some(slot), Some(database)) = (self.files.get_mut(which), KEPT.get(which)) else {
            return Err(io::ErrorKind::InvalidInput.into());
        };
        match slot {
            Some(file) => Ok(file),
            None => Ok(slot.insert(File::open(self.layout.wal(*database))?)),
        }
    }

    /// The header of a log.
    pub(super) fn header(&mut self, which: usize) -> Result<WalHeader, FramesError> {
        let mut bytes = [0; WAL_HEADER];
        self.file(which).and_then(|file| file.read_exact_at(&mut bytes, 0)).map_err(FramesError::Read)?;
        Ok(WalHeader::parse(&bytes)?)
    }

    /// Whether a log still holds this place: the same salts, and the same checksum there.
    pub(crate) fn holds(&mut self, which: usize, place: &WalPosition) -> bool {
        let Ok(header) = self.header(which) else { return false };
        if header.salt != place.salt || header.page_size != place.page_size || place.frames == 0 {
            return false;
        }
        let mut bytes = [0; 24];
        let at = place.offset() - place.frame_length();
        let read = self.file(which).and_then(|file| file.read_exact_at(&mut bytes, at));
        let word = |at: usize| bytes.get(at..at + 4).and_then(|word| word.try_into().ok()).map(u32::from_be_bytes);
        let there = (word(8), word(12), word(16), word(20));
        let (salt, checksum) = (place.salt, place.checksum);
        read.is_ok() && there == (Some(salt.0), Some(salt.1), Some(checksum.0), Some(checksum.1))
    }

    /// Reads the frames after a place (the first ones, if none) up to a number, in pieces of whole transactions that are cut
    /// from a size on.
    pub(crate) fn after<E: From<FramesError>>(
        &mut self,
        which: usize,
        place: Option<WalPosition>,
        to: u64,
        size: usize,
        mut each: impl FnMut(&Gathered, bool) -> Result<(), E>,
    ) -> Result<(), E> {
        if to == 0 {
            return if place.is_some_and(|place| place.frames > 0) { Err(FramesError::Short.into()) } else { Ok(()) };
        }
        let header = self.header(which)?;
        let mut place = match place {
            Some(place) if place.salt != header.salt => return Err(FramesError::Anew.into()),
            Some(place) => place,
            None => header.into(),
        };
        if place.frames > to {
            return Err(FramesError::Short.into());
        }
        let mut frame = vec![0; usize::try_from(place.frame_length()).unwrap_or_default()];
        while place.frames < to {
            // All at once: a buffer that grows leaves behind what it outgrew.
            let left = usize::try_from((to - place.frames).saturating_mul(place.frame_length())).unwrap_or(usize::MAX);
            let mut piece = Gathered::after(place, left.min(size.saturating_add(REST)));
            let mut whole = false;
            while piece.place().frames < to && !(whole && piece.bytes().len() >= size) {
                let at = piece.place().offset();
                self.file(which).and_then(|file| file.read_exact_at(&mut frame, at)).map_err(FramesError::Read)?;
                whole = piece.push(&frame).map_err(FramesError::Wal)?;
            }
            if !whole {
                return Err(FramesError::Torn.into());
            }
            place = piece.place();
            each(&piece, place.frames == to)?;
        }
        Ok(())
    }
}
