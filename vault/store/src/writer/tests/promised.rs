//! The order of the promise: the entry on disk first, then the answer. Commits of the log are made slow here, so that an
//! answer that does not wait for one is seen to come before it. That a commit is synced: `settings`.

use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use super::*;

/// How long a commit of the log takes to be reported.
const SLOW: Duration = Duration::from_millis(20);

/// Says when a commit of the log is in its write-ahead log and synced, which is when `SQLite` calls the hook, and not
/// before some time has passed.
fn slowly(bench: &mut Bench) -> Arc<AtomicBool> {
    let durable = Arc::new(AtomicBool::new(false));
    let reported = Arc::clone(&durable);
    let audit = &mut bench.writer.files.as_mut().unwrap().audit;
    audit
        .wal_hook(Some(move |_: &mut rusqlite::hooks::Wal, _pages: std::ffi::c_int| {
            std::thread::sleep(SLOW);
            reported.store(true, Ordering::SeqCst);
            Ok(())
        }))
        .unwrap();
    durable
}

#[test]
fn no_reading_and_no_change_is_answered_before_its_entry_is_durable() {
    let folder = tempfile::tempdir().unwrap();
    make(folder.path());
    let mut bench = Bench::open(folder.path());
    let subject = bench.create(1);
    let durable = slowly(&mut bench);
    let (sender, answers) = mpsc::channel();
    let answered = |durable: &Arc<AtomicBool>, what: &'static str| {
        let (durable, sender) = (Arc::clone(durable), sender.clone());
        move |committed: bool| sender.send((what, committed, durable.load(Ordering::SeqCst))).unwrap()
    };
    let (reading, changing) = (answered(&durable, "reading"), answered(&durable, "change"));
    let read = Message::read_then(read_entry(subject), Answer::new(move |done| reading(done.is_ok())));
    let give = GiveGrant { record_type: kind(), subject, terms: consent() };
    let done = Answer::new(move |done: Result<_, CommitError<_>>| changing(done.is_ok()));
    let write = Message::write_then(give, draft(Action::GiveGrant), None, Depends::default(), done);
    let (Message::Read(read), Message::Write(write)) = (read, write) else { unreachable!("one of each") };
    // The writer's own thread is this one: whatever is answered has been answered when this returns.
    bench.writer.commit(vec![write], vec![*read]);
    let mut seen: Vec<_> = answers.try_iter().collect();
    seen.sort_unstable();
    assert_eq!(seen, [("change", true, true), ("reading", true, true)], "what, whether committed, whether durable");
}

#[test]
fn an_answer_that_nobody_gives_says_that_the_vault_stops() {
    let (sender, answers) = mpsc::channel();
    let message = Message::read_then(read_entry(new_subject().id), Answer::new(move |done| sender.send(done).unwrap()));
    drop(message);
    assert!(matches!(answers.recv().unwrap(), Err(CommitError::Unavailable(Unavailable::Stopping))));
}
