//! Requests as they are stored, and what a snapshot tells of them. What a request says is content and comes out
//! undisclosed; that it was made, and how it stands, is not.

mod listing;
mod past;

use coffre_core::day::Day;
use coffre_core::filing::{Filing, FilingAct, FilingContent, FilingKind, FilingState, SOON_DAYS};
use coffre_core::ids::{ApplicationId, FilingId, RequestId, SubjectId};
use coffre_core::keyset::SubjectKeys;
use coffre_core::record::{FieldPath, RecordTypeName};
use coffre_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, Row, params};
use serde::Serialize;

use self::listing::listing;
pub(crate) use self::past::{past, remove};
use crate::disclosure::{Claim, Undisclosed};
use crate::error::ReadError;
use crate::readers::Reader;
use crate::snapshot::Snapshot;

/// What a step of a request is, among the notes about a subject.
pub(crate) const NOTE: &str = "request";

/// How many requests wait, how many of them are due soon, and how many are late.
const COUNTS: &str = "
    SELECT count(*), count(*) FILTER (WHERE due_on >= ?1 AND due_on <= ?2), count(*) FILTER (WHERE due_on < ?1)
    FROM filings WHERE state IN ('open', 'waiting')";

/// Which requests are asked for; what is not said is any.
#[derive(Debug, Clone, Default)]
pub struct FilingFilter {
    /// How they stand: any of these, or whatever.
    pub states: Vec<FilingState>,
    /// What they ask for.
    pub kind: Option<FilingKind>,
    /// Who answers them.
    pub assignee: Option<String>,
    /// The application that filed them. It finds a stranger's request where it filed it, whatever record the request is about
    /// by now: whether somebody has a record is told to nobody else.
    pub filer: Option<ApplicationId>,
    /// Due before this day.
    pub due_before: Option<Day>,
}

/// Where a page of requests ends: they come in the order in which they are due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FilingCursor {
    /// The last one's day.
    pub due_on: Day,
    /// The last one.
    pub id: FilingId,
}

/// A step of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilingStep {
    /// What was done.
    pub act: FilingAct,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub operator: Option<String>,
    /// In which call: the log has it under it.
    pub call: RequestId,
    /// What was said; nothing once the subject is erased. Proposed values are only those that were asked for.
    pub content: Option<FilingContent>,
}

/// How many requests wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
pub struct FilingCounts {
    /// Still to be answered.
    pub pending: u64,
    /// Of these, due within a week.
    pub due_soon: u64,
    /// Of these, late.
    pub overdue: u64,
}

impl Snapshot<'_> {
    /// A request.
    pub fn filing(&self, id: FilingId) -> Result<Option<Filing>, ReadError> {
        self.ask(|reader| find(&reader.vault, id))
    }

    /// Requests about records of a type, in the order in which they are due, after one.
    pub fn filings(
        &self,
        kind: &RecordTypeName,
        filter: &FilingFilter,
        after: Option<FilingCursor>,
        limit: usize,
    ) -> Result<Vec<Filing>, ReadError> {
        self.ask(|reader| {
            let mut statement = reader.vault.prepare_cached(&listing(filter, after.is_some()))?;
            let parameters = params![
                kind.as_str(),
                filter.kind.map(FilingKind::as_str),
                filter.assignee,
                filter.filer.as_ref().map(|id| id.as_bytes().as_slice()),
                filter.due_before.map(|day| day.to_string()),
                after.map(|cursor| cursor.due_on.to_string()),
                after.as_ref().map(|cursor| cursor.id.as_bytes().as_slice()),
                limit
            ];
            let rows = statement.query_map(parameters, |row| row.get::<_, String>(0))?;
            rows.map(|text| filing_of(&text?)).collect()
        })
    }

    /// The steps of a request, with what they say; of proposed values only those of some fields, which are the claim.
    pub fn filing_steps(
        &self,
        filing: &Filing,
        fields: &[FieldPath],
    ) -> Result<Undisclosed<Vec<FilingStep>>, ReadError> {
        let rows = self.ask(|reader| steps(&reader.vault, filing.id))?;
        let silent = rows.iter().map(|row| row.step_with(None)).collect::<Result<Vec<_>, _>>()?;
        let open = |_: &Reader, keys: &SubjectKeys<'_>| {
            let step = |row: &StepRow| {
                let mut content = row.content(filing.id, keys)?;
                if let Some(content) = &mut content {
                    content.changes.retain(|field, _| fields.contains(field));
                }
                row.step_with(content)
            };
            rows.iter().map(step).collect()
        };
        let steps = self.with_keys(&filing.record_type, filing.subject, silent, open)?;
        Ok(Undisclosed::new(Claim::fields(filing.subject, fields.to_vec()), steps))
    }

    /// How many requests were answered before a moment, and are kept by nothing else than their own time; counted up to so many.
    pub fn past_requests(&self, before: Timestamp, most: usize) -> Result<u64, ReadError> {
        self.ask(|reader| Ok(past(&reader.vault, before, most)?.len() as u64))
    }

    /// How many requests wait, of all types, on a day.
    pub fn filing_counts(&self, today: Day) -> Result<FilingCounts, ReadError> {
        self.ask(|reader| {
            let days = params![today.to_string(), today.plus_days(SOON_DAYS).to_string()];
            Ok(reader.vault.prepare_cached(COUNTS)?.query_row(days, |row| {
                Ok(FilingCounts { pending: row.get(0)?, due_soon: row.get(1)?, overdue: row.get(2)? })
            })?)
        })
    }
}

