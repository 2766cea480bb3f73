//! A folder on a real SFTP server.

use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};

use coffre_backup::destination::{
    Destination as _, PutError, RemoveError, Removing as _, Sftp, SftpSettings, Source as _, SourceError,
};

use crate::line::Line;
use crate::sshd::Sshd;
use crate::suite::{Breaks, REMOVING, SUITE, read};

#[test]
fn conforms() {
    let sshd = Sshd::start();
    for case in SUITE {
        fs::remove_dir_all(sshd.folder()).unwrap();
        fs::create_dir(sshd.folder()).unwrap();
        case(&Sftp::new(sshd.settings()));
    }
    for case in REMOVING {
        fs::remove_dir_all(sshd.folder()).unwrap();
        fs::create_dir(sshd.folder()).unwrap();
        case(&Sftp::new(sshd.settings()));
    }
}

#[test]
fn unfinished_files_are_kept_apart_and_cleared() {
    let sshd = Sshd::start();
    let sftp = Sftp::new(sshd.settings());
    assert!(sftp.put("main/half", &mut Breaks(b"half")).is_err());
    sftp.put("main/a", &mut &b"x"[..]).unwrap();
    let incoming = sshd.folder().join("incoming");
    assert_eq!(fs::read_dir(&incoming).unwrap().count(), 0, "a broken content leaves nothing");
    fs::write(incoming.join("left-over"), "half").unwrap();
    assert_eq!(sftp.list("").unwrap().folders, ["main"]);
    sftp.tidy().unwrap();
    assert_eq!(fs::read_dir(&incoming).unwrap().count(), 0);
    assert!(matches!(sftp.put("incoming/x", &mut &b"x"[..]), Err(PutError::Path { .. })));
    let mode = fs::metadata(sshd.folder().join("main/a")).unwrap().permissions().mode();
    assert_eq!(mode & 0o227, 0, "others read nothing, and nobody writes over it: {mode:o}");
}

#[test]
fn an_account_that_may_remove_nothing_ships_and_is_told_that_it_may_not() {
    let sshd = Sshd::without_removal();
    let sftp = Sftp::new(sshd.settings());
    sftp.put("keyring/a", &mut &b"x"[..]).unwrap();
    let refused = sftp.remove("keyring/a").unwrap_err();
    assert!(matches!(refused, RemoveError::Refused { .. }), "{refused}");
    assert_eq!(read(&sftp, "keyring/a"), b"x");
    fs::write(sshd.folder().join("incoming/left-over"), "half").unwrap();
    sftp.tidy().unwrap();
    sftp.put("keyring/b", &mut &b"x"[..]).unwrap();
}

#[test]
fn a_link_is_no_object() {
    let sshd = Sshd::start();
    let sftp = Sftp::new(sshd.settings());
    sftp.put("main/a", &mut &b"x"[..]).unwrap();
    symlink("/etc/hostname", sshd.folder().join("main/link")).unwrap();
    assert_eq!(sftp.size("main/link").unwrap(), None);
    assert!(matches!(sftp.open("main/link", None).map(drop), Err(SourceError::NotFound { .. })));
    assert!(matches!(sftp.put("main/link", &mut &b"x"[..]), Err(PutError::Exists { .. })));
}

#[test]
fn a_folder_that_is_not_mounted_is_refused_and_not_created() {
    let sshd = Sshd::start();
    let absent = SftpSettings { folder: sshd.path("not mounted"), ..sshd.settings() };
    let sftp = Sftp::new(absent);
    assert!(matches!(sftp.put("a", &mut &b"x"[..]), Err(PutError::Absent { .. })));
    assert!(matches!(sftp.list("").map(drop), Err(SourceError::Absent { .. })));
    assert!(matches!(sftp.size("a"), Err(SourceError::Absent { .. })));
    assert!(matches!(sftp.remove("keyring/a"), Err(RemoveError::Failed { .. })));
    assert!(!sshd.path("not mounted").exists());
}

