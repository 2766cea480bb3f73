//! Bringing gathered terms to their places while nobody asks for anything.

use super::Writer;
use super::group::cause_of;
use crate::{connection, index_file};

/// Rows that are brought to their places before the writer looks whether somebody came.
const ROWS: usize = 2_048;

impl Writer {
    /// Does the next part, if the writer is resting and terms wait; says whether to go on at once.
    pub(super) fn sort_terms(&mut self) -> bool {
        let shared = &self.shared;
        if !self.resting || shared.index.is_condemned() || shared.terms.are_sorted() {
            return false;
        }
        let Some(files) = &self.files else { return false };
        match index_file::sort_terms(&files.index, &shared.terms, ROWS) {
            Ok(()) => self.checkpoint_if_long(),
            Err(error) if connection::is_damage(&error) => shared.index.condemn(),
            Err(error) => {
                self.broken(&cause_of(&error));
                return false;
            }
        }
        true
    }
}
