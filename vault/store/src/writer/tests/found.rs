//! Records are found by what they say now, whatever a crash left of `index.db` and however it is built anew.
#![expect(clippy::indexing_slicing, reason = "tests")]

use std::collections::BTreeMap;
use std::fs;

use super::killed::{Dice, Left, crash, index_files};
use super::*;
use crate::transactions::{AmendRecord, EraseSubject};

/// Everybody ever created, with the number of their address; none for the erased.
type Known = BTreeMap<SubjectId, Option<u32>>;

impl Bench {
    fn move_to(&mut self, subject: SubjectId, number: u32) {
        let expected_version = self.snapshot().record(&kind(), subject).unwrap().unwrap().version;
        let changes = [(email().field, Some(json!(address(number))))].into();
        let amend = AmendRecord { record_type: kind(), subject, expected_version, changes };
        self.commit(amend, Action::Amend).unwrap();
    }

    /// Who is found by an address.
    fn at(&self, number: u32) -> Vec<SubjectId> {
        let hits = self.snapshot().find(&email(), &address(number), 10).unwrap();
        hits.iter().map(|hit| hit.subject).collect()
    }

    /// One random change; numbers are given once.
    fn change_something(&mut self, known: &mut Known, number: u32, dice: &mut Dice) {
        let living: Vec<SubjectId> = known.iter().filter(|(_, at)| at.is_some()).map(|(subject, _)| *subject).collect();
        match dice.below(8) {
            0..3 => drop(known.insert(self.create(number), Some(number))),
            3 if living.len() > 3 => {
                let subject = living[dice.below(living.len())];
                let erase = EraseSubject { record_type: kind(), subject, remember: Vec::new() };
                self.commit(erase, Action::Erase).unwrap();
                known.insert(subject, None);
            }
            _ if living.is_empty() => {}
            _ => {
                let subject = living[dice.below(living.len())];
                self.move_to(subject, number);
                known.insert(subject, Some(number));
            }
        }
    }
}

fn check(bench: &Bench, known: &Known, until: u32, what: &str) {
    let at: BTreeMap<u32, SubjectId> =
        known.iter().filter_map(|(subject, at)| at.map(|number| (number, *subject))).collect();
    for number in 0..until {
        let right: Vec<SubjectId> = at.get(&number).copied().into_iter().collect();
        assert_eq!(bench.at(number), right, "{what}: address {number}");
    }
}

#[test]
fn everybody_is_found_wherever_the_process_ends() {
    let (dir, before) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (mut known, mut dice, mut number) = (Known::new(), Dice(7), 0);
    for round in 0..24 {
        fs::create_dir_all(before.path().join("vault")).unwrap();
        for file in index_files(dir.path()) {
            copy_vault(&file, &before.path().join("vault"));
        }
        for _ in 0..12 {
            bench.change_something(&mut known, number, &mut dice);
            number += 1;
        }
        if round % 3 == 2 {
            bench.writer.resting = true;
            for _ in 0..dice.below(3) {
                bench.writer.sort_terms();
            }
            bench.writer.resting = false;
        }
        let left = [Left::Everything, Left::BehindTheLog, Left::PartOfItsLog, Left::Nothing][dice.below(4)];
        let copy = crash(dir.path(), before.path(), left, &mut dice);
        check(&Bench::open(copy.path()), &known, number, &format!("round {round}, {left:?}"));
    }
    check(&bench, &known, number, "the one that went on");
    bench.writer.resting = true;
    while bench.writer.sort_terms() {}
    assert!(bench.shared.terms.are_sorted());
    check(&bench, &known, number, "all in their places");
}

#[test]
fn an_index_built_anew_while_records_change_finds_them_all() {
    let dir = tempfile::tempdir().unwrap();
    make(dir.path());
    let mut bench = Bench::open(dir.path());
    let (mut known, mut dice) = (Known::new(), Dice(11));
    let many = 2_600; // some steps of building anew
    let records = (0..many).map(|number| (number, new_subject()));
    let (subjects, jobs): (Vec<_>, Vec<_>) =
        records.map(|(number, subject)| ((subject.id, number), job(record(subject, number), Action::Create).0)).unzip();
    known.extend(subjects.into_iter().map(|(subject, number)| (subject, Some(number))));
    bench.writer.commit(jobs, Vec::new());
    bench.shared.index.condemn();
    let (mut steps, mut number) = (0, many);
    while bench.writer.heal() {
        steps += 1;
        bench.change_something(&mut known, number, &mut dice);
        number += 1;
        if steps == 2 {
            drop(bench); // half of it is built
            bench = Bench::open(dir.path());
            check(&bench, &known, number, "opened again");
            bench.shared.index.condemn();
        }
    }
    assert!(steps > 4, "{steps}");
    check(&bench, &known, number, "built anew");
}
