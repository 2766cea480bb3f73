//! What can be wrong with an officer, a set of them, a statement or its approval.

use crate::ids::{Environment, VaultId};
use crate::note::NoteError;

/// Text that is no officer's key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfficerError {
    /// It is no verification key at all.
    #[error(transparent)]
    Key(#[from] NoteError),
    /// Its name is none of an officer.
    #[error(
        "{name:?} is no officer's name: it is legal/NAME or dpo/NAME, NAME being 1 to 64 of A-Z, a-z, 0-9, '.', '_', '@' and '-'"
    )]
    Name {
        /// The name.
        name: String,
    },
}

/// Officers who are no set of officers.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OfficersError {
    /// Nothing could ever be approved.
    #[error("{found} officer is not enough, since everything takes two: name at least two, and better three")]
    TooFew {
        /// How many there are.
        found: usize,
    },
    /// More than anybody needs.
    #[error("{found} officers are too many: name at most {most}")]
    TooMany {
        /// How many there are.
        found: usize,
        /// How many there may be.
        most: usize,
    },
    /// One person would be two.
    #[error("{name} is named twice: two officers are two people, each with one key and one role")]
    SamePerson {
        /// The name, without a role.
        name: String,
    },
    /// One key would be two.
    #[error("{one} and {other} have the same key: each officer makes a key, with `coffre officer keygen`")]
    SameKey {
        /// One of them.
        one: String,
        /// The other one.
        other: String,
    },
}

/// Text that is no statement.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum StatementError {
    /// It does not begin as statements do.
    #[error(
        "this does not begin with `coffre approval v1`, so it is no statement for officers; make one with `coffre approve`"
    )]
    NoStatement,
    /// A line is not what it should be.
    #[error("line {line} of the statement is not {expected}; make it anew with `coffre approve`")]
    Line {
        /// The line, from 1.
        line: usize,
        /// What should stand there.
        expected: &'static str,
    },
    /// The officers in it are no set.
    #[error(transparent)]
    Officers(#[from] OfficersError),
}

/// A note that approves nothing here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ApprovalError {
    /// The note's form, or the signature of an officer, is wrong.
    #[error(transparent)]
    Note(#[from] NoteError),
    /// Its text is no statement.
    #[error(transparent)]
    Statement(#[from] StatementError),
    /// It was signed for another vault.
    #[error(
        "this was signed for vault {found} and counts there alone: make it anew with `coffre approve` for this one"
    )]
    OtherVault {
        /// That vault.
        found: VaultId,
    },
    /// It was signed for another environment.
    #[error(
        "this was signed for the environment {found} and counts there alone: make it anew with `coffre approve` for this one"
    )]
    OtherEnvironment {
        /// That environment.
        found: Environment,
    },
    /// Fewer than two officers signed it.
    #[error(
        "it takes the signatures of two officers, and this has {}{}: have another officer sign it with `coffre approve sign`",
        if .officers.is_empty() { "none of this vault's".to_owned() } else { format!("that of {}", .officers.join(", ")) },
        if .strangers.is_empty() { String::new() } else { format!(" ({} is no officer of this vault)", .strangers.join(", ")) }
    )]
    NotEnough {
        /// The officers who signed.
        officers: Vec<String>,
        /// Names and ids of the other signatures.
        strangers: Vec<String>,
    },
}

impl ApprovalError {
    /// A stable code for the log.
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Note(NoteError::BadSignature { .. }) => "bad-signature",
            Self::Note(_) => "no-note",
            Self::Statement(_) => "no-statement",
            Self::OtherVault { .. } => "other-vault",
            Self::OtherEnvironment { .. } => "other-environment",
            Self::NotEnough { .. } => "not-enough-officers",
        }
    }
}
