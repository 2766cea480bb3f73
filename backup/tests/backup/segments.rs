//! Segments: shipped in an order that can be broken off anywhere, proven without a key, and put onto
//! their base so that the databases are those of the moment that was asked for.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use coffre_backup::destination::{Destination, FileSystem};
use coffre_backup::follow::{Event, Following, follow};
use coffre_backup::restore::{self, LostLog, MOMENT, PlanError, Restored};
use coffre_backup::ship::{Compare, KnownPoint, ShipError, ship};
use coffre_backup::state::State;
use coffre_backup::status::{self, Behind};
use coffre_backup::verify::{Depth, Verified, verify};
use coffre_backup::{Observer, Sources};
use coffre_core::spool::{Chain, Fault, NoPoint, Wanted};
use coffre_core::time::Timestamp;

use super::vault::{Vault, noon};

/// Two base backups, with segments after each.
fn busy() -> Vault {
    let mut vault = Vault::captured(1);
    (0..5).for_each(|n| vault.commit((n == 2).then_some(4)));
    vault.capture();
    (0..6).for_each(|n| vault.commit((n == 3).then_some(5)));
    vault
}

fn verified(root: &Path, vault: &Vault) -> Verified {
    let place = FileSystem::new(root);
    verify(&Sources::both(&place), &vault.pinned(), &KnownPoint::default(), Depth::Whole, &mut ()).unwrap()
}

fn ship_all(vault: &Vault, to: &dyn Destination, known: &KnownPoint) -> Result<KnownPoint, ShipError> {
    ship(&vault.source(), to, &vault.pinned(), known, Compare::Sizes, &mut ()).map(|shipped| shipped.newest)
}

fn restored(vault: &Vault, from: &Path, wanted: Wanted, to: &Path) -> Result<Restored, PlanError> {
    let place = FileSystem::new(from);
    let sources = Sources::both(&place);
    let plan = restore::plan(&sources, &vault.pinned(), wanted, LostLog::Refuse, &mut ())?;
    Ok(restore::execute(&plan, &sources, to, &mut ()).unwrap())
}

fn behind(vault: &Vault, destination: &dyn Destination) -> Behind {
    status::behind(&vault.source(), destination, &vault.pinned(), &mut ()).unwrap()
}

fn segments(root: &Path) -> Vec<String> {
    Vault::files(root).into_iter().filter(|file| file.ends_with(".segment")).collect()
}

#[test]
fn a_busy_spool_is_sound_and_restorable_to_its_last_commit() {
    let vault = busy();
    let found = verified(&vault.spool(), &vault);
    assert_eq!((found.faults, found.notices), (vec![], vec![]));
    assert_eq!((found.points, found.segments), (2, 33));
    assert_eq!(found.restorable_to, Some(vault.now));
}

#[test]
fn every_flipped_byte_removed_and_swapped_segment_is_found_and_named() {
    let vault = busy();
    let files = segments(&vault.spool());
    let named = |file: &str| {
        let found = verified(&vault.spool(), &vault);
        assert!(found.faults.iter().any(|fault| fault.to_string().contains(file)), "{file}: {:?}", found.faults);
        found
    };
    for file in &files {
        let path = vault.spool().join(file);
        let good = fs::read(&path).unwrap();
        for at in [0, 30, 300, good.len() / 2, good.len() - 1] {
            let mut bad = good.clone();
            bad[at] ^= 1;
            fs::write(&path, &bad).unwrap();
            named(file);
        }
        fs::write(&path, &good[..good.len() - 1]).unwrap();
        named(file);
        fs::write(&path, [good.as_slice(), b"x"].concat()).unwrap();
        named(file);
        fs::write(&path, &good).unwrap();
    }
    // Swapped with its neighbour, both authentic.
    for pair in files.chunks(2).filter(|pair| pair.len() == 2) {
        let [first, second] = [&pair[0], &pair[1]].map(|file| vault.spool().join(file));
        let (one, two) = (fs::read(&first).unwrap(), fs::read(&second).unwrap());
        fs::write(&first, &two).unwrap();
        fs::write(&second, &one).unwrap();
        let found = named(&pair[0]);
        assert!(found.faults.iter().any(|fault| matches!(fault, Fault::Misplaced { .. })));
        fs::write(&first, &one).unwrap();
        fs::write(&second, &two).unwrap();
    }
    // One in the middle of a chain is missing: a gap. The newest of a chain: what is left is said truly.
    for file in &files {
        let path = vault.spool().join(file);
        let good = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        let found = verified(&vault.spool(), &vault);
        let gap = found.faults.iter().any(|fault| matches!(fault, Fault::ChainGap { .. }));
        assert!(gap || found.restorable_to < Some(vault.now), "{file}: {:?}", found.faults);
        fs::write(&path, &good).unwrap();
    }
    assert_eq!(verified(&vault.spool(), &vault).faults, []);
}

