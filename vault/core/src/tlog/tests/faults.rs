//! What the faults say: what is wrong, where, and what to do.

use super::*;

fn path() -> TilePath {
    TilePath::at(TileKind::Hashes { level: 0 }, 1, 300).unwrap()
}

#[test]
fn faults_say_what_where_and_what_to_do() {
    let faults = [
        LogFault::Changed { index: 7 },
        LogFault::Missing { index: 7 },
        LogFault::Inserted { index: 7 },
        LogFault::Reordered { index: 7, found_index: 9 },
        LogFault::Truncated { have: 7, signed: 9 },
        LogFault::Bundle { path: TilePath::at(TileKind::Entries, 1, 300).unwrap(), index: 257 },
        LogFault::HashTile { path: path() },
        LogFault::Root { from: 256, to: 300 },
        LogFault::StaleHead { have: 9, signed: 7 },
        LogFault::NoHead,
        LogFault::NotAnExtension(NotAnExtension::Rollback { size: 7, known: 9 }),
        LogFault::NotAnExtension(NotAnExtension::Fork { known: 9 }),
        LogFault::NotAnExtension(NotAnExtension::OtherLog { origin: "a".into(), known: "b".into() }),
        LogFault::Read { what: "tile/0/000".into(), source: "no disk".into() },
    ];
    let texts: Vec<_> = faults.iter().map(ToString::to_string).collect();
    insta::assert_snapshot!(texts.join("\n"), @r"
    entry 7 was changed: it does not hash to its leaf in the tree; keep this log as evidence and take the entry from another copy
    entry 7 is missing; keep this log as evidence and take the entry from another copy
    an entry that was never logged stands at 7, before the one that belongs there; keep this log as evidence and go on with another copy
    entries were reordered: at 7 stands entry 9; keep this log as evidence and go on with another copy
    the log was cut: it holds 7 entries and its head signs 9; keep it as evidence and take the rest from another copy
    the bundle tile/entries/001.p/44 is malformed from entry 257 on; take this file from another copy
    the hash tile tile/0/001.p/44 is missing, cut or changed: it does not fit the signed tree; take this file from another copy
    the tree root does not match the signed head: among the entries 256 to 299 some were changed together with their hashes; keep this log as evidence and go on with another copy
    the copy holds 9 entries and its head signs 7 of them: an older head was put in; take the newest head from another copy
    the copy has no file `checkpoint`; it is unfinished or is no copy of a log: export the log again
    the log went back: it has 7 entries and had 9 when the known head was signed; keep both heads as evidence and take the newer log
    the log was forked: its first 9 entries are not those that the known head signed; keep both heads as evidence, one of the two logs was rewritten
    the log a does not go on from the known head of b; unless a restore gave up part of the log, which the first entry of its generation then says, one of the two was rewritten: keep both heads as evidence
    tile/0/000 could not be read; verify again when the cause is gone
    ");
}
