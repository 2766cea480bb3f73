//! A SQLite database in use.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::*;

fn sqlite(database: &Path, script: &str) -> String {
    let output = Command::new("sqlite3").arg("-bail").arg(database).arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

/// Ends with the test.
struct Open(Child);

impl Drop for Open {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn legal(host: &Host) -> OtherSource {
    source("legal", Kind::Sqlite { database: host.path("legal.sqlite"), scratch: host.path("scratch") })
}

#[test]
fn a_database_is_copied_with_what_is_only_in_its_log_while_it_is_open() {
    let host = Host::with_installed();
    let database = host.path("legal.sqlite");
    sqlite(&database, "PRAGMA journal_mode=WAL; CREATE TABLE clients(name); INSERT INTO clients VALUES ('anne');");
    // Another process has it open, and what it adds stays in the write-ahead log.
    let mut open =
        Open(Command::new("sqlite3").arg(&database).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap());
    let script = b"PRAGMA wal_autocheckpoint=0; INSERT INTO clients VALUES ('berthe'); SELECT 'done';\n";
    std::io::Write::write_all(open.0.stdin.as_mut().unwrap(), script).unwrap();
    let mut said = std::io::BufReader::new(open.0.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("done") {
        line.clear();
        assert!(std::io::BufRead::read_line(&mut said, &mut line).unwrap() > 0);
    }
    assert!(fs::metadata(host.path("legal.sqlite-wal")).unwrap().len() > 0);

    let source = legal(&host);
    host.run(&source).unwrap();
    assert_eq!(fs::read_dir(host.path("scratch")).unwrap().count(), 0, "no copy in clear is left");
    drop(open);
    let restored = host.restore(&source, "restored").join("database.sqlite");
    assert_eq!(sqlite(&restored, "SELECT group_concat(name) FROM clients;"), "anne,berthe\n");
}

#[test]
fn a_copy_in_clear_that_a_killed_run_left_is_gone_after_the_next() {
    let host = Host::with_installed();
    sqlite(&host.path("legal.sqlite"), "CREATE TABLE clients(name);");
    let left = host.path("scratch/coffre-source-legal");
    fs::create_dir(&left).unwrap();
    fs::set_permissions(&left, fs::Permissions::from_mode(0o700)).unwrap();
    fs::write(left.join("copy"), "half of a database").unwrap();
    host.run(&legal(&host)).unwrap();
    assert_eq!(fs::read_dir(host.path("scratch")).unwrap().count(), 0);
}

#[test]
fn a_damaged_database_is_no_backup() {
    let host = Host::with_installed();
    let database = host.path("legal.sqlite");
    let rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 5000) INSERT INTO clients SELECT 'client ' || i FROM n;";
    sqlite(&database, &format!("CREATE TABLE clients(name); CREATE INDEX by_name ON clients(name); {rows}"));
    let mut bytes = fs::read(&database).unwrap();
    // A row that its index no longer finds: every page is well-formed.
    let at = bytes.windows(11).position(|window| window == b"client 2500").unwrap();
    bytes[at] = b'X';
    fs::write(&database, bytes).unwrap();
    let (ending, said) = ending(host.run(&legal(&host)));
    assert_eq!(ending, Ending::Tampering, "{said}");
    assert_eq!(fs::read_dir(host.path("scratch")).unwrap().count(), 0);
    assert_eq!(host.snapshots(&legal(&host)), 0);
}

#[test]
fn a_database_that_is_not_there_is_not_made() {
    let host = Host::with_installed();
    let (ending, said) = ending(host.run(&legal(&host)));
    assert_eq!(ending, Ending::Temporary, "{said}");
    assert!(!host.path("legal.sqlite").exists());
}