#[test]
fn an_authentic_segment_of_another_history_is_a_fork() {
    let (vault, mut other) = (busy(), Vault::captured(1));
    // The same vault and keys, the same places, another history.
    (0..5).for_each(|_| other.commit(None));
    other.capture();
    (0..6).for_each(|_| other.commit(Some(9)));
    let file = segments(&vault.spool()).into_iter().rfind(|file| file.contains("/vault/")).unwrap();
    fs::copy(other.spool().join(&file), vault.spool().join(&file)).unwrap();
    let found = verified(&vault.spool(), &vault);
    assert!(found.faults.iter().any(|fault| matches!(fault, Fault::Fork { .. })), "{:?}", found.faults);
    assert!(found.restorable_to < Some(vault.now));
    let to = tempfile::tempdir().unwrap();
    let place = FileSystem::new(vault.spool());
    let sources = Sources::both(&place);
    let plan = restore::plan(&sources, &vault.pinned(), Wanted::Newest, LostLog::Refuse, &mut ());
    let restored = plan.map(|plan| restore::execute(&plan, &sources, &to.path().join("vault"), &mut ()).is_ok());
    assert!(!restored.unwrap_or(false), "it was restored");
}

#[test]
fn what_is_restored_is_the_moment_asked_for() {
    let mut vault = Vault::captured(1);
    let mut moments: Vec<(Timestamp, Vec<u8>)> = Vec::new();
    let contents = |vault: &Vault| vault.content(Chain::Vault).to_vec();
    for n in 0..12_u8 {
        if n == 6 {
            vault.capture();
        } else {
            vault.commit((n % 3 == 0).then_some(n / 3 + 4));
        }
        moments.push((vault.now, contents(&vault)));
    }
    let destination = vault.destination("usb");
    ship_all(&vault, &destination, &KnownPoint::default()).unwrap();
    let folder = tempfile::tempdir().unwrap();
    for (number, (time, content)) in moments.iter().enumerate() {
        // A moment between two commits is that of the one before.
        let asked = Timestamp::from_micros(time.as_micros() + 400_000);
        let to = folder.path().join(number.to_string());
        let restored = restored(&vault, destination.root(), Wanted::At(asked), &to).unwrap();
        assert_eq!(restored.captured, *time);
        // The records of the moment; everything else is the newest.
        let records = if *time == vault.now { "vault.db" } else { MOMENT };
        assert!(fs::read(to.join(records)).unwrap() == *content, "{records} at {time}");
        for chain in Chain::ALL {
            assert!(fs::read(to.join(chain.file())).unwrap() == vault.content(chain), "{chain} is the newest");
        }
        assert_eq!(Vault::files(&to.join("documents")).len(), vault.documents().len());
        assert!(restored.audit_head.starts_with("vault.example"), "{}", restored.audit_head);
    }
    let early = restored(&vault, destination.root(), Wanted::At(noon()), &folder.path().join("early"));
    assert!(matches!(early.unwrap_err(), PlanError::NoPoint(NoPoint::TooEarly { .. })));
    let newest = restored(&vault, destination.root(), Wanted::Newest, &folder.path().join("newest")).unwrap();
    assert_eq!((newest.captured, newest.window.1), (vault.now, vault.now));
}

