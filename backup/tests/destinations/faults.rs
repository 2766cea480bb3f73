//! What goes wrong with servers that are real: an sshd and a server of the S3 protocol. Whatever was confirmed is restored
//! from them alone, nothing else passes for whole, and the next run makes up for it. The tests of S3 are in a module `s3`
//! of their own, as `scripts/test` leaves them out by that name.

use std::fs;
use std::path::Path;

use coffre_backup::Sources;
use coffre_backup::destination::{Destination, FileSystem, PutError, Sftp};
use coffre_backup::ship::{Compare, KnownPoint, ShipError, ship};
use coffre_backup::verify::{Depth, verify};

use crate::busy::{busy, is_newest, restored, shipped};
use crate::line::Line;
use crate::small_disk::not_run;
use crate::sshd::Sshd;
use crate::vault::Vault;

/// Bytes that a whole shipment takes on the line, about.
fn total(vault: &Vault) -> usize {
    Vault::files(&vault.spool()).iter().map(|file| usize::try_from(length(&vault.spool().join(file))).unwrap()).sum()
}

fn length(file: &Path) -> u64 {
    fs::metadata(file).unwrap().len()
}

/// Something less than everything is there: it is restored as a moment, or said not to be restorable.
fn is_honest(vault: &Vault, destination: &dyn Destination) {
    if let Some(done) = restored(vault, destination) {
        done.unwrap_or_else(|error| panic!("a plan was made and could not be carried out: {error}"));
    }
}

/// The server dies after some bytes of a shipment, in the middle of whatever that is, and comes back.
fn dies_and_comes_back(vault: &Vault, line: &Line, through: &dyn Destination, direct: &dyn Destination, after: usize) {
    line.dies_after(after);
    assert!(shipped(vault, through).is_none(), "it died after {after} bytes and everything was shipped");
    is_honest(vault, direct);
    line.lives();
    shipped(vault, through).unwrap();
    is_newest(vault, &restored(vault, direct).unwrap().unwrap());
}

/// Objects on the server are cut short or turned into something else: nobody believes them.
fn is_found_out(vault: &Vault, destination: &dyn Destination, replace: &dyn Fn(&str, &[u8])) {
    let known = shipped(vault, destination).unwrap();
    let kinds = [".base", "/pieces/", ".segment", ".note", ".json", "documents/"];
    for kind in kinds {
        let files = Vault::files(&vault.spool());
        // Of pieces not every one is needed for the newest.
        let last =
            |file: &&String| if kind == "/pieces/" { **file == vault.newest_piece() } else { file.contains(kind) };
        let object = files.iter().rfind(last).unwrap_or_else(|| panic!("no {kind}"));
        let good = fs::read(vault.spool().join(object)).unwrap();
        let mut garbage = good.clone();
        garbage.iter_mut().step_by(7).for_each(|byte| *byte ^= 0x55);
        for bad in [&good[..good.len() / 2], &garbage] {
            replace(object, bad);
            let sources = Sources::both(destination);
            let found = verify(&sources, &vault.pinned(), &known, Depth::Whole, &mut ()).unwrap();
            let named = found.faults.iter().any(|fault| fault.to_string().contains(object.as_str()));
            assert!(named, "{object}, {} of {} bytes: {:?}", bad.len(), good.len(), found.faults);
            let again = ship(&vault.source(), destination, &vault.pinned(), &known, Compare::Hashes, &mut ());
            assert!(again.is_err(), "{object}: what is there is taken for what was shipped");
            assert!(restored(vault, destination).is_none_or(|done| done.is_err()), "{object}: it was restored");
            replace(object, &good);
        }
    }
    is_newest(vault, &restored(vault, destination).unwrap().unwrap());
}

/// A line on which bytes trickle: it takes its time, and all of it arrives.
fn arrives_all_the_same(vault: &Vault, line: &Line, through: &dyn Destination, direct: &dyn Destination) {
    line.trickles();
    shipped(vault, through).unwrap();
    is_newest(vault, &restored(vault, direct).unwrap().unwrap());
}

#[test]
fn an_ssh_server_that_dies_in_the_middle() {
    let vault = busy();
    for part in 1..8 {
        let sshd = Sshd::start();
        let line = Line::to(sshd.port());
        let through = Sftp::new(sshd.through(line.port));
        dies_and_comes_back(&vault, &line, &through, &FileSystem::new(sshd.folder()), total(&vault) * part / 8);
    }
}

#[test]
fn an_ssh_server_with_half_objects_or_garbage() {
    let vault = busy();
    let sshd = Sshd::start();
    let sftp = Sftp::new(sshd.settings());
    is_found_out(&vault, &sftp, &|object, bytes| {
        let path = sshd.folder().join(object);
        // Nobody writes over it.
        fs::remove_file(&path).unwrap();
        fs::write(path, bytes).unwrap();
    });
}

