//! Pages of a database that are the ones that were written last.
//!
//! SQLCipher authenticates each page with its number. So a page that was authentic once passes for authentic for good: whoever can
//! write to the disk puts a consent that was withdrawn back into force with a page of last week, and needs no key for it. This crate
//! knows a digest of every page as it is now, and stands between SQLite and the system as a virtual file system (VFS): what is read from
//! a watched database file and is not the page that it should be is an error, [`SQLITE_IOERR_DATA`], as of SQLite's own checksum VFS.
//!
//! Only reads from the database file are looked at. Frames of the write-ahead log are bound by a checksum that runs on, and whoever
//! takes them into the file says first, with [`Pages::change`], what its pages will be. What is written to that log is left as it is, but for
//! the header of a frame, which waits for the page behind it.
//!
//! The digests themselves are in a table on the disk, and the digests of its blocks in memory.
//!
//! The one crate with `unsafe` in it: [`vfs`] is a table of C functions, [`give_key`] calls one that rusqlite does not have, and
//! [`give_back_memory`] one of glibc's. It depends on nothing but SQLite.
//!
//! [`SQLITE_IOERR_DATA`]: https://www.sqlite.org/rescode.html#ioerr_data

mod frame;
mod heap;
mod key;
mod pages;
mod table;
mod vfs;
mod watched;

pub use heap::give_back_memory;
pub use key::give_key;
pub use pages::{Digest, Folded, PAGE, Pages, digest};
pub use table::Block;
pub use vfs::{IS_NOT_THE_PAGE, vfs_name};
pub use watched::{Watched, watch};
