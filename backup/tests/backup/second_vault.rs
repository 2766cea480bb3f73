//! Two vaults with the same keys and one destination: whichever comes second is refused, at its very next shipment, be it
//! a single segment.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use coffre_backup::destination::FileSystem;
use coffre_backup::follow::{Event, Following, follow};
use coffre_backup::run::TargetError;
use coffre_backup::ship::{Compare, KnownPoint, ShipError, ship};
use coffre_backup::{Ending, Ends as _, Observer};
use coffre_core::spool::Fault;

use super::vault::{Vault, noon};

fn shipped(vault: &Vault, destination: &FileSystem) -> Result<(), ShipError> {
    let none = KnownPoint::default();
    ship(&vault.source(), destination, &vault.pinned(), &none, Compare::Sizes, &mut ()).map(drop)
}

/// Until it is over, or after a minute.
struct Until<'a>(&'a AtomicBool, Instant);

impl Observer for Until<'_> {
    fn cancelled(&self) -> bool {
        assert!(self.1.elapsed() < Duration::from_mins(1), "it was never refused");
        self.0.load(Ordering::SeqCst)
    }
}

/// Follows a vault to a destination that it has to itself at first; then something happens; gives the refusal.
fn refused_while_following(vault: &mut Vault, destination: &FileSystem, mut then: impl FnMut(&mut Vault)) -> Fault {
    let (memory, over) = (tempfile::tempdir().unwrap(), AtomicBool::new(false));
    let (spool, pinned) = (vault.spool(), vault.pinned());
    let destinations: Vec<(String, &(dyn coffre_backup::destination::Destination + Sync))> =
        vec![("usb".to_owned(), destination)];
    let following = Following { spool: &spool, memory: memory.path(), pinned: &pinned, destinations };
    let (mut first, mut fault) = (true, None);
    let mut told = |event: &Event<'_>| match event {
        Event::Shipped { .. } if std::mem::take(&mut first) => then(vault),
        Event::Shipped { .. } => panic!("it went on shipping"),
        Event::Failed { error, .. } => {
            assert_eq!(error.ending(), Ending::Tampering, "{error}");
            let TargetError::Ship(ShipError::Refused { fault: found, .. }) = error else { panic!("{error}") };
            fault.get_or_insert(found.clone());
            over.store(true, Ordering::SeqCst);
        }
    };
    follow(&following, &noon, &mut Until(&over, Instant::now()), &mut told).unwrap();
    fault.unwrap()
}

/// A vault that was shipped, and its copy.
fn twins() -> (Vault, Vault, FileSystem) {
    let mut vault = Vault::captured(1);
    vault.commit(None);
    let destination = vault.destination("usb");
    shipped(&vault, &destination).unwrap();
    let twin = vault.copied();
    (vault, twin, destination)
}

#[test]
fn a_copy_of_a_vault_is_refused_at_its_next_segment_though_it_be_as_long() {
    let (mut vault, mut twin, destination) = twins();
    let fault = refused_while_following(&mut twin, &destination, |twin| {
        vault.commit(None);
        shipped(&vault, &destination).unwrap();
        twin.commit(None);
    });
    assert!(matches!(&fault, Fault::Fork { object, .. } if object.contains("/keyring/")), "{fault}");
    let refused = shipped(&twin, &destination).unwrap_err();
    assert!(matches!(refused, ShipError::Refused { .. }), "a run is refused, too: {refused}");
    vault.commit(None);
    shipped(&vault, &destination).unwrap();
}

#[test]
fn a_vault_is_refused_its_next_segment_where_a_copy_of_it_took_a_base_backup() {
    let (mut vault, mut twin, destination) = twins();
    let fault = refused_while_following(&mut vault, &destination, |vault| {
        twin.capture();
        shipped(&twin, &destination).unwrap();
        vault.commit(None);
    });
    assert!(matches!(&fault, Fault::Fork { object, .. } if object.ends_with("2.note")), "{fault}");
    assert!(matches!(shipped(&vault, &destination).unwrap_err(), ShipError::Refused { .. }));
}

/// As in an exercise that names the real destinations: the vault that everybody works with goes on.
#[test]
fn a_restored_vault_is_refused_where_the_one_that_it_came_from_has_written_since() {
    let (mut vault, _, destination) = twins();
    let mut child = vault.restored(2);
    child.capture();
    vault.now = child.now;
    vault.commit(None);
    shipped(&vault, &destination).unwrap();
    for _ in 0..2 {
        let refused = shipped(&child, &destination).unwrap_err();
        let ShipError::Refused { fault: Fault::Divided { generations }, .. } = &refused else { panic!("{refused}") };
        assert_eq!(generations, &[vault.generation, child.generation]);
        assert_eq!(refused.ending(), Ending::Tampering);
        child.capture();
    }
    let of_child = |file: &String| file.contains(&child.generation.to_string());
    assert!(!Vault::files(destination.root()).iter().any(of_child), "nothing of it is there");
    vault.commit(None);
    shipped(&vault, &destination).unwrap();
}

/// A destination that was away had less, and the one that was restored from had less than this: nothing goes on there.
#[test]
fn a_restored_vault_ships_to_where_the_one_that_it_came_from_had_got_further() {
    let (mut vault, _, destination) = twins();
    let mut child = vault.restored(2);
    vault.commit(None);
    shipped(&vault, &destination).unwrap();
    child.capture();
    shipped(&child, &destination).unwrap();
    child.commit(None);
    shipped(&child, &destination).unwrap();
}

#[test]
fn a_vault_is_refused_its_next_segment_where_another_one_was_restored_from_it() {
    let (mut vault, _, destination) = twins();
    let fault = refused_while_following(&mut vault, &destination, |vault| {
        let mut child = vault.restored(2);
        child.capture();
        shipped(&child, &destination).unwrap();
        vault.commit(None);
    });
    let Fault::Divided { generations } = &fault else { panic!("{fault}") };
    assert_eq!(generations[0], vault.generation);
    assert!(matches!(shipped(&vault, &destination).unwrap_err(), ShipError::Refused { .. }));
}
