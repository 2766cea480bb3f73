//! How old the last good backup is, and whether a destination still holds it.

use std::fs;

use coffre_backup::Ending;
use coffre_backup::destination::{Destination, FileSystem};
use coffre_backup::ship::{Compare, KnownPoint, ship};
use coffre_backup::state::{State, Success, Target};
use coffre_backup::status::{Examined, Status, examine, status};
use coffre_core::spool::Fault;
use coffre_core::time::Timestamp;

use super::vault::{Vault, noon};

const OBJECTIVE: i64 = 26 * 3600;

fn shipped(vault: &Vault, destination: &dyn Destination) -> KnownPoint {
    let known = KnownPoint::default();
    ship(&vault.source(), destination, &vault.pinned(), &known, Compare::Sizes, &mut ()).unwrap().newest
}

fn look(vault: &Vault, destination: &FileSystem, known: &KnownPoint) -> Examined {
    examine(destination, &vault.pinned(), known, &mut ())
}

fn of(examined: &Examined, now: Timestamp) -> Status {
    status(&State::default(), [("usb", Some(examined))], OBJECTIVE, now)
}

#[test]
fn the_age_is_that_of_the_data_and_decides() {
    let vault = Vault::captured(1);
    let destination = vault.destination("usb");
    let known = shipped(&vault, &destination);
    let captured = noon().plus_seconds(86_400);
    let examined = look(&vault, &destination, &known);
    for (age, shown, within) in [
        (0, 0, true),
        (OBJECTIVE, OBJECTIVE, true),
        (OBJECTIVE + 1, OBJECTIVE + 1, false),
        // Clocks may be a little apart; further ahead one of them was wrong, and nothing is proven.
        (-300, 0, true),
        (-3600, -3600, false),
    ] {
        let status = of(&examined, captured.plus_seconds(age));
        assert_eq!((status.targets[0].age, status.targets[0].within), (Some(shown), within));
        assert_eq!(status.ending, if within { Ending::Success } else { Ending::ObjectiveMissed });
    }
}

#[test]
fn no_backup_and_no_target_miss_the_objective() {
    let vault = Vault::captured(1);
    let empty = look(&vault, &vault.destination("usb"), &KnownPoint::default());
    assert!(matches!(empty, Examined::Newest(None)));
    assert_eq!(of(&empty, noon()).ending, Ending::ObjectiveMissed);
    let never = status(&State::default(), [("restic", None)], OBJECTIVE, noon());
    assert_eq!((never.ending, never.targets[0].age), (Ending::ObjectiveMissed, None));
    assert_eq!(status(&State::default(), [], OBJECTIVE, noon()).ending, Ending::ObjectiveMissed);
}

#[test]
fn a_destination_that_lost_its_newest_backup_is_an_alarm() {
    let vault = Vault::captured(2);
    let destination = vault.destination("usb");
    let known = shipped(&vault, &destination);
    let newest = Vault::files(destination.root());
    let newest = newest.iter().find(|file| file.starts_with("main") && file.ends_with("2.note")).unwrap();
    fs::remove_file(destination.root().join(newest)).unwrap();
    let examined = look(&vault, &destination, &known);
    assert!(matches!(examined, Examined::Fault(Fault::Rollback { .. })), "{examined:?}");
    assert_eq!(of(&examined, noon()).ending, Ending::Tampering);
}

#[test]
fn a_destination_out_of_reach_counts_as_it_is_remembered() {
    let vault = Vault::captured(1);
    let examined = look(&vault, &FileSystem::new(vault.path("not mounted")), &KnownPoint::default());
    assert!(matches!(examined, Examined::Unreachable(_)));
    assert_eq!(of(&examined, noon()).ending, Ending::ObjectiveMissed);
    let captured = noon();
    let success = Success { time: captured, captured, newest: KnownPoint::default(), bytes: 1 };
    let mut state = State::default();
    state.targets.insert("usb".to_owned(), Target { last_success: Some(success), ..Target::default() });
    let standing = |age| status(&state, [("usb", Some(&examined))], OBJECTIVE, captured.plus_seconds(age));
    assert_eq!(standing(60).ending, Ending::Success);
    assert_eq!(standing(OBJECTIVE + 1).ending, Ending::ObjectiveMissed);
}
