//! What is wrong in the fictitious database, planted on purpose in one client of a hundred, and the
//! list of it: an import must find exactly these rows, with these reasons.

use coffre_store::plain::SourceValue;

use super::columns::padded;

/// What is wrong with a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Dirt {
    BadEmail,
    ImpossibleBirthDate,
    OrphanContract,
    DamagedCopy,
    DuplicateNumber,
    UndecodableName,
    UnknownFlag,
    MissingName,
    ImpossibleContractDate,
    MissingFile,
}

/// A row that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Planted {
    pub(crate) table: &'static str,
    /// `SQLite`'s row id.
    pub(crate) row: i64,
    pub(crate) column: &'static str,
    /// The code of the reason for which it is rejected.
    pub(crate) reason: &'static str,
}

/// One client in so many has something wrong.
pub(crate) const SHARE: u64 = 100;
/// The first of them: the clients before it are those the demonstration tells about.
const FIRST: u64 = 57;

impl Dirt {
    const ALL: [Self; 10] = [
        Self::BadEmail,
        Self::ImpossibleBirthDate,
        Self::OrphanContract,
        Self::DamagedCopy,
        Self::DuplicateNumber,
        Self::UndecodableName,
        Self::UnknownFlag,
        Self::MissingName,
        Self::ImpossibleContractDate,
        Self::MissingFile,
    ];

    /// What is wrong with the client at a position: each kind in turn.
    pub(crate) fn at(position: u64) -> Option<Self> {
        let kind = usize::try_from(position / SHARE % Self::ALL.len() as u64).ok()?;
        if position % SHARE == FIRST { Self::ALL.get(kind).copied() } else { None }
    }

    /// The table, column and reason of its reject.
    pub(crate) const fn reject(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::BadEmail => ("CLIENT", "EMAIL", "bad-email"),
            Self::ImpossibleBirthDate => ("CLIENT", "DNAISS", "impossible-date"),
            Self::OrphanContract => ("CONTRAT", "NUMCLI", "orphan"),
            Self::DamagedCopy => ("CONTRAT", "PDF", "unreadable-document"),
            Self::DuplicateNumber => ("CLIENT", "NUMCLI", "duplicate-key"),
            Self::UndecodableName => ("CLIENT", "PRENOM", "undecodable-text"),
            Self::UnknownFlag => ("COMPORT", "TABAC", "unknown-value"),
            Self::MissingName => ("CLIENT", "NOM", "missing-required"),
            Self::ImpossibleContractDate => ("CONTRAT", "DTEFFET", "impossible-date"),
            Self::MissingFile => ("CONTRAT", "FICHIER", "unreadable-document"),
        }
    }

    /// Whether the client itself can still be imported.
    pub(crate) const fn spares_the_client(self) -> bool {
        matches!(self, Self::OrphanContract)
    }

    /// Whether it is in the client's first contract, which it must then have.
    pub(crate) const fn is_in_a_contract(self) -> bool {
        matches!(self, Self::DamagedCopy | Self::ImpossibleContractDate | Self::MissingFile)
    }

    /// Spoils a row of a table.
    pub(crate) fn spoil(self, table: &str, row: &mut [SourceValue]) {
        let (spoilt, value) = match self {
            Self::BadEmail => (4, padded("prenom.nom(at)example.fr", 60)),
            Self::ImpossibleBirthDate => (3, padded("31/02/1984", 10)),
            // 0x81 and 0x90 are no characters, in Latin-1 as in Windows-1252: a transfer went wrong.
            Self::UndecodableName => (2, SourceValue::Text(b"H\x81l\x90ne                    ".to_vec())),
            Self::UnknownFlag => (1, padded("?", 1)),
            Self::MissingName => (1, padded("", 30)),
            Self::ImpossibleContractDate => (3, padded("20231301", 8)),
            Self::DamagedCopy | Self::MissingFile | Self::OrphanContract | Self::DuplicateNumber => return,
        };
        if self.reject().0 == table
            && let Some(cell) = row.get_mut(spoilt)
        {
            *cell = value;
        }
    }
}
