//! The other systems on this host: whether what reads each is there, and may. Nothing of them is read.

use coffre_backup::other_sources::{Kind, OtherSource};

use super::finding::Finding;
use super::{permissions, tools};

/// Each source, with whom the sensitive ones are encrypted to.
pub(super) fn examine(sources: &[OtherSource], recipient: Option<&str>) -> Vec<Finding> {
    sources.iter().flat_map(|source| of_source(source, recipient)).collect()
}

fn of_source(source: &OtherSource, recipient: Option<&str>) -> Vec<Finding> {
    let subject = format!("source {}", source.name);
    let mut findings = match &source.kind {
        Kind::Command { command } => {
            let program = command.first().map(String::as_str).unwrap_or_default();
            vec![tools::program(&subject, program, "install it, or correct `command` of this source")]
        }
        Kind::Sqlite { database, scratch } => vec![
            tools::program(&subject, "sqlite3", "install it (`apt-get install sqlite3`)"),
            permissions::readable_file(&subject, database),
            permissions::writable_directory(&subject, scratch),
        ],
        Kind::Directory { folder } => vec![permissions::readable_directory(&subject, folder)],
    };
    if source.sensitive && recipient.is_none() {
        let remedy = "set `recovery_recipient` in [backup] to that of the recovery identity";
        findings.push(Finding::bad(&subject, "it is sensitive, and nobody is named that it is encrypted to", remedy));
    }
    findings
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::finding::State;
    use super::*;

    #[test]
    fn what_a_source_needs_is_looked_for_before_the_night() {
        let folder = tempfile::tempdir().unwrap();
        let of = |kind, sensitive| {
            let source = OtherSource { name: "sales".to_owned(), kind, sensitive, objective_seconds: 1 };
            let found = examine(&[source], None);
            assert!(found.iter().all(|finding| finding.subject == "source sales"), "{found:?}");
            found.into_iter().map(|finding| finding.state).collect::<Vec<_>>()
        };
        let command = |program: &str| Kind::Command { command: vec![program.to_owned()] };
        assert_eq!(of(command("true"), false), [State::Good]);
        assert_eq!(of(command("no-such-program-here"), false), [State::Bad]);
        assert_eq!(of(command("true"), true), [State::Good, State::Bad], "encrypted to nobody");
        let directory = |name: &str| Kind::Directory { folder: folder.path().join(name) };
        assert_eq!(of(directory("."), false), [State::Good]);
        assert_eq!(of(directory("gone"), false), [State::Bad]);
        let database = folder.path().join("clients.sqlite");
        let sqlite = || Kind::Sqlite { database: database.clone(), scratch: folder.path().to_owned() };
        assert_eq!(of(sqlite(), false).get(1..), Some([State::Bad, State::Good].as_slice()), "no database");
        std::fs::write(&database, "").unwrap();
        assert_eq!(of(sqlite(), false).get(1..), Some([State::Good, State::Good].as_slice()));
    }
}
