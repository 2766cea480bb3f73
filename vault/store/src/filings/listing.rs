//! The query for a page of requests. They are kept for years, so most of them were answered long ago: each page goes along an index of
//! what it asks for, in the order in which requests are due, from where the page before it ended.

use std::sync::LazyLock;

use coffre_core::filing::{FilingAct, REQUESTER};

use super::FilingFilter;

/// The record type of a request as its filer knows it: a stranger's stays one.
static TYPE_FOR_FILERS: LazyLock<String> = LazyLock::new(|| {
    let link = FilingAct::Link;
    format!(
        "CASE WHEN EXISTS (SELECT 1 FROM filing_steps WHERE filing_steps.filing = filings.id AND act = '{link}')
         THEN '{REQUESTER}' ELSE record_type END"
    )
});

/// The query for a page, the first or one after another.
pub(super) fn listing(filter: &FilingFilter, follows: bool) -> String {
    let asked = [
        (filter.kind.is_some(), " AND kind = ?2"),
        (filter.assignee.is_some(), " AND assignee = ?3"),
        (filter.filer.is_some(), " AND filer = ?4"),
        (filter.due_before.is_some(), " AND due_on < ?5"),
        (follows, " AND (due_on, id) > (?6, ?7)"),
    ];
    let asked: String = asked.into_iter().filter_map(|(is_asked, condition)| is_asked.then_some(condition)).collect();
    // The states are of a closed set, written by us: nothing of a caller is in the text of a query.
    let states: Vec<String> = filter.states.iter().map(|state| format!("'{state}'")).collect();
    let states = if states.is_empty() { String::new() } else { format!(" AND state IN ({})", states.join(", ")) };
    let of_type = if filter.filer.is_some() { TYPE_FOR_FILERS.as_str() } else { "record_type" };
    format!(
        "SELECT filing FROM filings INDEXED BY {} WHERE {of_type} = ?1{asked}{states} ORDER BY due_on, id LIMIT ?8",
        index(filter)
    )
}

/// The index by which the fewest requests are come across that are not asked for.
fn index(filter: &FilingFilter) -> &'static str {
    let of_states = !filter.states.is_empty();
    match filter {
        // There are few of them.
        FilingFilter { states, .. } if of_states && states.iter().all(|state| state.is_pending()) => "filings_by_state",
        FilingFilter { assignee: Some(_), .. } => "filings_by_assignee",
        FilingFilter { filer: Some(_), .. } => "filings_by_filer",
        _ if of_states => "filings_by_state",
        _ => "filings_by_type",
    }
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use coffre_core::filing::FilingState;
    use coffre_core::ids::ApplicationId;
    use rusqlite::Connection;

    use super::*;
    use crate::filings::COUNTS;
    use crate::schema;

    fn plan(vault: &Connection, sql: &str) -> Vec<String> {
        let mut explained = vault.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        let (mut rows, mut steps) = (explained.raw_query(), Vec::new());
        while let Some(row) = rows.next().unwrap() {
            steps.push(row.get::<_, String>(3).unwrap());
        }
        steps
    }

    fn vaults() -> [Connection; 2] {
        let [vault, older] = [(), ()].map(|()| Connection::open_in_memory().unwrap());
        vault.execute_batch(schema::VAULT).unwrap();
        older.execute_batch(schema::VAULT).unwrap();
        for index in ["filings_by_state", "filings_by_type", "filings_by_filer", "filings_by_assignee"] {
            older.execute_batch(&format!("DROP INDEX {index}")).unwrap();
        }
        older.execute_batch(schema::LATER).unwrap();
        [vault, older]
    }

    #[test]
    fn what_is_asked_for_is_found_without_going_through_what_was_answered() {
        let any = FilingFilter::default;
        let of = |states: &[FilingState]| FilingFilter { states: states.to_vec(), ..any() };
        let filer = Some(ApplicationId::from_bytes([7; 16]));
        let assignee = Some("a.martin".to_owned());
        let (open, waiting) = (FilingState::Open, FilingState::Waiting);
        for vault in vaults() {
            let counts = plan(&vault, COUNTS);
            assert!(counts[0].starts_with("SEARCH") && counts[0].contains("filings_by_state"), "{counts:?}");
            for (filter, index) in [
                (any(), "filings_by_type"),
                (of(&[open]), "filings_by_state"),
                (of(&[open, waiting]), "filings_by_state"),
                (FilingFilter { filer, ..any() }, "filings_by_filer"),
                (FilingFilter { filer, ..of(&[open]) }, "filings_by_state"),
                (FilingFilter { assignee: assignee.clone(), ..any() }, "filings_by_assignee"),
            ] {
                for follows in [false, true] {
                    let steps = plan(&vault, &listing(&filter, follows));
                    let first = &steps[0];
                    assert!(first.starts_with("SEARCH") && first.contains(index), "{steps:?}");
                    let is_sorted = !steps.iter().any(|step| step.contains("TEMP B-TREE"));
                    // What waits may be looked up in each of two states.
                    assert!(is_sorted || filter.states.len() > 1, "{steps:?}");
                    assert!(first.contains('>') || !follows, "a page begins where the one before ended: {steps:?}");
                }
            }
        }
    }
}
