//! Groups broken at every COMMIT in two ways: not persisted, and persisted but reported failed. Nobody
//! was answered, so either is right, as long as a write and its entry stay together and what was
//! acknowledged before and after is there.

use super::*;

/// How a COMMIT goes wrong.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Fate {
    NotPersisted,
    ReportedFailed,
}

/// Breaks a connection's next COMMIT, or one after it.
pub(super) fn break_commit(connection: &mut Connection, fate: Fate, nth: u32) {
    let mut left = nth;
    let mut is_it = move || {
        left = left.saturating_sub(1);
        left == 0
    };
    match fate {
        Fate::NotPersisted => connection.commit_hook(Some(is_it)).unwrap(),
        Fate::ReportedFailed => {
            let failed =
                || rusqlite::Error::SqliteFailure(rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR), None);
            let hook = move |_: &mut rusqlite::hooks::Wal, _| if is_it() { Err(failed()) } else { Ok(()) };
            connection.wal_hook(Some(hook)).unwrap();
        }
    }
}

#[test]
fn a_group_broken_at_any_commit_is_whole_or_not_there() {
    for database in [Database::Keyring, Database::Vault, Database::Audit] {
        for fate in [Fate::NotPersisted, Fate::ReportedFailed] {
            break_a_group(database, fate);
        }
    }
}

fn break_a_group(database: Database, fate: Fate) {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let before = bench.create(1);

    let files = bench.writer.files.as_mut().unwrap();
    let broken = match database {
        Database::Keyring => &mut files.keyring,
        Database::Vault => &mut files.vault,
        Database::Audit | Database::Index => &mut files.audit,
    };
    break_commit(broken, fate, 1);
    let new = new_subject();
    let during = new.id;
    let (create, created) = job(record(new, 2), Action::Create);
    let give = GiveGrant { record_type: kind(), subject: during, terms: consent() };
    let (give, given) = job(give, Action::GiveGrant);
    let (read, receipt) = reading(read_entry(before));
    bench.writer.commit(vec![create, give], vec![read]);
    assert!(matches!(created.wait(), Err(CommitError::Unavailable(_))), "{database:?} {fate:?}");
    assert!(matches!(given.wait(), Err(CommitError::Unavailable(_))), "{database:?} {fate:?}");
    assert!(matches!(receipt.wait(), Err(CommitError::Unavailable(_))), "{database:?} {fate:?}");
    assert!(bench.shared.trouble().is_some());

    let after = bench.create(3);
    assert!(bench.shared.trouble().is_none());
    // Committed with its entries as pending: from there on the group goes through.
    let committed = database == Database::Audit || (database, fate) == (Database::Vault, Fate::ReportedFailed);
    let check = |bench: &Bench| {
        assert!(bench.holds(before, 1) && bench.holds(after, 3), "{database:?} {fate:?}");
        assert_eq!(bench.holds(during, 2), committed, "{database:?} {fate:?}");
        let reads = bench.entries().iter().filter(|entry| entry.what.action == Action::Read).count();
        let logged = (database, fate) == (Database::Audit, Fate::ReportedFailed);
        assert_eq!(reads, usize::from(logged), "the entry of a read that was refused: {database:?} {fate:?}");
    };
    check(&bench);
    drop(bench);
    check(&Bench::open(dir.path()));
}

#[test]
fn a_withdrawal_reported_failed_binds_the_decisions_in_flight() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let give = GiveGrant { record_type: kind(), subject, terms: consent() };
    let grant = bench.commit(give, Action::GiveGrant).unwrap().0.id;
    // A decision made while the withdrawal is half committed: it saw the consent in force.
    let point = Arc::new(AtomicU64::new(0));
    let (seen, shared) = (Arc::clone(&point), Arc::clone(&bench.shared));
    let look = move || {
        seen.store(shared.access.point(), Ordering::SeqCst);
        true
    };
    bench.writer.files.as_mut().unwrap().audit.commit_hook(Some(look)).unwrap();
    bench.commit(WithdrawGrant { grant }, Action::WithdrawGrant).unwrap_err();
    assert!(point.load(Ordering::SeqCst) > 0);

    let access_point = point.load(Ordering::SeqCst);
    let depends = Depends { access_point, subjects: vec![subject], ..Depends::default() };
    let (read, receipt) = reading(Disclosure { depends, ..read_entry(subject) });
    bench.writer.commit(Vec::new(), vec![read]);
    assert!(matches!(receipt.wait(), Err(CommitError::Moved)), "a read rested on a withdrawn consent");
    let actions: Vec<Action> = bench.entries().iter().map(|entry| entry.what.action).collect();
    assert_eq!(actions.last(), Some(&Action::WithdrawGrant), "the withdrawal was committed after all");
}

