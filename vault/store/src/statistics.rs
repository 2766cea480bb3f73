//! Counts of the vault. Rows are looked at a part at a time, each in a view of its own: a view is short, whatever the vault's size.

use coffre_core::day::Day;
use rusqlite::{OptionalExtension as _, params};

use crate::error::ReadError;
use crate::model::Statistics;
use crate::snapshot::Snapshot;
use crate::store::Store;

/// So many rows of a table are counted in one view. Tests count by few.
const WINDOW: u32 = if cfg!(test) { 3 } else { 10_000 };

/// How far counting the rows of a table with a column `subject` has come.
struct Count {
    table: &'static str,
    rows: u64,
    /// The last data subject whose rows are counted; none when all are.
    after: Option<Vec<u8>>,
}

impl Count {
    const fn of(table: &'static str) -> Self {
        Self { table, rows: 0, after: Some(Vec::new()) }
    }
}

impl Store {
    /// Counts. Those of a large vault are not all of the same moment.
    pub fn statistics(&self) -> Result<Statistics, ReadError> {
        let (mut records, mut documents) = (Count::of("records"), Count::of("documents"));
        loop {
            let snapshot = self.snapshot()?;
            snapshot.count_some(&mut records)?;
            snapshot.count_some(&mut documents)?;
            if records.after.is_none() && documents.after.is_none() {
                return snapshot.beside(records.rows, documents.rows);
            }
        }
    }

    /// The same with all of it as it is now but the numbers of records and documents, which take the longer to count the more there are.
    pub fn statistics_beside(&self, counted: &Statistics) -> Result<Statistics, ReadError> {
        self.snapshot()?.beside(counted.records, counted.documents)
    }
}

impl Snapshot<'_> {
    fn beside(&self, records: u64, documents: u64) -> Result<Statistics, ReadError> {
        let shared = self.shared();
        Ok(Statistics {
            records,
            documents,
            entries: shared.head().size,
            wal_bytes: shared.wal_bytes(),
            requests: self.filing_counts(Day::of(shared.now()))?,
            approvals: self.approval_counts()?,
        })
    }

    /// Counts the rows of the next data subjects.
    fn count_some(&self, count: &mut Count) -> Result<(), ReadError> {
        let Some(after) = count.after.take() else { return Ok(()) };
        let table = count.table;
        let last = format!("SELECT subject FROM {table} WHERE subject > ?1 ORDER BY subject LIMIT 1 OFFSET ?2");
        let rows = format!("SELECT count(*) FROM {table} WHERE subject > ?1 AND subject <= ?2");
        self.ask(|reader| {
            let mut last = reader.vault.prepare_cached(&last)?;
            let last: Option<Vec<u8>> = last.query_row(params![after, WINDOW], |row| row.get(0)).optional()?;
            // Longer than any identifier.
            let until = last.clone().unwrap_or_else(|| vec![u8::MAX; 17]);
            let mut rows = reader.vault.prepare_cached(&rows)?;
            count.rows += rows.query_row(params![after, until], |row| row.get::<_, u64>(0))?;
            count.after = last;
            Ok(())
        })
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use coffre_core::audit::{Action, Decision, Draft};
    use coffre_core::ids::RequestId;
    use coffre_core::record::{Fields, RecordTypeName};

    use super::*;
    use crate::clock::{SystemClock, SystemEntropy};
    use crate::disclosure::Depends;
    use crate::identity::Identity;
    use crate::init::{InitPlan, init};
    use crate::layout::Layout;
    use crate::open::OpenOptions;
    use crate::transactions::{AddDocument, CreateRecord, Transaction};

    fn done<T: Transaction>(store: &Store, transaction: T, action: Action) -> T::Output {
        let draft = Draft::new(action, Decision::Allow, RequestId::random(&mut SystemEntropy));
        store.transact(transaction, draft, None, Depends::default()).wait().unwrap().0
    }

    #[test]
    fn all_are_counted_once_however_many_views_it_takes() {
        let folder = tempfile::tempdir().unwrap();
        let (vault, recovery_identity_file) = (folder.path().join("vault"), folder.path().join("recovery"));
        let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
        init(&vault, &plan, &SystemClock, &mut SystemEntropy).unwrap();
        let identity = Identity::read(&Layout::new(&vault).server_identity()).unwrap();
        let options = OpenOptions { indexes: vec![], clock: Arc::new(SystemClock), readers: 1 };
        let store = Store::open(&vault, &identity, &options).unwrap();
        let kind: RecordTypeName = "policyholder".parse().unwrap();
        let (mut records, mut documents) = (0, 0);
        // Of one more than a view counts, and of none.
        for count in [0, 1, 2 * WINDOW, 0, 1, 1, 0, 1, WINDOW + 1, 2] {
            let (subject, fields) = (store.new_subject(), Fields::default());
            let record = CreateRecord { record_type: kind.clone(), subject, fields };
            let subject = done(&store, record, Action::Create);
            records += 1;
            for _ in 0..count {
                let staged = store.stage_document(&kind, subject, None, "a.pdf", "application/pdf").unwrap();
                let staged = staged.finish().unwrap().into();
                done(&store, AddDocument { record_type: kind.clone(), staged }, Action::UploadDocument);
                documents += 1;
            }
            let counted = store.statistics().unwrap();
            assert_eq!((counted.records, counted.documents), (records, documents));
            assert_eq!(store.statistics_beside(&Statistics { entries: 0, ..counted }).unwrap(), counted);
        }
    }
}
