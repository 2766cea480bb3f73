//! What is wrong with a log, and where: a static copy ([`verify_copy`]) or stored entries ([`verify_entries`]).
//! Both trust a signed head and nothing else, read everything once, and keep one tile a level in memory.

mod copy;
mod entries;
mod fault;
mod pruned;
mod suspect;

pub use copy::{CopyReport, CopySource, LONGEST_FILE, verify_copy};
pub use entries::{EntriesReport, StoredEntry, verify_entries};
pub use fault::{LogFault, NotAnExtension};