/// A COMMIT whose fsync fails leaves frames in the log that count for nobody, until a crash makes the
/// log be read anew: then they would be a write without an entry.
#[test]
fn the_frames_of_a_failed_commit_do_not_come_back() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let before = bench.create(1);
    let path = |folder: &str, file: &str| dir.path().join(folder).join("vault").join(file);

    // What the failed group would have written, as a twin of the vault writes it.
    std::fs::create_dir(dir.path().join("twin")).unwrap();
    copy_vault(&dir.path().join("vault"), &dir.path().join("twin"));
    let lost = Bench::open(&dir.path().join("twin")).create(2);

    bench.writer.files.as_mut().unwrap().keyring.commit_hook(Some(|| true)).unwrap();
    bench.commit(record(new_subject(), 2), Action::Create).unwrap_err();
    for log in ["keyring.db-wal", "vault.db-wal"] {
        let (own, frames) = (std::fs::read(path("", log)).unwrap(), std::fs::read(path("twin", log)).unwrap());
        assert!(frames.starts_with(&own) && frames.len() > own.len(), "the twin went on where its sibling stopped");
        std::fs::write(path("", log), frames).unwrap();
    }
    assert!(bench.snapshot().record(&kind(), lost).unwrap().is_none(), "nobody sees them");
    let (read, receipt) = reading(read_entry(before));
    bench.writer.commit(Vec::new(), vec![read]);
    receipt.wait().unwrap();

    std::fs::create_dir(dir.path().join("crashed")).unwrap();
    copy_vault(&dir.path().join("vault"), &dir.path().join("crashed"));
    let crashed = Bench::open(&dir.path().join("crashed"));
    assert!(!crashed.holds(lost, 2), "a refused write came back");
    assert!(crashed.holds(before, 1));
}

#[test]
fn an_index_that_missed_a_group_is_brought_up_to_date() {
    for fate in [Fate::NotPersisted, Fate::ReportedFailed] {
        let dir = tempfile::tempdir().unwrap();
        make(dir.path());
        let mut bench = Bench::open(dir.path());
        break_commit(&mut bench.writer.files.as_mut().unwrap().index, fate, 1);
        let missed = bench.create(1); // it is committed: that its index rows are not is made good later
        let next = bench.create(2);
        assert!(bench.holds(missed, 1) && bench.holds(next, 2), "{fate:?}");
        let accesses = bench.snapshot().accesses(missed, None, 10).unwrap();
        assert_eq!(accesses.len(), 1, "{fate:?}: who has seen this person");
        drop(bench);
        assert!(Bench::open(dir.path()).holds(missed, 1), "{fate:?}");
    }
}

/// A refused write must not make the vault forget which entries its last commit was about.
#[test]
fn what_is_pending_stays_until_the_next_write() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    bench.create(1);
    let pending = |bench: &Bench| {
        let sql = "SELECT count(*) FROM pending";
        bench.connection(Database::Vault).query_row(sql, [], |row| row.get::<_, u64>(0)).unwrap()
    };
    assert_eq!(pending(&bench), 1);
    let nobody = WithdrawGrant { grant: coffre_core::ids::GrantId::random(&mut SystemEntropy) };
    let (withdraw, refused) = job(nobody, Action::WithdrawGrant);
    let (read, receipt) = reading(read_entry(SubjectId::random(&mut SystemEntropy)));
    bench.writer.commit(vec![withdraw], vec![read]);
    assert!(matches!(refused.wait(), Err(CommitError::Refused(_))));
    receipt.wait().unwrap();
    assert_eq!(pending(&bench), 1);
}

/// What is committed from then on would be in a file that has no name.
#[test]
fn a_database_file_that_was_replaced_stops_the_vault() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let first = bench.create(1);
    let (file, aside) = (bench.shared.layout.database(Database::Keyring), dir.path().join("aside"));
    std::fs::rename(&file, &aside).unwrap();
    copy_vault(&aside, &file);
    let refused = bench.commit(record(new_subject(), 2), Action::Create).unwrap_err();
    let replaced = Unavailable::Replaced { file: "keyring.db" };
    assert!(matches!(&refused, CommitError::Unavailable(cause) if *cause == replaced), "{refused}");
    assert_eq!(bench.shared.trouble(), Some(replaced));
    std::fs::rename(&aside, &file).unwrap();
    let second = bench.create(2);
    assert!(bench.holds(first, 1) && bench.holds(second, 2));
}
