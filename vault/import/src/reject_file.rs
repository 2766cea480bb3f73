//! The file of what was not brought: JSON lines inside age, for a recipient who can correct the
//! source. Format: docs/formats/reject-file.md.
//!
//! It is made when there is something to write, under a temporary name that only its owner can read,
//! and gets its name when the run is over: a file of that name is always whole.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use age::stream::StreamWriter;
use age::x25519::{Identity, Recipient};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::reject::Reject;

/// A reject file that cannot be written or read.
#[derive(Debug, Error)]
pub enum RejectFileError {
    /// Something is there already.
    #[error("{path} exists already: move it away, or name another file for the rejects")]
    Exists {
        /// The path.
        path: PathBuf,
    },
    /// Not a recipient.
    #[error("not an age recipient: expected age1…, as age-keygen prints it")]
    Recipient,
    /// The file system refused.
    #[error(
        "the reject file {path} cannot be written: check its folder and the space left, or name with --rejects a file where the server may write"
    )]
    Write {
        /// The path.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It does not decrypt with this identity, or was altered or cut off.
    #[error("the reject file does not open: use the identity of its recipient, or take an unaltered copy")]
    Decrypt {
        /// Why.
        source: age::DecryptError,
    },
    /// It cannot be read to its end.
    #[error("the reject file cannot be read to its end: take an unaltered copy")]
    Read {
        /// Why.
        source: io::Error,
    },
    /// A line in another form.
    #[error("line {line} of the reject file has another form: use the version of Coffre that wrote it")]
    Line {
        /// Which, counted from 1.
        line: usize,
        /// Why.
        source: serde_json::Error,
    },
}

/// A line of a reject file.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RejectLine {
    /// The table.
    pub table: String,
    /// `SQLite`'s row id.
    pub row: i64,
    /// The row's key.
    pub key: String,
    /// The column at fault.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// The reason's stable code.
    pub reason: String,
    /// What is wrong and what to do, in French.
    pub fr: String,
    /// The same in English.
    pub en: String,
}

impl From<&Reject> for RejectLine {
    fn from(reject: &Reject) -> Self {
        Self {
            table: reject.table.clone(),
            row: reject.row,
            key: reject.key.clone(),
            column: reject.column.clone(),
            reason: reject.reason.code().to_owned(),
            fr: reject.reason.french().to_owned(),
            en: reject.reason.english().to_owned(),
        }
    }
}

/// A reject file that may come to be.
pub struct RejectFile {
    path: PathBuf,
    partial: PathBuf,
    recipient: Recipient,
    writer: Option<StreamWriter<BufWriter<File>>>,
}

impl RejectFile {
    /// A reject file at this path for this recipient (`age1…`), if nothing is there. Nothing is written yet.
    pub fn at(path: &Path, recipient: &str) -> Result<Self, RejectFileError> {
        if path.symlink_metadata().is_ok() {
            return Err(RejectFileError::Exists { path: path.into() });
        }
        let mut partial = path.file_name().unwrap_or_default().to_owned();
        partial.push(".partial");
        Ok(Self {
            partial: path.with_file_name(partial),
            path: path.into(),
            recipient: recipient.trim().parse().map_err(|_| RejectFileError::Recipient)?,
            writer: None,
        })
    }

    /// Adds a line.
    pub fn write(&mut self, reject: &Reject) -> Result<(), RejectFileError> {
        self.try_write(reject).map_err(|source| self.write_error(source))
    }

    fn try_write(&mut self, reject: &Reject) -> io::Result<()> {
        let mut writer = match self.writer.take() {
            Some(writer) => writer,
            None => self.begin()?,
        };
        serde_json::to_writer(&mut writer, &RejectLine::from(reject))?;
        writer.write_all(b"\n")?;
        self.writer = Some(writer);
        Ok(())
    }

    fn begin(&self) -> io::Result<StreamWriter<BufWriter<File>>> {
        // What an interrupted run left; it never got its name and nobody can have relied on it.
        match fs::remove_file(&self.partial) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&self.partial)?;
        let recipients = std::iter::once(&self.recipient as &dyn age::Recipient);
        let encryptor = age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
        encryptor.wrap_output(BufWriter::new(file))
    }

    /// Makes it durable and gives it its name; `None` when there was nothing to write.
    pub fn finish(mut self) -> Result<Option<PathBuf>, RejectFileError> {
        let Some(writer) = self.writer.take() else { return Ok(None) };
        self.put(writer).map_err(|source| self.write_error(source))?;
        Ok(Some(self.path.clone()))
    }

    fn put(&self, writer: StreamWriter<BufWriter<File>>) -> io::Result<()> {
        let file = writer.finish()?.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        // Unlike `rename`, a hard link never replaces a file that came meanwhile.
        fs::hard_link(&self.partial, &self.path)?;
        fs::remove_file(&self.partial)?;
        let folder = self.path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
        File::open(folder)?.sync_all()
    }

    fn write_error(&self, source: io::Error) -> RejectFileError {
        match source.kind() {
            io::ErrorKind::AlreadyExists => RejectFileError::Exists { path: self.path.clone() },
            _ => RejectFileError::Write { path: self.path.clone(), source },
        }
    }
}

impl Drop for RejectFile {
    fn drop(&mut self) {
        if self.writer.is_some() {
            // Nothing else can be done about a file that cannot be removed; the next run replaces it.
            let _ = fs::remove_file(&self.partial);
        }
    }
}

/// Reads a reject file with its recipient's identity.
pub fn read_rejects(bytes: impl Read, identity: &Identity) -> Result<Vec<RejectLine>, RejectFileError> {
    let decrypt = |source| RejectFileError::Decrypt { source };
    let decryptor = age::Decryptor::new_buffered(BufReader::new(bytes)).map_err(decrypt)?;
    let plain = decryptor.decrypt(std::iter::once(identity as &dyn age::Identity)).map_err(decrypt)?;
    let parse = |(index, line): (usize, io::Result<String>)| {
        let line = line.map_err(|source| RejectFileError::Read { source })?;
        serde_json::from_str(&line).map_err(|source| RejectFileError::Line { line: index + 1, source })
    };
    BufReader::new(plain).lines().enumerate().map(parse).collect()
}