#[test]
fn a_restore_that_was_cut_off_while_segments_were_put_in_place_begins_with_the_base_again() {
    let vault = busy();
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("vault");
    let restored_once = restored(&vault, &vault.spool(), Wanted::Newest, &to).unwrap();
    drop(restored_once);
    let mut half = fs::read(to.join("vault.db")).unwrap();
    half.truncate(9 * 4096 + 17);
    fs::write(to.join("vault.db"), half).unwrap();
    restored(&vault, &vault.spool(), Wanted::Newest, &to).unwrap();
    for chain in Chain::ALL {
        assert!(fs::read(to.join(chain.file())).unwrap() == vault.content(chain), "{chain}");
    }
}

#[test]
fn a_gap_is_refused_and_never_skipped() {
    let vault = busy();
    let files = segments(&vault.spool());
    let middle = files.iter().rfind(|file| file.contains("/audit/") && file.ends_with("0009.segment")).unwrap();
    fs::remove_file(vault.spool().join(middle)).unwrap();
    let to = tempfile::tempdir().unwrap();
    let error = restored(&vault, &vault.spool(), Wanted::Newest, &to.path().join("vault")).unwrap_err();
    assert!(matches!(error, PlanError::NoPoint(NoPoint::Faults { .. })), "{error}");
    let destination = vault.destination("usb");
    assert!(ship_all(&vault, &destination, &KnownPoint::default()).is_err());
}

#[test]
fn without_the_newest_log_a_moment_is_refused_unless_that_is_accepted() {
    let vault = busy();
    let asked = Timestamp::from_micros(vault.main[1].manifest.heading.time.as_micros() + 2_000_000);
    let files = segments(&vault.spool());
    let newest = |ending: &str| files.iter().rfind(|file| file.contains("/audit/") && file.ends_with(ending)).unwrap();
    let lost = vault.spool().join(newest("0011.segment"));
    let bytes = fs::read(&lost).unwrap();
    let mut flipped = bytes.clone();
    *flipped.last_mut().unwrap() ^= 1;
    fs::remove_file(&lost).unwrap();
    for damage in [None, Some(&flipped)] {
        if let Some(bytes) = damage {
            fs::write(&lost, bytes).unwrap();
        }
        let (place, to) = (FileSystem::new(vault.spool()), tempfile::tempdir().unwrap());
        let (sources, to) = (Sources::both(&place), to.path().join("vault"));
        let plan = |lost_log| restore::plan(&sources, &vault.pinned(), Wanted::At(asked), lost_log, &mut ());
        let refused = plan(LostLog::Refuse).map(|plan| {
            // A changed byte is found when it is fetched.
            let error = restore::execute(&plan, &sources, &to, &mut ()).unwrap_err();
            assert!(error.to_string().contains("0011.segment"), "{error}");
        });
        if damage.is_none() {
            let error = refused.unwrap_err().to_string();
            assert!(error.contains("positions 11 to 11") && error.contains("--accept-lost-log"), "{error}");
        }
    }
    // Removed again: what is before the gap is the newest there is.
    fs::remove_file(&lost).unwrap();
    let accepted = |damage: &[u8]| {
        if !damage.is_empty() {
            fs::write(&lost, damage).unwrap();
        }
        let (place, to) = (FileSystem::new(vault.spool()), tempfile::tempdir().unwrap());
        let sources = Sources::both(&place);
        let plan = restore::plan(&sources, &vault.pinned(), Wanted::At(asked), LostLog::Accept, &mut ()).unwrap();
        let restored = restore::execute(&plan, &sources, &to.path().join("vault"), &mut ()).unwrap();
        (plan.captured, plan.newest, restored.lost)
    };
    for (damage, told) in [(&[][..], "positions 11 to 11"), (&flipped, "0011.segment")] {
        let (captured, before, why) = accepted(damage);
        assert!(captured <= asked && before > asked && before < vault.now, "{captured} {before}");
        assert!(why.unwrap().contains(told));
    }
    fs::write(&lost, &bytes).unwrap();
    let (_, all, none) = accepted(&[]);
    assert_eq!((all, none), (vault.now, None), "nothing is lost, so nothing is given up");
}

