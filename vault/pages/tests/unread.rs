//! What the system cannot read is told as just that.
#![expect(clippy::unwrap_used, reason = "tests")]

use coffre_pages::vfs_name;
use rusqlite::{Connection, OpenFlags, ffi};

/// Memory in which nothing is at its beginning: reading there is an input/output error.
const UNREADABLE: &str = "/proc/self/mem";

#[test]
fn a_file_that_the_system_cannot_read_is_not_called_corrupt() {
    let (flags, vfs) = (OpenFlags::SQLITE_OPEN_READ_WRITE, vfs_name().unwrap());
    let opened = Connection::open_with_flags_and_vfs(UNREADABLE, flags, vfs);
    let asked = opened.and_then(|file| file.query_row("SELECT count(*) FROM sqlite_schema", [], |_| Ok(())));
    assert_eq!(asked.unwrap_err().sqlite_error().unwrap().extended_code, ffi::SQLITE_IOERR_READ);
}
