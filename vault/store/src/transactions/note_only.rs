//! An entry that changes nothing else: an export taken, a capture made, a restore verified.

use std::convert::Infallible;

use coffre_core::audit::Draft;

use super::Transaction;
use crate::writer::Work;

/// Writes the base entry as it is.
pub struct NoteOnly;

impl Transaction for NoteOnly {
    type Output = ();
    type Error = Infallible;

    fn run(self, work: &mut Work<'_>, base: Draft) -> Result<(), Infallible> {
        work.log(base);
        Ok(())
    }
}
