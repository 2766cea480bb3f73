//! Going on with the chains after a start, or after the files were opened again. Each chain goes on
//! where its write-ahead log still holds the last frame captured, or begins a new log when the landmark
//! says that the database file holds exactly what the spool does. Anything else is lost track of,
//! and a base backup is taken: it is never guessed.

use rusqlite::Connection;

use super::CaptureError;
use super::documents::changes;
use super::door::Door;
use super::ends::{Ends, Found, Lost, find};
use super::frames::Logs;
use super::landmark::Landmark;
use super::links::Links;
use super::spool::Spool;
use super::standing::{Hold, each_document};
use super::watch::{Changes, Mark};
use crate::connection::{self, Use};
use crate::layout::Database;
use crate::log_file::Tail;
use crate::writer::{Files, Shared};

/// Where the chains go on, and what was committed that is not in them yet.
pub(super) fn resume(door: &Door, spool: &Spool, links: &Links, logs: &mut Logs) -> Result<(Ends, Mark), Lost> {
    let Found { mut ends, listed, since, keys } = find(spool, links, door.generation)?;
    let landmark = Landmark::read(&door.shared.layout, door.generation).map_err(CaptureError::Read)?;
    // The view that documents are compared in must not see a checkpoint, nor keep one waiting that would be tried. Where a base backup is being
    // copied they wait already, until this thread takes it up, unless it was given up.
    let hold = Hold::take(&door.shared).ok();
    if hold.is_none() && door.shared.watch.patience.is_given_up() {
        return Err(CaptureError::GivenUp.into());
    }
    let (layout, keyset) = (&door.shared.layout, door.shared.keys());
    let view = connection::open_own(layout, &keyset, Database::Vault, Use::Read).map_err(Lost::Uncompared)?;
    let now = door.exclusively(|shared, files, tail| stand(shared, files, tail, view));
    let now = now.map_err(CaptureError::Unavailable)?;
    let (mut mark, view) = now.map_err(Lost::Uncompared)?;
    if keys != door.shared.key_files().keys {
        return Err(Lost::OtherKeys);
    }
    for (which, ((chain, end), known)) in ends.all_mut().into_iter().zip(landmark).enumerate() {
        let followed = end.wal.filter(|place| logs.holds(which, place));
        if followed.is_none() && known != Some(end.last) {
            return Err(Lost::Gone { chain });
        }
        end.wal = followed;
    }
    let listed = listed.entries().map(|entry| entry.map_err(|_| Lost::Inventory));
    let compared = each_document(&view, |rows| changes(rows.map(|row| row.map_err(Lost::Uncompared)), listed, since));
    mark.documents = compared.map_err(Lost::Uncompared)??;
    if connection::met_damage(&view) {
        return Err(Lost::Damaged);
    }
    drop((view, hold));
    Ok((ends, mark))
}

/// How things stand, on the writer's thread, and a view of just that. A commit to each database makes the hooks report how
/// long the logs are.
fn stand(shared: &Shared, files: &Files, tail: &Tail, view: Connection) -> rusqlite::Result<(Mark, Connection)> {
    files.overwrite_failed()?;
    // What was told until now is in the view; told again after the mark, it would set it back.
    drop(shared.watch.told());
    connection::begin_view(&view)?;
    Ok((files.mark(tail, Changes::default()), view))
}
