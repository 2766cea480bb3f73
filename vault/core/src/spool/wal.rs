//! The write-ahead log of `SQLite`, as far as it can be proven without a key: the header, the salts and
//! the running checksum over its frames. What a page says is ciphertext and of no concern here.
//!
//! Format: <https://www.sqlite.org/fileformat2.html#walformat>. Reads no file.

use thiserror::Error;

use super::segment::{ChecksumOrder, Frames, WalChecksum};
use super::{ContentHash, ContentHasher};

/// Bytes that a log begins with.
pub const WAL_HEADER: usize = 32;
/// Bytes before each page.
pub const FRAME_HEADER: usize = 24;

const MAGIC_LITTLE: u32 = 0x377f_0682;
const MAGIC_BIG: u32 = 0x377f_0683;

/// Frames that do not hold together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum WalError {
    /// It does not begin as a log.
    #[error("the write-ahead log has no sound header")]
    Header,
    /// A frame has other salts: it is left over from before the log began anew.
    #[error("frame {frame} is of another write-ahead log")]
    Salt {
        /// Which frame, from 1.
        frame: u64,
    },
    /// A frame does not continue the running checksum.
    #[error("frame {frame} does not continue the checksum of those before it")]
    Checksum {
        /// Which frame, from 1.
        frame: u64,
    },
    /// A frame of no page.
    #[error("frame {frame} names no page of the database")]
    Page {
        /// Which frame, from 1.
        frame: u64,
    },
    /// The frames are not those that were stated.
    #[error("the frames are not those of the header ({what})")]
    Stated {
        /// What differs.
        what: &'static str,
    },
}

/// The header of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalHeader {
    /// The byte order of its checksums.
    pub order: ChecksumOrder,
    /// Bytes of a page.
    pub page_size: u32,
    /// Its salts.
    pub salt: (u32, u32),
    /// The checksum that the first frame continues.
    pub checksum: WalChecksum,
}

impl WalHeader {
    /// Reads a header and proves its checksum.
    pub fn parse(bytes: &[u8; WAL_HEADER]) -> Result<Self, WalError> {
        let word = |at: usize| word(bytes, at).ok_or(WalError::Header);
        let order = match word(0)? {
            MAGIC_LITTLE => ChecksumOrder::Little,
            MAGIC_BIG => ChecksumOrder::Big,
            _ => return Err(WalError::Header),
        };
        let header = Self {
            order,
            page_size: word(8)?,
            salt: (word(16)?, word(20)?),
            checksum: WalChecksum(word(24)?, word(28)?),
        };
        let summed = add(WalChecksum(0, 0), bytes.get(..24).unwrap_or_default(), order);
        if summed == header.checksum && header.page_size.is_power_of_two() && header.page_size >= 512 {
            Ok(header)
        } else {
            Err(WalError::Header)
        }
    }
}

/// A frame that continues those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame {
    /// The page it replaces, from 1.
    pub page: u32,
    /// Pages of the database after it, if it ends a transaction.
    pub commit: Option<u32>,
}

/// How far a log has been followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalPosition {
    /// The byte order of its checksums.
    pub order: ChecksumOrder,
    /// Bytes of a page.
    pub page_size: u32,
    /// Its salts.
    pub salt: (u32, u32),
    /// Frames that were followed.
    pub frames: u64,
    /// The running checksum after them.
    pub checksum: WalChecksum,
}

impl From<WalHeader> for WalPosition {
    /// Before the first frame.
    fn from(WalHeader { order, page_size, salt, checksum }: WalHeader) -> Self {
        Self { order, page_size, salt, frames: 0, checksum }
    }
}

impl WalPosition {
    /// Bytes of one frame, header included.
    pub const fn frame_length(&self) -> u64 {
        FRAME_HEADER as u64 + self.page_size as u64
    }

    /// Where the next frame begins in the file.
    pub const fn offset(&self) -> u64 {
        WAL_HEADER as u64 + self.frames * self.frame_length()
    }

    /// Goes on by one frame, if it is the next.
    pub fn follow(&mut self, bytes: &[u8]) -> Result<Frame, WalError> {
        let frame = self.frames + 1;
        let length = usize::try_from(self.frame_length()).unwrap_or(usize::MAX);
        let (Some(header), Some(page)) = (bytes.get(..FRAME_HEADER), bytes.get(FRAME_HEADER..length)) else {
            return Err(WalError::Stated { what: "it is cut short" });
        };
        let word = |at| word(header, at).unwrap_or_default();
        if (word(8), word(12)) != self.salt {
            return Err(WalError::Salt { frame });
        }
        let checksum = add(self.checksum, header.get(..8).unwrap_or_default(), self.order);
        let checksum = add(checksum, page, self.order);
        if checksum != WalChecksum(word(16), word(20)) {
            return Err(WalError::Checksum { frame });
        }
        let (page, pages) = (word(0), word(4));
        if page == 0 {
            return Err(WalError::Page { frame });
        }
        (self.frames, self.checksum) = (frame, checksum);
        Ok(Frame { page, commit: (pages != 0).then_some(pages) })
    }
}

impl Frames {
    /// The log before the first of them.
    pub const fn before(&self) -> WalPosition {
        let Self { order, page_size, salt, first, checksum_before, .. } = *self;
        WalPosition { order, page_size, salt, frames: first.saturating_sub(1), checksum: checksum_before }
    }