#[test]
fn shipping_goes_on_where_it_was_and_refuses_what_does_not_fit() {
    let mut vault = busy();
    let destination = vault.destination("usb");
    let known = ship_all(&vault, &destination, &KnownPoint::default()).unwrap();
    assert_eq!(Vault::files(destination.root()), Vault::files(&vault.spool()));
    assert_eq!(behind(&vault, &destination), Behind { seconds: 0, bytes: 0 });
    vault.commit(Some(7));
    vault.commit(None);
    let late = behind(&vault, &destination);
    assert!(late.seconds == 2 && late.bytes > 6 * 2 * 4096, "{late:?}");
    let known = ship_all(&vault, &destination, &known).unwrap();
    assert_eq!(Vault::files(destination.root()), Vault::files(&vault.spool()));
    assert_eq!(verified(destination.root(), &vault).restorable_to, Some(vault.now));

    // The newest segment was taken away there: only what is remembered tells.
    let last = segments(destination.root()).into_iter().rfind(|file| file.contains("/audit/")).unwrap();
    fs::remove_file(destination.root().join(&last)).unwrap();
    let error = ship_all(&vault, &destination, &known).unwrap_err();
    assert!(matches!(&error, ShipError::Refused { fault: Fault::Rollback { .. }, .. }), "{error}");
    ship_all(&vault, &destination, &KnownPoint::default()).unwrap();

    // The spool was set back behind the destination.
    fs::remove_file(vault.spool().join(&last)).unwrap();
    let error = ship_all(&vault, &destination, &KnownPoint::default()).unwrap_err();
    assert!(matches!(&error, ShipError::Refused { fault: Fault::Rollback { .. }, .. }), "{error}");
}

/// Asks to stop once something was shipped up to a moment, or after a minute.
struct Until<'a>(&'a AtomicU64, u64, Instant);

impl Observer for Until<'_> {
    fn cancelled(&self) -> bool {
        assert!(self.2.elapsed() < Duration::from_mins(1), "it never came");
        self.0.load(Ordering::SeqCst) >= self.1
    }
}

#[test]
fn following_copies_what_appears_and_remembers_it() {
    let mut vault = busy();
    let destination = vault.destination("usb");
    let memory = tempfile::tempdir().unwrap();
    let micros = |time: Timestamp| u64::try_from(time.as_micros()).unwrap();
    for round in 0..3 {
        if round > 0 {
            vault.commit((round == 2).then_some(8));
        }
        let shipped = AtomicU64::new(0);
        let (spool, pinned) = (vault.spool(), vault.pinned());
        let following = Following {
            spool: &spool,
            memory: memory.path(),
            pinned: &pinned,
            destinations: vec![("usb".to_owned(), &destination)],
        };
        let mut told = |event: &Event<'_>| match event {
            Event::Shipped { captured, .. } => {
                let first = shipped.swap(micros(*captured), Ordering::SeqCst) == 0;
                if first {
                    vault.commit(None); // appears while it is followed
                }
            }
            Event::Failed { error, .. } => panic!("{error}"),
        };
        let last = micros(following_end(&mut told, &following, &shipped));
        assert!(last > 0);
        assert_eq!(Vault::files(destination.root()), Vault::files(&spool));
        let state = State::load(memory.path()).unwrap();
        let known = state.targets["usb"].known();
        assert_eq!(micros(state.targets["usb"].last_success.as_ref().unwrap().captured), last);
        assert!(known.segment.is_some());
    }
    assert_eq!(verified(destination.root(), &vault).faults, []);
}

/// Follows until the second moment was shipped, of which single segments may be seen before it; gives it.
fn following_end(told: &mut dyn FnMut(&Event<'_>), following: &Following<'_>, shipped: &AtomicU64) -> Timestamp {
    let count = AtomicU64::new(0);
    let mut counting = |event: &Event<'_>| {
        let before = shipped.load(Ordering::SeqCst);
        told(event);
        count.fetch_add(u64::from(shipped.load(Ordering::SeqCst) != before), Ordering::SeqCst);
    };
    follow(following, &noon, &mut Until(&count, 2, Instant::now()), &mut counting).unwrap();
    Timestamp::from_micros(i64::try_from(shipped.load(Ordering::SeqCst)).unwrap())
}
