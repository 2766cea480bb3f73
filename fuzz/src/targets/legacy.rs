//! What other programs wrote: a legacy database, restic's answers.

use std::fs;
use std::path::PathBuf;
use std::sync::LazyLock;

use coffre_backup::restic::Version;
use coffre_backup::restic::messages::{
    ForgetGroup, Lock, Node, Snapshot, Stats, parse_document, parse_line, parse_node,
};
use coffre_store::plain::{PlainReader, inspect};

use super::text;

/// What restic prints is understood or passed over.
pub fn restic(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for line in text.lines().take(64) {
        let _ = (parse_line(line), parse_node(line));
    }
    let _ = parse_document::<Vec<Snapshot>>(text);
    let _ = parse_document::<Vec<ForgetGroup>>(text);
    let _ = parse_document::<Lock>(text);
    let _ = parse_document::<Stats>(text);
    let _ = parse_document::<Node>(text);
    let _ = Version::parse(text);
}

/// One file for each process, in memory where the system has such a folder.
static FILE: LazyLock<PathBuf> = LazyLock::new(|| {
    let memory = PathBuf::from("/dev/shm");
    let folder = if memory.is_dir() { memory } else { std::env::temp_dir() };
    folder.join(format!("coffre-fuzz-{}.db", std::process::id()))
});

/// A file that calls itself a database is read as far as it goes; its rows come in the order of their key.
pub fn legacy(data: &[u8]) {
    fs::write(&*FILE, data).expect("the fuzzer's own file");
    let _ = inspect(&FILE);
    if let Ok(reader) = PlainReader::open(&FILE)
        && let Ok(table) = reader.table("clients", "num_client", &["nom"], &[])
    {
        let _ = reader.count(&table);
        if let Ok(order) = reader.key_order(&[&table]) {
            for row in reader.rows(&table, order).take(100) {
                if row.is_err() {
                    break;
                }
            }
        }
    }
    let _ = fs::remove_file(&*FILE);
}