pub(crate) fn find(vault: &Connection, id: FilingId) -> Result<Option<Filing>, ReadError> {
    let mut statement = vault.prepare_cached("SELECT filing FROM filings WHERE id = ?1")?;
    let text = statement.query_row([id.as_bytes()], |row| row.get::<_, String>(0)).optional()?;
    text.map(|text| filing_of(&text)).transpose()
}

/// How the requests about a record stand, all together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Answered {
    /// There is none.
    NoRequest,
    /// One waits.
    Waits,
    /// The last one was answered then.
    At(Timestamp),
}

impl Answered {
    /// When the last one was answered, or the record was last changed where there is none; nothing while one waits.
    pub(crate) const fn or_changed(self, changed: Timestamp) -> Option<Timestamp> {
        match self {
            Self::NoRequest => Some(changed),
            Self::Waits => None,
            Self::At(at) => Some(at),
        }
    }
}

/// How the requests about a record stand.
pub(crate) fn answered(vault: &Connection, subject: SubjectId) -> Result<Answered, ReadError> {
    let mut statement = vault.prepare_cached("SELECT filing FROM filings WHERE subject = ?1")?;
    let rows = statement.query_map([subject.as_bytes()], |row| row.get::<_, String>(0))?;
    let mut answered = Answered::NoRequest;
    for text in rows {
        answered = match (filing_of(&text?)?.closed_at, answered) {
            (None, _) => return Ok(Answered::Waits),
            (Some(closed), Answered::At(last)) => Answered::At(last.max(closed)),
            (Some(closed), _) => Answered::At(closed),
        };
    }
    Ok(answered)
}

fn filing_of(text: &str) -> Result<Filing, ReadError> {
    serde_json::from_str(text).map_err(|_| ReadError::Format { what: "request" })
}

/// Stores how a request stands.
pub(crate) fn put(vault: &Connection, filing: &Filing) -> Result<(), ReadError> {
    let text = serde_json::to_string(filing).map_err(|_| ReadError::Format { what: "request" })?;
    vault
        .prepare_cached(
            "INSERT OR REPLACE INTO filings (id, subject, record_type, kind, filer, due_on, state, assignee, filing)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            filing.id.as_bytes(),
            filing.subject.as_bytes(),
            filing.record_type.as_str(),
            filing.kind.as_str(),
            filing.filer.as_bytes(),
            filing.due_on.to_string(),
            filing.state.as_str(),
            filing.assignee,
            text
        ])?;
    Ok(())
}

/// A step as it is stored.
pub(crate) struct StepRow {
    step: u32,
    act: String,
    at: i64,
    operator: Option<String>,
    call: [u8; 16],
    epoch: u32,
    sealed: Option<Vec<u8>>,
}

impl StepRow {
    fn read(row: &Row<'_>) -> rusqlite::Result<Self> {
        Ok(Self {
            step: row.get(0)?,
            act: row.get(1)?,
            at: row.get(2)?,
            operator: row.get(3)?,
            call: row.get(4)?,
            epoch: row.get(5)?,
            sealed: row.get(6)?,
        })
    }

