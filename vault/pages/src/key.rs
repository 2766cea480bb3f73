//! The key of a connection, given without SQL: whoever reads the text of a statement copies it, and nobody wipes the copies.

use std::ffi::c_int;

use libsqlite3_sys as ffi;
use rusqlite::Connection;
use zeroize::Zeroizing;

/// A raw key as SQLCipher takes it: `x'`, 64 hexadecimal digits, `'`.
const LENGTH: usize = 67;

/// Gives a connection its raw key, 256 random bits that need no derivation. Before anything is read; whether it is the key of the file
/// shows at the first page that is.
///
/// # Errors
/// As SQLite's: no memory.
pub fn give_key(connection: &Connection, key: &[u8; 32]) -> Result<(), rusqlite::Error> {
    let text = spelled(key);
    let length = c_int::try_from(text.len()).unwrap_or_default();
    // SAFETY: the connection is open as long as it is borrowed, and the text is read before the call returns: SQLCipher copies it
    // into memory that it wipes.
    let code = unsafe { ffi::sqlite3_key_v2(connection.handle(), c"main".as_ptr(), text.as_ptr().cast(), length) };
    if code == ffi::SQLITE_OK { Ok(()) } else { Err(rusqlite::Error::SqliteFailure(ffi::Error::new(code), None)) }
}

fn spelled(key: &[u8; 32]) -> Zeroizing<[u8; LENGTH]> {
    // The digit of a value below 16, without a table: which address is read would tell which one it is.
    const fn digit(value: u8) -> u8 {
        value + b'0' + ((b'9'.wrapping_sub(value + b'0')) >> 7) * (b'a' - b'9' - 1)
    }
    let mut text = Zeroizing::new([b'\''; LENGTH]);
    if let [first, _, digits @ .., _] = text.as_mut_slice() {
        *first = b'x';
        for (pair, byte) in digits.chunks_exact_mut(2).zip(key) {
            pair.copy_from_slice(&[digit(byte >> 4), digit(byte & 15)]);
        }
    }
    text
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]

    use super::*;

    #[test]
    fn a_key_is_spelled_as_sqlcipher_reads_it() {
        let key: [u8; 32] = std::array::from_fn(|at| u8::try_from(at * 8 + at / 4).unwrap());
        let text = String::from_utf8(spelled(&key).to_vec()).unwrap();
        let digits: String = key.iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(text, format!("x'{digits}'"));
    }

    #[test]
    fn it_is_the_key_that_the_pragma_gives() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("some.db");
        let key = [0x9a; 32];
        let made = Connection::open(&path).unwrap();
        give_key(&made, &key).unwrap();
        made.execute_batch("CREATE TABLE t (v); INSERT INTO t VALUES (7)").unwrap();
        drop(made);
        let by_pragma = Connection::open(&path).unwrap();
        by_pragma.execute_batch(&format!("PRAGMA key = \"x'{}'\"", "9a".repeat(32))).unwrap();
        assert_eq!(by_pragma.query_row("SELECT v FROM t", [], |row| row.get::<_, i64>(0)).unwrap(), 7);
        let other = Connection::open(&path).unwrap();
        give_key(&other, &[0x9b; 32]).unwrap();
        assert!(other.query_row("SELECT v FROM t", [], |row| row.get::<_, i64>(0)).is_err());
    }
}
