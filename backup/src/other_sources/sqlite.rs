//! A SQLite database that may be in use: its online backup into memory, held against its own integrity check.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{Read as _, Write};
use std::path::Path;

use super::content::Contents;
use super::error::ReadError;
use super::private::Private;
use super::run;
use crate::observer::{self, Observer, Progress, Stage};

/// SQLite's own program: whatever wrote the database, it knows the file.
const PROGRAM: &str = "sqlite3";
const PIECE: usize = 256 * 1024;

/// Copies a database as it is at one moment. Its copy lies in a folder with the name of the source.
pub(super) fn read(
    name: &str,
    database: &Path,
    scratch: &Path,
    out: &mut dyn Write,
    observer: &mut dyn Observer,
) -> Result<Contents, ReadError> {
    let unreadable = |source| ReadError::Source { path: database.to_owned(), source };
    // sqlite3 would make one.
    fs::metadata(database).map_err(unreadable)?;
    let folder = Private::claim(scratch, name)?;
    let copy = folder.path().join("copy");
    let backup = format!(".backup '{}'", copy.display());
    ask(&["-readonly", "-batch", "-bail", "-cmd", ".timeout 60000"], database, &backup, observer)?;
    let said = ask(&["-readonly", "-batch", "-bail"], &copy, "PRAGMA integrity_check;", observer)?;
    if said.trim() != "ok" {
        let first = said.lines().next().unwrap_or("nothing").chars().take(200).collect();
        return Err(ReadError::Integrity { said: first });
    }
    let scratched = |source| ReadError::Scratch { path: scratch.to_owned(), source };
    let mut file = File::open(&copy).map_err(scratched)?;
    // It has no name any more: it is gone with this process, however that ends.
    fs::remove_file(&copy).map_err(scratched)?;
    let total = file.metadata().map_err(scratched)?.len();
    let (mut bytes, mut piece) = (0, vec![0; PIECE]);
    loop {
        observer::check(observer)?;
        let read = file.read(&mut piece).map_err(scratched)?;
        if read == 0 {
            return Ok(Contents { bytes, files: 1, troubles: Vec::new() });
        }
        out.write_all(piece.get(..read).unwrap_or_default()).map_err(ReadError::Sink)?;
        bytes += read as u64;
        observer.progress(Progress { stage: Stage::Reading, done: bytes, total });
    }
}

fn ask(options: &[&str], database: &Path, request: &str, observer: &mut dyn Observer) -> Result<String, ReadError> {
    let mut arguments: Vec<OsString> = vec![PROGRAM.into()];
    arguments.extend(options.iter().map(OsString::from));
    arguments.extend([database.into(), request.into()]);
    let mut answer = Vec::new();
    let mut take = |piece: &[u8]| {
        answer.extend_from_slice(piece);
        Ok(())
    };
    run::pour(&arguments, &mut take, observer)?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
