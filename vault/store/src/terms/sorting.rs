//! Bringing gathered tags to their places: what differs is found in the order of the data subjects, changed in the order of the tags, and
//! written down in the order of the data subjects again. Only then do the gathered rows go; until then all of it can be done again.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::vec::IntoIter;

use coffre_core::ids::SubjectId;
use rusqlite::{Connection, OptionalExtension as _, params};

use super::gathered::ToSort;
use super::{Tag, from_bytes};

/// How far a sorting has come.
#[derive(Default)]
pub(super) struct Sorting {
    step: Step,
    /// Who has gone since it began.
    gone: BTreeSet<SubjectId>,
}

#[derive(Default)]
enum Step {
    #[default]
    Idle,
    /// What differs from the tables; `at` is who is looked at next.
    Compare {
        batch: Batch,
        at: usize,
        differences: Vec<Difference>,
    },
    Change {
        batch: Batch,
        left: IntoIter<Difference>,
    },
    WriteDown {
        left: IntoIter<ToSort>,
        until: i64,
    },
}

struct Batch {
    subjects: Vec<ToSort>,
    /// The last gathered row of theirs.
    until: i64,
}

/// A row of `terms` that comes or goes.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Difference {
    tag: Tag,
    subject: SubjectId,
    comes: bool,
}

impl Sorting {
    /// Of these, in order of the data subjects, whose gathered rows end here.
    pub(super) fn begin(subjects: Vec<ToSort>, until: i64) -> Self {
        let step = Step::Compare { batch: Batch { subjects, until }, at: 0, differences: Vec::new() };
        Self { step, gone: BTreeSet::new() }
    }

    pub(super) const fn is_idle(&self) -> bool {
        matches!(self.step, Step::Idle)
    }

    /// Of these nothing is brought to any place any more.
    pub(super) fn leave_out(&mut self, gone: &BTreeSet<SubjectId>) {
        if !self.is_idle() {
            self.gone.extend(gone);
        }
    }

    /// Does so many rows; says whether it has come to its end with that.
    pub(super) fn go_on(&mut self, index: &Connection, mut rows: usize) -> rusqlite::Result<bool> {
        while rows > 0 && !self.is_idle() {
            let gone = &self.gone;
            self.step = match std::mem::take(&mut self.step) {
                Step::Idle => Step::Idle,
                Step::Compare { batch, mut at, mut differences } => {
                    for who in batch.subjects.iter().skip(at).take(rows) {
                        compare(index, who, &mut differences)?;
                        at += 1;
                        rows -= 1;
                    }
                    if at < batch.subjects.len() {
                        Step::Compare { batch, at, differences }
                    } else {
                        differences.sort_unstable();
                        Step::Change { batch, left: differences.into_iter() }
                    }
                }
                Step::Change { batch, mut left } => {
                    for Difference { tag, subject, comes } in left.by_ref().take(rows) {
                        rows -= 1;
                        match comes {
                            _ if gone.contains(&subject) => {}
                            true => add(index, tag, subject)?,
                            false => remove(index, tag, subject)?,
                        }
                    }
                    if left.len() > 0 {
                        Step::Change { batch, left }
                    } else {
                        Step::WriteDown { left: batch.subjects.into_iter(), until: batch.until }
                    }
                }
                Step::WriteDown { mut left, until } => {
                    for who in left.by_ref().take(rows).filter(|who| !gone.contains(&who.subject)) {
                        write_down(index, &who)?;
                    }
                    rows = 0;
                    if left.len() > 0 {
                        Step::WriteDown { left, until }
                    } else {
                        index.prepare_cached("DELETE FROM gathered WHERE position <= ?1")?.execute([until])?;
                        self.gone.clear();
                        return Ok(true);
                    }
                }
            };
        }
        Ok(false)
    }
}

fn compare(index: &Connection, who: &ToSort, differences: &mut Vec<Difference>) -> rusqlite::Result<()> {
    let ToSort { subject, tags, former } = who;
    let known = tags_of(index, *subject)?;
    let goes = known.iter().chain(former).filter(|tag| !tags.contains(tag));
    differences.extend(goes.map(|tag| Difference { tag: *tag, subject: *subject, comes: false }));
    // A sorting that was interrupted may also have taken away what it was told to, and is to be there again.
    let comes = tags.iter().filter(|tag| !known.contains(tag) || !former.is_empty());
    differences.extend(comes.map(|tag| Difference { tag: *tag, subject: *subject, comes: true }));
    Ok(())
}

/// The tags that the tables have of a data subject.
pub(super) fn tags_of(index: &Connection, subject: SubjectId) -> rusqlite::Result<Arc<[Tag]>> {
    let mut statement = index.prepare_cached("SELECT tags FROM tagged WHERE subject = ?1")?;
    let tags = statement.query_row([subject.as_bytes()], |row| Ok(from_bytes(row.get_ref(0)?.as_blob()?)));
    Ok(tags.optional()?.unwrap_or_default())
}

fn add(index: &Connection, tag: Tag, subject: SubjectId) -> rusqlite::Result<()> {
    let mut add = index.prepare_cached("INSERT OR IGNORE INTO terms (tag, subject) VALUES (?1, ?2)")?;
    add.execute(params![tag, subject.as_bytes()]).map(drop)
}

pub(super) fn remove(index: &Connection, tag: Tag, subject: SubjectId) -> rusqlite::Result<()> {
    let mut remove = index.prepare_cached("DELETE FROM terms WHERE tag = ?1 AND subject = ?2")?;
    remove.execute(params![tag, subject.as_bytes()]).map(drop)
}

fn write_down(index: &Connection, ToSort { subject, tags, .. }: &ToSort) -> rusqlite::Result<()> {
    let mut write = index.prepare_cached("INSERT OR REPLACE INTO tagged (subject, tags) VALUES (?1, ?2)")?;
    write.execute(params![subject.as_bytes(), tags.concat()]).map(drop)
}
