//! A bucket on a server of the S3 protocol. All of it in the module `s3`, which `scripts/test` leaves out, and says
//! so, where the server cannot be installed.

use std::io::{self, Read};

use coffre_backup::destination::{
    Destination as _, PutError, RemoveError, Removing as _, S3, S3Settings, Source as _, SourceError,
};

use crate::bucket::Moto;
use crate::suite::{REMOVING, SUITE, read};
use crate::versions;

#[test]
fn conforms() {
    let moto = Moto::start();
    for (number, case) in SUITE.iter().enumerate() {
        case(&S3::new(&moto.settings(&format!("suite/{number}"))).unwrap());
    }
    for (number, case) in REMOVING.iter().enumerate() {
        case(&S3::new(&moto.settings(&format!("removing/{number}"))).unwrap());
    }
    case_without_prefix(&moto);
}

#[test]
fn a_name_that_is_taken_is_refused_before_and_after_the_server_was_seen_to_refuse_it() {
    let moto = Moto::start();
    S3::new(&moto.settings("conditions")).unwrap().put("main/first", &mut &b"theirs"[..]).unwrap();
    // A process that knows nothing of the server yet, and then does.
    let bucket = S3::new(&moto.settings("conditions")).unwrap();
    for path in ["main/second", "main/third"] {
        let taken = bucket.put("main/first", &mut &b"ours"[..]);
        assert!(matches!(taken, Err(PutError::Exists { .. })), "{taken:?}");
        bucket.put(path, &mut path.as_bytes()).unwrap();
        assert_eq!(read(&bucket, path), path.as_bytes());
    }
    assert_eq!(read(&bucket, "main/first"), b"theirs");
}

#[test]
fn what_is_removed_from_a_bucket_with_versions_is_in_none_of_them() {
    let moto = Moto::start();
    versions::keep(&moto);
    let bucket = S3::new(&moto.settings("versions")).unwrap();
    for path in ["keyring/a", "keyring/b"] {
        bucket.put(path, &mut path.as_bytes()).unwrap();
    }
    bucket.remove("keyring/a").unwrap();
    bucket.remove("keyring/a").unwrap();
    assert_eq!(bucket.size("keyring/a").unwrap(), None);
    let listed = versions::listed(&moto);
    assert!(listed.contains("versions/keyring/b"), "{listed}");
    assert!(!listed.contains("versions/keyring/a"), "neither it nor a mark in its place: {listed}");
}

#[test]
fn a_server_that_is_lost_has_removed_nothing() {
    let moto = Moto::start();
    let bucket = S3::new(&moto.settings("")).unwrap();
    bucket.put("keyring/a", &mut &b"x"[..]).unwrap();
    moto.stop();
    let error = bucket.remove("keyring/a").unwrap_err();
    assert!(matches!(error, RemoveError::Failed { .. }), "{error}");
    assert!(!error.to_string().contains("Signature"), "a signed address is a credential: {error}");
}

fn case_without_prefix(moto: &Moto) {
    let bucket = S3::new(&moto.settings("")).unwrap();
    bucket.put("main/a", &mut &b"x"[..]).unwrap();
    assert_eq!(bucket.list("").unwrap().folders, ["main", "removing", "suite"]);
}

/// Bytes that no part of which is like another.
struct Varied {
    state: u64,
    ready: Vec<u8>,
}

impl Read for Varied {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.ready.len() < buffer.len() {
            self.state = self.state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            self.ready.extend(self.state.to_be_bytes());
        }
        buffer.copy_from_slice(&self.ready[..buffer.len()]);
        self.ready.drain(..buffer.len());
        Ok(buffer.len())
    }
}

fn varied(length: u64) -> impl Read {
    Varied { state: 1, ready: Vec::new() }.take(length)
}

#[test]
fn large_objects_go_in_parts_and_come_back() {
    let moto = Moto::start();
    let bucket = S3::new(&moto.settings("large")).unwrap();
    // One part exactly, and two with a rest.
    for length in [16 << 20, (32 << 20) + 12_345] {
        let path = format!("main/{length}");
        let mut content = Vec::new();
        varied(length).read_to_end(&mut content).unwrap();
        assert_eq!(bucket.put(&path, &mut content.as_slice()).unwrap(), length);
        assert!(read(&bucket, &path) == content);
        let mut middle = Vec::new();
        let range = length / 2..length / 2 + 1000;
        bucket.open(&path, Some(range.clone())).unwrap().read_to_end(&mut middle).unwrap();
        assert!(middle == content[usize::try_from(range.start).unwrap()..][..1000]);
        assert!(matches!(bucket.put(&path, &mut content.as_slice()), Err(PutError::Exists { .. })));
    }
}

#[test]
fn a_large_object_that_breaks_off_leaves_nothing() {
    let moto = Moto::start();
    let bucket = S3::new(&moto.settings("")).unwrap();
    let broken = &mut varied(20 << 20).chain(crate::suite::Breaks(b"then it breaks"));
    assert!(matches!(bucket.put("main/half", broken), Err(PutError::Content { .. })));
    assert_eq!(bucket.size("main/half").unwrap(), None);
    assert!(bucket.list("main").unwrap().objects.is_empty());
}

#[test]
fn listings_of_many_pages_are_whole() {
    let moto = Moto::start();
    let bucket = S3::new(&moto.settings("many")).unwrap();
    for number in 0..1_100 {
        bucket.enqueue(&format!("main/{number:04}"), &mut &b"x"[..]).unwrap();
    }
    bucket.flush().unwrap();
    let objects = bucket.list("main").unwrap().objects;
    assert_eq!(objects.len(), 1_100);
    assert_eq!(objects[1_099], ("1099".to_owned(), 1));
}

#[test]
fn a_bucket_that_is_not_there_is_said_to_be_absent() {
    let moto = Moto::start();
    let absent = S3::new(&S3Settings { bucket: "nobody-s".to_owned(), ..moto.settings("") }).unwrap();
    assert!(matches!(absent.list("").map(drop), Err(SourceError::Absent { .. })));
    assert!(matches!(absent.put("a", &mut &b"x"[..]), Err(PutError::Absent { .. })));
}

#[test]
fn a_server_that_is_lost_is_unreachable() {
    let moto = Moto::start();
    let bucket = S3::new(&moto.settings("")).unwrap();
    bucket.put("a", &mut &b"x"[..]).unwrap();
    moto.stop();
    let error = bucket.list("").map(drop).unwrap_err();
    assert!(matches!(error, SourceError::Unreachable { .. }), "{error}");
    assert!(!error.to_string().contains("Signature"), "a signed address is a credential: {error}");
    assert!(matches!(bucket.put("b", &mut &b"x"[..]), Err(PutError::Unreachable { .. })));
}