#[test]
fn a_host_with_another_key_is_never_believed() {
    let sshd = Sshd::start();
    let refused = || match Sftp::new(sshd.settings()).list("") {
        Err(error @ SourceError::Refused { .. }) => error.to_string(),
        other => panic!("{other:?}"),
    };
    sshd.know("other");
    assert!(refused().contains("the host's key is not the one in"), "{}", refused());
    fs::write(sshd.path("known_hosts"), "").unwrap();
    assert!(refused().contains("ssh-keyscan"), "{}", refused());
    sshd.know("host");
    Sftp::new(sshd.settings()).list("").unwrap();
}

#[test]
fn a_key_that_does_not_open_the_account_is_told_apart_from_a_lost_network() {
    let mut sshd = Sshd::start();
    let with = |key: &str| Sftp::new(SftpSettings { private_key: sshd.path(key), ..sshd.settings() });
    assert!(matches!(with("other").list("").map(drop), Err(SourceError::Refused { .. })));
    fs::set_permissions(sshd.path("other"), fs::Permissions::from_mode(0o644)).unwrap();
    let error = with("other").list("").map(drop).unwrap_err();
    assert!(error.to_string().contains("chmod 600"), "{error}");
    let sftp = with("ours");
    sshd.stop();
    assert!(matches!(sftp.put("a", &mut &b"x"[..]), Err(PutError::Unreachable { .. })));
}

#[test]
fn folders_that_went_away_meanwhile_are_made_again() {
    let sshd = Sshd::start();
    let sftp = Sftp::new(sshd.settings());
    let put = |path: &str| sftp.put_in_order(&[(path.to_owned(), b"x".to_vec())]);
    sftp.put("main/a/1", &mut &b"x"[..]).unwrap();
    for gone in ["main/a", "incoming", "main"] {
        fs::remove_dir_all(sshd.folder().join(gone)).unwrap();
        put("main/a/2").unwrap();
        assert_eq!(read(&sftp, "main/a/2"), b"x");
        fs::remove_file(sshd.folder().join("main/a/2")).unwrap();
    }
    // A disk that is not there any more is not written beside.
    fs::rename(sshd.folder(), sshd.path("unplugged")).unwrap();
    assert!(matches!(put("main/a/3"), Err(PutError::Absent { .. })));
    assert!(!sshd.folder().exists());
}

#[test]
fn a_connection_that_was_lost_is_made_again() {
    let sshd = Sshd::start();
    let sftp = Sftp::new(sshd.settings());
    sftp.put("main/a", &mut &b"x"[..]).unwrap();
    sshd.cut_connections();
    assert_eq!(sftp.size("main/a").unwrap(), Some(1));
    assert_eq!(read(&sftp, "main/a"), b"x");
    sshd.cut_connections();
    assert_eq!(sftp.list("").unwrap().folders, ["main"]);
}

#[test]
fn an_object_is_never_taken_for_another_ones_because_an_answer_was_lost() {
    let sshd = Sshd::start();
    let line = Line::to(sshd.port());
    let sftp = Sftp::new(sshd.through(line.port));
    sftp.put("main/first", &mut &b"x"[..]).unwrap();
    let mut named = 0;
    // Every question of one object has its answer lost once: no packet is as short as that.
    for after in (0..).step_by(32) {
        let (path, before) = (format!("main/{after}"), line.lost());
        line.loses_an_answer_after(after);
        let put = sftp.put(&path, &mut &b"content"[..]);
        let lost = line.lost() > before;
        match put {
            Ok(size) => {
                assert_eq!((size, read(&sftp, &path)), (7, b"content".to_vec()), "{after}");
                named += usize::from(lost);
            }
            // It is asked again another time, and found to be there, or not to be.
            Err(PutError::Unreachable { .. }) => {
                assert!(sftp.size(&path).unwrap().is_none_or(|size| size == 7), "{after}");
            }
            Err(error) => panic!("{after}: {error}"),
        }
        if !lost {
            break;
        }
    }
    assert!(named > 0, "no answer was lost that something could be done without");
}
