//! A statement that enough officers have signed. Whether what it says may take effect now, by its number, is for the
//! store to say, which knows what is in force.

use super::error::ApprovalError;
use super::officer::{Officer, Officers};
use super::statement::Statement;
use crate::crypto::Scope;
use crate::note::{NoteError, SignedNote};

/// How many officers must have signed.
pub const REQUIRED: usize = 2;

/// A statement, and the officers whose signatures of it were verified.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// What is to take effect.
    pub statement: Statement,
    /// Who signed it: at least two.
    pub signers: Vec<Officer>,
}

impl Approval {
    /// Reads a note and verifies that two officers of this vault signed it, for this vault. Every signature that bears an
    /// officer's name and id must hold; those of others count for nothing.
    pub fn open(note: &[u8], officers: &Officers, scope: &Scope) -> Result<Self, ApprovalError> {
        let note = SignedNote::parse(note)?;
        let mut signers = Vec::new();
        for officer in officers.iter() {
            match note.verify(officer.key()) {
                Ok(_) => signers.push(officer.clone()),
                Err(NoteError::NotSigned { .. }) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let statement: Statement = note.unverified_text().parse()?;
        if statement.scope.environment != scope.environment {
            return Err(ApprovalError::OtherEnvironment { found: statement.scope.environment });
        }
        if statement.scope.vault != scope.vault {
            return Err(ApprovalError::OtherVault { found: statement.scope.vault });
        }
        if signers.len() < REQUIRED {
            let officers = signers.iter().map(Officer::known_as).collect();
            return Err(ApprovalError::NotEnough { officers, strangers: strangers(&note, &signers) });
        }
        Ok(Self { statement, signers })
    }

    /// What the log and messages call the signers, in one line.
    pub fn signed_by(&self) -> String {
        self.signers.iter().map(Officer::known_as).collect::<Vec<_>>().join(", ")
    }
}

/// The names and ids of signatures that are not by any of these.
fn strangers(note: &SignedNote, signers: &[Officer]) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for signature in note.signatures() {
        let name = format!("{}+{}", signature.name(), signature.id());
        if !signers.iter().any(|officer| officer.known_as() == name) && !found.contains(&name) {
            found.push(name);
        }
    }
    found
}
