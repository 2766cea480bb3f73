//! A Microsoft Access database in a shared folder, read by mdbtools after it came back.

use std::path::Path;
use std::process::Command;

use coffre_backup::other_sources::Trouble;

use super::*;

const GUILD: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/sources/fixtures/guild.mdb");

/// The rows of its table, as a program reads them that nobody here wrote.
fn rows(database: &Path) -> String {
    let output = Command::new("mdb-export").arg(database).arg("merchant_taylors").output();
    let output = output.unwrap_or_else(|error| panic!("mdb-export (Debian: mdbtools) does not run: {error}"));
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn a_database_of_access_is_read_after_its_restore() {
    let host = Host::with_installed();
    fs::create_dir(host.path("shared")).unwrap();
    fs::copy(GUILD, host.path("shared/guild.mdb")).unwrap();
    // Somebody has it open, and does not change it.
    fs::write(host.path("shared/guild.ldb"), "").unwrap();
    let shared = source("shared", Kind::Directory { folder: host.path("shared") });
    let done = host.run(&shared).unwrap();
    assert_eq!(done.contents.troubles, [("guild.mdb".to_owned(), Trouble::Open)]);
    let restored = host.restore(&shared, "restored").join("guild.mdb");
    let before = rows(Path::new(GUILD));
    assert!(before.lines().count() > 100 && before.contains("\"Aaron\",\"William\""), "{before:.200}");
    assert_eq!(rows(&restored), before);
}