    /// The log after the last of them.
    pub const fn after(&self) -> WalPosition {
        let Self { order, page_size, salt, first, count, checksum_after, .. } = *self;
        let frames = first.saturating_sub(1).saturating_add(count);
        WalPosition { order, page_size, salt, frames, checksum: checksum_after }
    }

    /// Whether they follow these in the same log, or begin a new one.
    pub fn continue_after(&self, before: Option<&WalPosition>) -> bool {
        let same = before.is_some_and(|before| self.before() == *before);
        same || (self.first == 1 && before.is_none_or(|before| before.salt != self.salt))
    }
}

/// Holds frames, as they pass by, against what a segment says of them.
pub struct FrameCheck<'f> {
    stated: &'f Frames,
    position: WalPosition,
    hasher: ContentHasher,
    commit: Option<u32>,
}

impl<'f> FrameCheck<'f> {
    /// Before the first frame.
    pub fn new(stated: &'f Frames) -> Self {
        Self { stated, position: stated.before(), hasher: ContentHasher::default(), commit: None }
    }

    /// Takes the next frame.
    pub fn frame(&mut self, bytes: &[u8]) -> Result<Frame, WalError> {
        self.hasher.update(bytes);
        let frame = self.position.follow(bytes)?;
        self.commit = frame.commit;
        Ok(frame)
    }

    /// Says that there is none after it.
    pub fn finish(self) -> Result<(), WalError> {
        let stated = |what| Err(WalError::Stated { what });
        if self.position != self.stated.after() {
            return stated("checksum");
        }
        if self.hasher.finish() != self.stated.sha256 {
            return stated("SHA-256");
        }
        match self.commit {
            Some(pages) if u64::from(pages) == self.stated.page_count => Ok(()),
            _ => stated("end of a transaction"),
        }
    }
}

/// Frames of whole transactions, gathered from a log one by one.
pub struct Gathered {
    before: WalPosition,
    after: WalPosition,
    page_count: u64,
    bytes: Vec<u8>,
}

impl Gathered {
    /// None yet, after this place; room for so many bytes.
    pub fn after(place: WalPosition, room: usize) -> Self {
        Self { before: place, after: place, page_count: 0, bytes: Vec::with_capacity(room) }
    }

    /// Takes the next frame; says whether a transaction ends with it.
    pub fn push(&mut self, bytes: &[u8]) -> Result<bool, WalError> {
        let frame = self.after.follow(bytes)?;
        self.bytes.extend_from_slice(bytes);
        self.page_count = frame.commit.map_or(self.page_count, u64::from);
        Ok(frame.commit.is_some())
    }

    /// The place after the last.
    pub const fn place(&self) -> WalPosition {
        self.after
    }

    /// How many pages the database has after the last transaction.
    pub const fn page_count(&self) -> u64 {
        self.page_count
    }

    /// The frames as they stood in the log.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// What a segment says of them.
    pub fn stated(&self) -> Frames {
        let WalPosition { order, page_size, salt, frames, checksum } = self.before;
        Frames {
            first: frames + 1,
            count: self.after.frames - frames,
            page_size,
            page_count: self.page_count,
            salt,
            order,
            checksum_before: checksum,
            checksum_after: self.after.checksum,
            sha256: ContentHash::of(&self.bytes),
        }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    let bytes = bytes.get(at..at + 4)?;
    Some(u32::from_be_bytes(bytes.try_into().ok()?))
}

/// The running checksum after more bytes, a multiple of eight.
fn add(checksum: WalChecksum, bytes: &[u8], order: ChecksumOrder) -> WalChecksum {
    // Each order has a loop of its own: within one, the compiler would call a function for every word.
    match order {
        ChecksumOrder::Little => add_words(checksum, bytes, u32::from_le_bytes),
        ChecksumOrder::Big => add_words(checksum, bytes, u32::from_be_bytes),
    }
}

fn add_words(checksum: WalChecksum, bytes: &[u8], read: impl Fn([u8; 4]) -> u32) -> WalChecksum {
    let WalChecksum(mut first, mut second) = checksum;
    for [left, right] in bytes.as_chunks::<4>().0.as_chunks::<2>().0 {
        first = first.wrapping_add(read(*left)).wrapping_add(second);
        second = second.wrapping_add(read(*right)).wrapping_add(first);
    }
    WalChecksum(first, second)
}

/// Writes logs as `SQLite` does, for tests of whoever reads them.
#[derive(Debug, Clone)]
pub struct WalWriter(WalPosition);

impl WalWriter {
    /// A log with these salts.
    pub const fn new(page_size: u32, salt: (u32, u32)) -> Self {
        let (order, checksum) = (ChecksumOrder::Little, WalChecksum(salt.0, salt.1));
        Self(WalPosition { order, page_size, salt, frames: 0, checksum })
    }

    /// The place after the last frame.
    pub const fn place(&self) -> WalPosition {
        self.0
    }

    /// The next frame.
    pub fn frame(&mut self, page: u32, commit: u32, content: &[u8]) -> Vec<u8> {
        let WalPosition { order, salt, checksum, .. } = self.0;
        let mut bytes = [page.to_be_bytes(), commit.to_be_bytes()].concat();
        let WalChecksum(first, second) = add(add(checksum, &bytes, order), content, order);
        bytes.extend([salt.0, salt.1, first, second].iter().flat_map(|word| word.to_be_bytes()));
        bytes.extend_from_slice(content);
        (self.0.frames, self.0.checksum) = (self.0.frames + 1, WalChecksum(first, second));
        bytes
    }
}
