//! Several entries of one call: where one entry has no room for everybody whom it is about.

use std::convert::Infallible;

use coffre_core::audit::Draft;

use super::Transaction;
use crate::writer::Work;

/// Writes these entries, all or none of them, and only then gives the answer that they are about.
pub struct NoteAll<T> {
    /// The entries, in their order; nothing is taken from the base entry.
    pub entries: Vec<Draft>,
    /// The answer.
    pub answer: T,
}

impl<T: Send + 'static> Transaction for NoteAll<T> {
    type Output = T;
    type Error = Infallible;

    fn run(self, work: &mut Work<'_>, _: Draft) -> Result<T, Infallible> {
        self.entries.into_iter().for_each(|entry| work.log(entry));
        Ok(self.answer)
    }
}
