//! What reading a source gave, besides its bytes.

/// What a source held.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contents {
    /// Its bytes, before encryption.
    pub bytes: u64,
    /// How many files, of a folder.
    pub files: u64,
    /// What was wrong with some of them, by their paths in the folder. For people at the terminal; never kept or
    /// logged, since a file may be named after a person.
    pub troubles: Vec<(String, Trouble)>,
}

impl Contents {
    /// How many files are not in the snapshot as they were at one moment.
    pub fn lacking(&self) -> usize {
        self.troubles.iter().filter(|(_, trouble)| trouble.spoils()).count()
    }
}

/// What was wrong with a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Somebody has it open, by the lock file beside it. It did not change while it was read.
    Open,
    /// Somebody has locked it for himself. It was read all the same.
    OpenExclusively,
    /// It changed while it was read, each time.
    Changed,
    /// It could not be read.
    Unreadable,
    /// It came or went while the others were read.
    CameOrWent,
}

impl Trouble {
    /// Whether the snapshot lacks the file, or may hold half a change of it.
    pub const fn spoils(self) -> bool {
        !matches!(self, Self::Open)
    }

    /// In words.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Open => "open, unchanged while it was read",
            Self::OpenExclusively => "open exclusively",
            Self::Changed => "changed while it was read",
            Self::Unreadable => "not readable",
            Self::CameOrWent => "came or went meanwhile",
        }
    }
}
