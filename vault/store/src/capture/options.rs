//! How capture goes on continuously, as it is configured.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

/// Pages of a write-ahead log that capture may be behind: 256 MiB.
pub(super) const LONGEST_WAL: u64 = 65_536;

/// How capture goes on continuously.
#[derive(Debug, Clone)]
pub struct CaptureOptions {
    /// The spool.
    pub spool: PathBuf,
    /// How many base backups stay in it.
    pub keep: NonZeroU64,
    /// What is written into manifests as their maker.
    pub software: String,
    /// How long commits gather before they become segments.
    pub interval: Duration,
    /// A base backup at least this often.
    pub base_every: Duration,
    /// A base backup also when the segments since the last one have more bytes than it, and more than this.
    pub little: u64,
    /// Pages of a write-ahead log that capture may be behind.
    pub longest_wal: u64,
    /// Bytes that the spool may take; base backups are taken beyond it, because they make room.
    pub spool_limit: Option<u64>,
    /// What to do when the spool takes no more.
    pub when_full: WhenFull,
}

/// What a vault does when its spool takes no more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum WhenFull {
    /// It goes on, and what can be restored ends where capture ended.
    #[default]
    KeepServing,
    /// It refuses reads and writes, but for what takes something out of somebody's reach.
    Refuse,
}

impl CaptureOptions {
    /// Into a spool, as it is meant to be.
    pub fn new(spool: PathBuf, keep: NonZeroU64, software: &str) -> Self {
        Self {
            spool,
            keep,
            software: software.to_owned(),
            interval: Duration::from_millis(400),
            base_every: Duration::from_hours(24),
            // A minute of 500 changes a second: a base backup delays what is captured while it is copied.
            little: 512 << 20,
            longest_wal: LONGEST_WAL,
            spool_limit: None,
            when_full: WhenFull::default(),
        }
    }
}