    /// What it says.
    pub(crate) fn content(&self, id: FilingId, keys: &SubjectKeys<'_>) -> Result<Option<FilingContent>, ReadError> {
        let Some(sealed) = &self.sealed else { return Ok(None) };
        let plain = keys.open_note(NOTE, &about(id, self.step), self.epoch, sealed);
        let plain = plain.map_err(|source| ReadError::Value { subject: keys.subject, source })?;
        serde_json::from_slice(&plain).map(Some).map_err(|_| ReadError::Format { what: "request" })
    }

    fn step_with(&self, content: Option<FilingContent>) -> Result<FilingStep, ReadError> {
        Ok(FilingStep {
            act: self.act.parse().map_err(|_| ReadError::Format { what: "request" })?,
            at: Timestamp::from_micros(self.at),
            operator: self.operator.clone(),
            call: RequestId::from_bytes(self.call),
            content,
        })
    }
}

/// The steps of a request, in their order.
pub(crate) fn steps(vault: &Connection, id: FilingId) -> Result<Vec<StepRow>, ReadError> {
    let sql = "SELECT step, act, at, operator, call, epoch, sealed FROM filing_steps WHERE filing = ?1 ORDER BY step";
    let mut statement = vault.prepare_cached(sql)?;
    let rows = statement.query_map([id.as_bytes()], StepRow::read)?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// Writes what the steps of a request say anew, after a change, under a subject's key and the epoch in use. The steps are that
/// subject's from then on, the same or another, whose row is put beside.
pub(crate) fn rewrite(
    vault: &Connection,
    id: FilingId,
    from: &SubjectKeys<'_>,
    to: &SubjectKeys<'_>,
    epoch: u32,
    change: impl Fn(&mut FilingContent),
) -> Result<(), ReadError> {
    let unwritable = || ReadError::Format { what: "request" };
    for row in steps(vault, id)? {
        let sealed = row.content(id, from)?.map(|mut content| {
            change(&mut content);
            let plain = serde_json::to_vec(&content).map(zeroize::Zeroizing::new).map_err(|_| unwritable())?;
            to.seal_note(NOTE, &about(id, row.step), epoch, &plain, &mut crate::clock::SystemEntropy)
                .map_err(|_| unwritable())
        });
        let sealed = sealed.transpose()?;
        let epoch = if sealed.is_some() { epoch } else { row.epoch };
        vault
            .prepare_cached(
                "UPDATE filing_steps SET subject = ?3, epoch = ?4, sealed = ?5 WHERE filing = ?1 AND step = ?2",
            )?
            .execute(params![id.as_bytes(), row.step, to.subject.as_bytes(), epoch, sealed])?;
    }
    Ok(())
}

/// A step about to be stored.
pub(crate) struct NewStep<'s> {
    pub(crate) act: FilingAct,
    pub(crate) at: Timestamp,
    pub(crate) operator: Option<&'s str>,
    pub(crate) call: RequestId,
}

/// Stores the next step of a request; what it says is encrypted under the subject's key.
pub(crate) fn add_step(
    vault: &Connection,
    filing: &Filing,
    new: &NewStep<'_>,
    said: Option<(&FilingContent, &SubjectKeys<'_>, u32)>,
) -> Result<(), ReadError> {
    let step: u32 = vault
        .prepare_cached("SELECT count(*) FROM filing_steps WHERE filing = ?1")?
        .query_row([filing.id.as_bytes()], |row| row.get(0))?;
    let (mut epoch, mut sealed) = (0, None);
    if let Some((content, keys, now)) = said {
        let unwritable = || ReadError::Format { what: "request" };
        let plain = serde_json::to_vec(content).map(zeroize::Zeroizing::new).map_err(|_| unwritable())?;
        let bytes = keys.seal_note(NOTE, &about(filing.id, step), now, &plain, &mut crate::clock::SystemEntropy);
        (epoch, sealed) = (now, Some(bytes.map_err(|_| unwritable())?));
    }
    vault
        .prepare_cached(
            "INSERT INTO filing_steps (filing, step, subject, act, at, operator, call, epoch, sealed)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
        )?
        .execute(params![
            filing.id.as_bytes(),
            step,
            filing.subject.as_bytes(),
            new.act.as_str(),
            new.at.as_micros(),
            new.operator,
            new.call.as_bytes(),
            epoch,
            sealed
        ])?;
    Ok(())
}

/// What a step's ciphertext is about.
pub(crate) fn about(id: FilingId, step: u32) -> Vec<u8> {
    [id.as_bytes().as_slice(), &step.to_be_bytes()].concat()
}
