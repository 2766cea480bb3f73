//! Rows per second of an import, each record with its documents and entries and read back, beside the insertion of the
//! same rows into an empty SQLCipher database, in one transaction and nothing else.

use std::time::Instant;

use anyhow::Context as _;
use rusqlite::Connection;

use super::Figure;
use crate::arguments::Arguments;
use crate::report::{Row, say};
use crate::vault::{Bench, Imported};

pub(super) const FIGURE: Figure =
    Figure { name: "import", about: "the demonstration's legacy database, copies of contracts included", measure };

fn measure(bench: &mut Bench, _arguments: &Arguments) -> anyhow::Result<Vec<Row>> {
    let Some(Imported { rows, seconds, .. }) = bench.imported else {
        say("  skipped: the vault was kept from another run")?;
        return Ok(Vec::new());
    };
    let (raw_rows, raw_seconds) = raw(bench)?;
    let per_second = |rows: u64, seconds: f64| f64::from(u32::try_from(rows).unwrap_or(u32::MAX)) / seconds;
    Ok(vec![Row {
        what: format!("{rows} rows"),
        unit: "rows/s",
        coffre: per_second(rows, seconds),
        baseline_is: "raw SQLCipher inserts",
        baseline: per_second(raw_rows, raw_seconds),
        less_is_better: false,
    }])
}

fn raw(bench: &Bench) -> anyhow::Result<(u64, f64)> {
    let file = bench.place.at("raw.db");
    let connection = Connection::open(&file)?;
    connection.execute_batch(&format!("PRAGMA key = \"x'{}'\"; PRAGMA journal_mode = WAL;", "42".repeat(32)))?;
    let legacy = bench.legacy();
    connection.execute("ATTACH ?1 AS legacy KEY ''", [legacy.to_str().context("a path that is not text")?])?;
    let tables: Vec<(String, String)> = connection
        .prepare("SELECT name, sql FROM legacy.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    let begun = Instant::now();
    connection.execute_batch("BEGIN")?;
    let mut rows = 0;
    for (name, sql) in tables {
        connection.execute_batch(&sql)?;
        rows += connection.execute(&format!("INSERT INTO main.{name} SELECT * FROM legacy.{name}"), [])?;
    }
    connection.execute_batch("COMMIT")?;
    Ok((rows as u64, begun.elapsed().as_secs_f64()))
}
