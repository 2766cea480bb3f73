//! Building a damaged `index.db` anew, or filling one that lacks much, a step at a time between groups, so that commits go on
//! meanwhile.

use std::time::{Duration, Instant};

use super::files::Files;
use super::recover::{RecoverError, index_step};
use super::{GROUP, RETRY, Shared, Writer};
use crate::index_state;

/// How many records or entries are indexed in one step: writes wait for it. More than a group adds, or it would never end
/// while groups come in between.
const STEP: usize = 2 * GROUP;
/// Where something that is stored is damaged it is tried again this often: no sooner is it mended, and it begins anew each time.
const DAMAGED: Duration = Duration::from_mins(10);

impl Writer {
    /// Does the next step, if the index is to be built anew; says whether to go on at once.
    pub(super) fn heal(&mut self) -> bool {
        if !self.shared.index.is_condemned() || self.heal_at.is_some_and(|then| Instant::now() < then) {
            return false;
        }
        let Some(files) = &mut self.files else { return false };
        match step(&self.shared, files, self.tail.head.size) {
            Ok(true) => {
                self.forget_history();
                self.shared.index.healed();
                false
            }
            Ok(false) => {
                self.shared.index.fill();
                true
            }
            Err(error) => {
                tracing::warn!(%error, cause = error.cause(), "index.db could not be built anew; it is tried again");
                self.shared.index.condemn();
                // Not before every group: it begins anew each time.
                self.heal_at = Some(Instant::now() + if error.is_damage() { DAMAGED } else { RETRY });
                false
            }
        }
    }
}

/// Replaces the file, unless that is done, then fills it; says whether everything is in.
fn step(shared: &Shared, files: &mut Files, entries: u64) -> Result<bool, RecoverError> {
    if shared.index.is_begun() {
        return index_step(shared, files, entries, STEP);
    }
    index_state::renew(shared)?;
    files.open_index(&shared.keys()).map_err(RecoverError::Index)?;
    shared.terms.load(&files.index).map_err(RecoverError::Index)?;
    Ok(false)
}
