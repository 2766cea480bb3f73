//! Listing a folder on an SFTP server, entry after entry.

use std::path::{Path, PathBuf};

use ssh2::{Error, ErrorCode, FileStat, Sftp as Channel};

use crate::destination::{Allowance, Contents};

/// What the library says after the last entry (`LIBSSH2_ERROR_FILE`).
const END: ErrorCode = ErrorCode::Session(-16);

/// What lies in a folder; none where that is more than can be kept.
pub(super) fn read(channel: &Channel, folder: &Path) -> Result<Option<Contents>, Error> {
    let mut open = channel.opendir(folder)?;
    gathered(|| open.readdir(), Allowance::default())
}

fn gathered(
    mut next: impl FnMut() -> Result<(PathBuf, FileStat), Error>,
    mut allowance: Allowance,
) -> Result<Option<Contents>, Error> {
    let mut contents = Contents::default();
    loop {
        let (path, stat) = match next() {
            Err(error) if error.code() == END => return Ok(Some(contents)),
            entry => entry?,
        };
        // What is left out below counts, too: otherwise it could go on for ever.
        if !allowance.name(&path.to_string_lossy()) {
            return Ok(None);
        }
        // The folder itself, and the one above it, have none.
        let Some(name) = path.file_name().map(|name| name.to_string_lossy().into_owned()) else { continue };
        if stat.is_dir() {
            contents.folders.push(name);
        } else {
            contents.objects.push((name, stat.size.unwrap_or(0)));
        }
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    const FILE: u32 = 0o100_640;
    const FOLDER: u32 = 0o040_750;

    fn entry(name: &str, perm: u32) -> (PathBuf, FileStat) {
        let stat = FileStat { size: Some(7), uid: None, gid: None, perm: Some(perm), atime: None, mtime: None };
        (name.into(), stat)
    }

    #[test]
    fn a_listing_ends_where_the_server_says_so() {
        let mut entries = vec![entry("object", FILE), entry("folder", FOLDER), entry("..", FOLDER), entry(".", FOLDER)];
        let next = || entries.pop().ok_or_else(|| Error::new(END, "no more files"));
        let contents = gathered(next, Allowance::default()).unwrap().unwrap();
        assert_eq!((contents.objects, contents.folders), (vec![("object".to_owned(), 7)], vec!["folder".to_owned()]));
        let broken = || Err(Error::new(ErrorCode::Session(-43), "the connection is gone"));
        assert!(gathered(broken, Allowance::default()).is_err());
    }

    #[test]
    fn a_server_that_lists_without_an_end_is_not_listened_to_for_ever() {
        for name in ["object", "."] {
            let mut told = 0_u32;
            let next = || {
                told += 1;
                Ok(entry(name, FILE))
            };
            assert!(gathered(next, Allowance::of(10_000)).unwrap().is_none());
            assert!(told < 200, "{told}");
        }
    }
}