#[test]
fn an_ssh_server_behind_a_slow_line() {
    let vault = busy();
    let sshd = Sshd::start();
    let line = Line::to(sshd.port());
    let through = Sftp::new(sshd.through(line.port));
    arrives_all_the_same(&vault, &line, &through, &FileSystem::new(sshd.folder()));
}

#[test]
fn an_ssh_server_that_lets_nobody_write() {
    let vault = busy();
    let mut sshd = Sshd::start();
    sshd.refuse_writes(true);
    let sftp = Sftp::new(sshd.settings());
    let refused = ship(&vault.source(), &sftp, &vault.pinned(), &KnownPoint::default(), Compare::Sizes, &mut ());
    let Err(ShipError::Put(error)) = refused else { panic!("{refused:?}") };
    assert!(!matches!(error, PutError::Unreachable { .. }), "{error}");
    assert_eq!(Vault::files(&sshd.folder()), Vec::<String>::new());
    sshd.refuse_writes(false);
    shipped(&vault, &Sftp::new(sshd.settings())).unwrap();
    is_newest(&vault, &restored(&vault, &sftp).unwrap().unwrap());
}

#[test]
fn an_ssh_server_whose_disk_is_full() {
    let name = "faults::an_ssh_server_whose_disk_is_full";
    // In a user namespace, where others can mount too, no sshd runs.
    if !rustix::process::geteuid().is_root() {
        return not_run(name, "only the super-user can mount a file system that an sshd serves");
    }
    let vault = busy();
    let sshd = Sshd::start();
    let size = format!("size={}k", total(&vault) / 2 / 1024);
    let mount = |arguments: &[&str]| {
        let done = std::process::Command::new("mount").args(arguments).arg(sshd.folder()).status();
        done.is_ok_and(|status| status.success())
    };
    if !mount(&["-t", "tmpfs", "-o", &size, "tmpfs"]) {
        return not_run(name, "the super-user here cannot mount it");
    }
    let sftp = Sftp::new(sshd.settings());
    let full = ship(&vault.source(), &sftp, &vault.pinned(), &KnownPoint::default(), Compare::Sizes, &mut ());
    is_honest(&vault, &sftp);
    let grown = mount(&["-o", "remount,size=64m"]);
    let next = shipped(&vault, &sftp).map(|_| is_newest(&vault, &restored(&vault, &sftp).unwrap().unwrap()));
    std::process::Command::new("umount").arg("-l").arg(sshd.folder()).status().unwrap();
    assert!(grown && next.is_some(), "with room it goes on");
    assert!(matches!(full, Err(ShipError::Put(_))), "{full:?}");
}

mod s3 {
    use coffre_backup::destination::S3;

    use super::*;
    use crate::bucket::Moto;

    #[test]
    fn a_server_that_dies_in_the_middle() {
        let vault = busy();
        let moto = Moto::start();
        // Each dies for long enough that a request is given up, and all of them wait at the same time.
        std::thread::scope(|scope| {
            for part in [1, 3, 6] {
                let (vault, moto) = (&vault, &moto);
                scope.spawn(move || {
                    let line = Line::to(moto.port());
                    let prefix = format!("part-{part}");
                    let through = S3::new(&moto.through(line.port, &prefix)).unwrap();
                    let direct = S3::new(&moto.settings(&prefix)).unwrap();
                    dies_and_comes_back(vault, &line, &through, &direct, total(vault) * part / 8);
                });
            }
        });
    }

    #[test]
    fn a_server_with_half_objects_or_garbage() {
        let vault = busy();
        let moto = Moto::start();
        let bucket = S3::new(&moto.settings("")).unwrap();
        is_found_out(&vault, &bucket, &|object, bytes| moto.replace(object, bytes));
    }

    #[test]
    fn a_server_behind_a_slow_line() {
        let vault = busy();
        let moto = Moto::start();
        let line = Line::to(moto.port());
        let through = S3::new(&moto.through(line.port, "")).unwrap();
        arrives_all_the_same(&vault, &line, &through, &S3::new(&moto.settings("")).unwrap());
    }

    #[test]
    fn a_server_that_refuses_writes_or_is_full() {
        let vault = busy();
        let moto = Moto::start();
        let line = Line::to(moto.port());
        let through = S3::new(&moto.through(line.port, "")).unwrap();
        // Not allowed; no space is left, as servers say it that have a disk of their own.
        for status in [403, 507] {
            line.answers(status);
            let refused =
                ship(&vault.source(), &through, &vault.pinned(), &KnownPoint::default(), Compare::Sizes, &mut ());
            let Err(ShipError::Put(error)) = refused else { panic!("{refused:?}") };
            assert_eq!(matches!(error, PutError::Unreachable { .. }), status == 507, "{status}: {error}");
            assert!(error.to_string().contains("status 507") || status == 403, "{error}");
        }
        line.answers(0);
        shipped(&vault, &through).unwrap();
        is_newest(&vault, &restored(&vault, &through).unwrap().unwrap());
    }
}
