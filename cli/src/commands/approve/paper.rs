//! The file that goes from officer to officer: a statement that nobody has signed yet, or a note with signatures.

use std::fs::{self, File};
use std::io::{self, Write as _};
use std::path::Path;

use anyhow::Context as _;
use coffre_core::approval::{Statement, StatementError};
use coffre_core::note::{NoteError, SignedNote};

use crate::complaint::Complaint;
use crate::exit::Exit;
use crate::new_file;
use crate::officer_key::OfficerKey;

/// A statement, signed or not.
pub(super) struct Paper {
    pub(super) statement: Statement,
    note: Option<SignedNote>,
}

impl Paper {
    pub(super) const fn unsigned(statement: Statement) -> Self {
        Self { statement, note: None }
    }

    pub(super) fn read(file: &Path) -> anyhow::Result<Self> {
        let bytes = fs::read(file).with_context(|| {
            Complaint::usage(format!("{} cannot be read", file.display()), "name a file that `coffre approve` wrote")
        })?;
        Self::parse(&bytes).with_context(|| format!("{} cannot be signed or handed in", file.display()))
    }

    fn parse(bytes: &[u8]) -> anyhow::Result<Self> {
        match SignedNote::parse(bytes) {
            Ok(note) => Ok(Self { statement: note.unverified_text().parse()?, note: Some(note) }),
            Err(NoteError::NoSignatures) => {
                let text = std::str::from_utf8(bytes).map_err(|_| StatementError::NoStatement)?;
                Ok(Self::unsigned(text.parse()?))
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Names and ids of the keys that signed, as far as their lines say.
    pub(super) fn signers(&self) -> Vec<String> {
        let lines = self.note.iter().flat_map(SignedNote::signatures);
        lines.map(|line| format!("{}+{}", line.name(), line.id())).collect()
    }

    /// With one more signature.
    pub(super) fn signed(self, by: &OfficerKey) -> anyhow::Result<Self> {
        let name = by.officer.known_as();
        let note = match self.note {
            None => SignedNote::sign(self.statement.to_string(), &by.key)?,
            Some(note) => match note.verify(by.officer.key()).map(|_| ()) {
                Err(NoteError::NotSigned { .. }) => note.cosign(&by.key),
                Ok(()) => {
                    let cause = format!("{name} has signed this already");
                    return Err(Complaint::usage(cause, "it takes another officer: hand the file on").into());
                }
                Err(_) => {
                    let cause = format!("the file holds a signature in the name of {name} that this key did not make");
                    let remedy = "ask where it comes from, and sign a new file";
                    return Err(Complaint::new(Exit::Failure, cause, remedy).into());
                }
            },
        };
        Ok(Self { note: Some(note), ..self })
    }

    fn text(&self) -> String {
        self.note.as_ref().map_or_else(|| self.statement.to_string(), SignedNote::to_string)
    }

    /// Writes a file that is not there yet.
    pub(super) fn write_new(&self, file: &Path) -> anyhow::Result<()> {
        let written = new_file::write(file, new_file::PUBLIC, self.text().as_bytes());
        written.map_err(|error| new_file::refused(file, "name a new file in a folder that is yours", error))
    }

    /// Writes it in the place of what was read: the file is whole at every moment.
    pub(super) fn replace(&self, file: &Path) -> io::Result<()> {
        let mut unfinished = file.as_os_str().to_owned();
        unfinished.push(".new");
        let mut new = File::create(&unfinished)?;
        new.write_all(self.text().as_bytes())?;
        new.sync_all()?;
        fs::rename(unfinished, file)
    }
}
