//! What rules of retention look at. The rule comes to the record: content does not leave the store
//! to be judged, only what the rule makes of it does.

use coffre_core::ids::SubjectId;
use coffre_core::record::{Fields, RecordTypeName};
use coffre_core::time::Timestamp;
use rusqlite::{OptionalExtension, params};

use crate::writer::{Work, WorkError};
use crate::{filings, subject_keys, values};

/// A record as a rule sees it.
#[derive(Debug)]
pub struct Facts<'f> {
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub changed: Timestamp,
    /// When the last of the requests about it was answered, or it was last changed where there is none; nothing while one waits.
    pub answered: Option<Timestamp>,
    /// Its values.
    pub fields: &'f Fields,
    /// Now, by the writer's clock.
    pub now: Timestamp,
}

/// Tells why a record must be kept; nothing when it need not be. What it gives is told to the caller,
/// so it must hold no more than the entry says.
pub type MustKeep<K> = Box<dyn Fn(&Facts<'_>) -> Vec<K> + Send>;

/// Asks a rule about a record that is there.
pub(super) fn judge<K>(
    work: &Work<'_>,
    kind: &RecordTypeName,
    subject: SubjectId,
    rule: &MustKeep<K>,
) -> Result<Vec<K>, WorkError> {
    let find = || {
        work.around
            .vault
            .prepare_cached("SELECT version, created_at, updated_at FROM records WHERE subject = ?1")?
            .query_row(params![subject.as_bytes()], |row| {
                Ok((row.get::<_, u32>(0)?, row.get::<_, i64>(1)?, row.get::<_, i64>(2)?))
            })
            .optional()
    };
    let Some((version, created, changed)) = work.try_run(find())? else { return Ok(Vec::new()) };
    let key = work.subject_key(kind, subject)?;
    let keys = subject_keys(work.around.scope, work.around.keys, kind, subject, &key);
    let fields = work.try_run(values::all_at(work.around.vault, &keys, version))?;
    let (created, changed) = (Timestamp::from_micros(created), Timestamp::from_micros(changed));
    let answered = work.try_run(filings::answered(work.around.vault, subject))?.or_changed(changed);
    Ok(rule(&Facts { created, changed, answered, fields: &fields, now: work.now() }))
}
