//! The access history while `index.db` is built anew: refused, and then all of it, whether it had been in the file, in
//! memory, or in neither.

use super::*;
use crate::ReadError;

fn read(bench: &mut Bench, subject: SubjectId) -> u64 {
    let (job, pending) = reading(read_entry(subject));
    bench.writer.commit(Vec::new(), vec![job]);
    pending.wait().unwrap().index()
}

fn history(bench: &Bench, subject: SubjectId) -> Result<Vec<u64>, ReadError> {
    Ok(bench.snapshot().accesses(subject, None, 1_000)?.iter().map(|entry| entry.index).collect())
}

#[test]
fn an_index_built_anew_shows_every_access() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    let mut all: Vec<u64> = history(&bench, subject).unwrap();
    all.extend((0..250).map(|_| read(&mut bench, subject)));
    bench.writer.write_rest_of_history();
    all.extend((0..50).map(|_| read(&mut bench, subject)));
    let newest_first = |all: &[u64]| all.iter().rev().copied().collect::<Vec<_>>();
    assert_eq!(history(&bench, subject).unwrap(), newest_first(&all), "some in the file, some in memory");

    bench.shared.index.condemn();
    all.push(read(&mut bench, subject));
    let mut steps = 0;
    while bench.writer.heal() {
        assert!(steps < 100, "it never ends while there are reads");
        assert!(matches!(history(&bench, subject), Err(ReadError::Unavailable(Unavailable::Index))), "not the half");
        all.push(read(&mut bench, subject));
        steps += 1;
    }
    assert!(steps > 1, "{steps} steps: it is built between groups");
    assert_eq!(history(&bench, subject).unwrap(), newest_first(&all), "built anew");
    all.push(read(&mut bench, subject));
    assert_eq!(history(&bench, subject).unwrap(), newest_first(&all), "and what came after");

    drop(bench); // as a crash: what is in memory is lost
    assert_eq!(history(&Bench::open(dir.path()), subject).unwrap(), newest_first(&all), "opened again");
}

#[test]
fn an_index_of_another_version_is_made_anew() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let subject = bench.create(1);
    bench.connection(Database::Index).pragma_update(None, "user_version", crate::schema::INDEX_VERSION - 1).unwrap();
    drop(bench);
    let bench = Bench::open(dir.path());
    assert!(bench.shared.index.age() > 0, "the file of the former version is still there");
    assert!(bench.holds(subject, 1));
    assert_eq!(history(&bench, subject).unwrap().len(), 1);
}
