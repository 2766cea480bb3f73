//! What only a folder can do wrong.

use std::os::unix::fs::{PermissionsExt as _, symlink};

use std::io::{self, Read as _};

use coffre_backup::destination::{
    Destination as _, FileSystem, PutError, RemoveError, Removing as _, Source as _, SourceError,
};

use crate::small_disk::on_a_small_disk;

#[test]
fn that_is_not_mounted_is_refused_and_not_created() {
    let parent = tempfile::tempdir().unwrap();
    let absent = FileSystem::new(parent.path().join("not mounted"));
    assert!(matches!(absent.put("a", &mut &b"x"[..]), Err(PutError::Absent { .. })));
    assert!(matches!(absent.list("").map(drop), Err(SourceError::Absent { .. })));
    assert!(matches!(absent.size("a"), Err(SourceError::Absent { .. })));
    // What cannot be seen was not removed either.
    assert!(matches!(absent.remove("keyring/a"), Err(RemoveError::Failed { .. })));
    assert!(!absent.root().exists());
}

#[test]
fn keeps_unfinished_files_apart_and_clears_them() {
    let folder = tempfile::tempdir().unwrap();
    let destination = FileSystem::new(folder.path());
    destination.put("main/a", &mut &b"x"[..]).unwrap();
    std::fs::write(folder.path().join("incoming/left-over"), "half").unwrap();
    assert_eq!(destination.list("").unwrap().folders, ["main"]);
    destination.tidy().unwrap();
    destination.tidy().unwrap();
    assert!(!folder.path().join("incoming").exists());
    assert!(matches!(destination.put("incoming/x", &mut &b"x"[..]), Err(PutError::Path { .. })));
}

#[test]
fn leaves_out_of_a_listing_what_is_removed_meanwhile() {
    let folder = tempfile::tempdir().unwrap();
    let destination = FileSystem::new(folder.path());
    std::fs::create_dir(folder.path().join("main")).unwrap();
    let path = |number: u32| folder.path().join(format!("main/{number}"));
    (0..4_000).for_each(|number| std::fs::write(path(number), "x").unwrap());
    std::thread::scope(|scope| {
        scope.spawn(|| (0..4_000).for_each(|number| std::fs::remove_file(path(number)).unwrap()));
        while !destination.list("main").unwrap().objects.is_empty() {}
    });
}

#[test]
fn gives_no_name_before_the_flush_and_never_another_s() {
    let folder = tempfile::tempdir().unwrap();
    let destination = FileSystem::new(folder.path());
    destination.enqueue("a", &mut &b"first"[..]).unwrap();
    destination.enqueue("a", &mut &b"second"[..]).unwrap();
    assert_eq!(destination.size("a").unwrap(), None);
    assert!(matches!(destination.flush(), Err(PutError::Exists { path, .. }) if path == "a"));
    assert_eq!(std::fs::read(folder.path().join("a")).unwrap(), b"first");
    // Never flushed: the next run clears it.
    destination.enqueue("b", &mut &b"x"[..]).unwrap();
    drop(destination);
    let next = FileSystem::new(folder.path());
    next.tidy().unwrap();
    assert_eq!(next.list("").unwrap().objects, [("a".to_owned(), 5)]);
}

#[test]
fn follows_no_link_and_opens_to_the_group_only() {
    let folder = tempfile::tempdir().unwrap();
    let destination = FileSystem::new(folder.path());
    destination.put("main/a", &mut &b"x"[..]).unwrap();
    symlink("/etc/hostname", folder.path().join("main/link")).unwrap();
    assert!(matches!(destination.open("main/link", None).map(drop), Err(SourceError::Io { .. })));
    assert_eq!(destination.size("main/link").unwrap(), None);
    assert!(matches!(destination.put("main/link", &mut &b"x"[..]), Err(PutError::Exists { .. })));
    let mode = |path: &str| folder.path().join(path).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("main/a") & 0o027, 0);
    assert_eq!(mode("main") & 0o027, 0);
}

#[test]
fn keeps_nobody_waiting_at_a_pipe_in_the_place_of_an_object() {
    let folder = tempfile::tempdir().unwrap();
    let destination = FileSystem::new(folder.path());
    let made = std::process::Command::new("mkfifo").arg(folder.path().join("pipe")).status();
    assert!(made.unwrap().success());
    std::fs::create_dir(folder.path().join("folder")).unwrap();
    for path in ["pipe", "folder"] {
        let refused = destination.open(path, None).map(drop).unwrap_err();
        assert!(refused.to_string().contains("it is no regular file"), "{refused}");
        assert_eq!(destination.size(path).unwrap(), None);
    }
}

#[test]
fn takes_a_large_object_whole_that_is_made_durable_on_the_way() {
    let folder = tempfile::tempdir().unwrap();
    let destination = FileSystem::new(folder.path());
    let length = (64 << 20) + 5;
    assert_eq!(destination.put("main/large", &mut io::repeat(7).take(length)).unwrap(), length);
    assert_eq!(destination.size("main/large").unwrap(), Some(length));
}

#[test]
fn that_is_full_says_so_and_leaves_nothing() {
    on_a_small_disk("folder::that_is_full_says_so_and_leaves_nothing", 64, |disk| {
        let destination = FileSystem::new(disk.path());
        let result = destination.put("main/big", &mut io::repeat(7).take(1 << 20));
        assert!(matches!(result, Err(PutError::Full { .. })), "{result:?}");
        assert_eq!(destination.size("main/big").unwrap(), None);
        assert!(destination.put("main/small", &mut &b"x"[..]).is_ok());
    });
}
