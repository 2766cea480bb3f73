//! Requests whose own time is over: answered long ago, and needed by nobody any more.

use std::sync::LazyLock;

use coffre_core::day::Day;
use coffre_core::filing::{FilingState, MONTHS_EXTENDED, REQUESTER};
use coffre_core::ids::{FilingId, SubjectId};
use coffre_core::time::Timestamp;
use rusqlite::{Connection, params};

use super::filing_of;
use crate::error::ReadError;

/// Those that were answered and due by a day. A legal hold keeps them like its record, and so does a restriction, under which
/// nothing is done with them but to store them (GDPR article 18(2)); the record of whoever made one and has no other counts its own
/// time from the answer, so the request stays for as long as that record does.
static ANSWERED: LazyLock<String> = LazyLock::new(|| {
    let answered = FilingState::ALL.iter().filter(|state| !state.is_pending());
    let states: Vec<String> = answered.map(|state| format!("'{state}'")).collect();
    format!(
        "SELECT id, subject, filing FROM filings INDEXED BY filings_by_state
         WHERE state IN ({}) AND due_on <= ?1
         AND NOT EXISTS (SELECT 1 FROM holds WHERE holds.subject = filings.subject AND lifted_at IS NULL)
         AND NOT EXISTS (SELECT 1 FROM records WHERE records.subject = filings.subject
                         AND (records.restricted OR filings.record_type = ?2))",
        states.join(", ")
    )
});

/// Those that were answered or taken back before a moment, with whom they are about; at most so many.
pub(crate) fn past(
    vault: &Connection,
    before: Timestamp,
    most: usize,
) -> Result<Vec<(FilingId, SubjectId)>, ReadError> {
    // None is due later than its time extended after its receipt, for which a day ahead may be stated.
    let due = Day::of(before).plus_days(1).plus_months(MONTHS_EXTENDED);
    let mut statement = vault.prepare_cached(ANSWERED.as_str())?;
    let mut rows = statement.query(params![due.to_string(), REQUESTER])?;
    let mut past = Vec::new();
    while let Some(row) = rows.next()? {
        if past.len() == most {
            break;
        }
        let filing = filing_of(&row.get::<_, String>(2)?)?;
        if filing.closed_at.is_some_and(|closed| closed < before) {
            past.push((FilingId::from_bytes(row.get(0)?), SubjectId::from_bytes(row.get(1)?)));
        }
    }
    Ok(past)
}

/// Removes a request and all of its steps.
pub(crate) fn remove(vault: &Connection, id: FilingId) -> rusqlite::Result<()> {
    vault.prepare_cached("DELETE FROM filing_steps WHERE filing = ?1")?.execute([id.as_bytes()])?;
    vault.prepare_cached("DELETE FROM filings WHERE id = ?1")?.execute([id.as_bytes()]).map(drop)
}
