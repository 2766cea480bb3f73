//! Where the data of a record come from: kept in the record's row, since the log, which tells it too, is pruned.

use coffre_core::audit::Draft;
use coffre_core::ids::SubjectId;
use coffre_core::source::{Source, Sources};
use rusqlite::params;

use crate::writer::{Work, WorkError};

/// Where what an entry says was written comes from.
pub(super) fn of(entry: &Draft) -> Sources {
    Source::of(entry.action, entry.role).map_or_else(Sources::default, |of| Sources::default().with(of))
}

/// Notes where what an entry says was written comes from.
pub(super) fn note(work: &Work<'_>, subject: SubjectId, entry: &Draft) -> Result<(), WorkError> {
    Source::of(entry.action, entry.role).map_or(Ok(()), |source| add(work, subject, source))
}

/// Notes a source.
pub(super) fn add(work: &Work<'_>, subject: SubjectId, source: Source) -> Result<(), WorkError> {
    let source = Sources::default().with(source).stored();
    let update = || {
        let sql = "UPDATE records SET sources = sources | ?2 WHERE subject = ?1 AND sources & ?2 = 0";
        work.around.vault.prepare_cached(sql)?.execute(params![subject.as_bytes(), source])
    };
    work.try_run(update()).map(drop)
}
