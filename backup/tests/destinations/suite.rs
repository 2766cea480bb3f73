//! What every destination does, memory included.

use std::io::{self, Read};

use coffre_backup::destination::{Contents, Destination, PutError, RemoveError, Removing, SourceError};

/// Gives some bytes, then fails: a connection that breaks, a source that turns out to be corrupt.
pub(crate) struct Breaks(pub(crate) &'static [u8]);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.0.is_empty() { Err(io::Error::other("broken")) } else { self.0.read(buffer) }
    }
}

pub(crate) fn read(destination: &dyn Destination, path: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    destination.open(path, None).unwrap().read_to_end(&mut bytes).unwrap();
    bytes
}

fn an_object_comes_back_as_it_was(destination: &(dyn Destination + Sync)) {
    let big: Vec<u8> = (0..1_000_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    for (path, content) in [("a/b/one", &b"one"[..]), ("a/empty", b""), ("big", &big)] {
        assert_eq!(destination.size(path).unwrap(), None);
        assert_eq!(destination.put(path, &mut &*content).unwrap(), content.len() as u64);
        assert_eq!(destination.size(path).unwrap(), Some(content.len() as u64));
        assert_eq!(read(destination, path), content);
    }
}

fn ranges_are_cut_at_the_end(destination: &(dyn Destination + Sync)) {
    destination.put("object", &mut &b"0123456789"[..]).unwrap();
    for (range, expected) in [(0..3, "012"), (7..10, "789"), (8..99, "89"), (10..12, ""), (50..60, ""), (4..4, "")] {
        let mut text = String::new();
        destination.open("object", Some(range.clone())).unwrap().read_to_string(&mut text).unwrap();
        assert_eq!(text, expected, "{range:?}");
    }
}

fn objects_are_written_once(destination: &(dyn Destination + Sync)) {
    destination.put("a/object", &mut &b"first"[..]).unwrap();
    let second = destination.put("a/object", &mut &b"second"[..]);
    assert!(matches!(second, Err(PutError::Exists { path, .. }) if path == "a/object"));
    assert_eq!(read(destination, "a/object"), b"first");
}

fn a_broken_content_leaves_nothing(destination: &(dyn Destination + Sync)) {
    let result = destination.put("a/object", &mut Breaks(b"half"));
    assert!(matches!(result, Err(PutError::Content { .. })));
    assert_eq!(destination.size("a/object").unwrap(), None);
    assert!(destination.list("a").unwrap().objects.is_empty());
    destination.put("a/object", &mut &b"whole"[..]).unwrap();
    assert_eq!(read(destination, "a/object"), b"whole");
}

fn listings_show_one_level_in_order(destination: &(dyn Destination + Sync)) {
    assert_eq!(destination.list("").unwrap(), Contents::default());
    for path in ["z", "a/2", "a/1", "a/b/deep", "a/c/deep", "ab/x"] {
        destination.put(path, &mut path.as_bytes()).unwrap();
    }
    let root = destination.list("").unwrap();
    assert_eq!(root.objects, [("z".to_owned(), 1)]);
    assert_eq!(root.folders, ["a", "ab"]);
    let a = destination.list("a").unwrap();
    assert_eq!(a.objects, [("1".to_owned(), 3), ("2".to_owned(), 3)]);
    assert_eq!(a.folders, ["b", "c"]);
    assert_eq!(destination.list("not/there").unwrap(), Contents::default());
}

fn what_is_not_there_is_named(destination: &(dyn Destination + Sync)) {
    let error = destination.open("a/none", None).map(drop).unwrap_err();
    assert!(matches!(error, SourceError::NotFound { path, .. } if path == "a/none"));
}

fn no_path_leaves_the_place(destination: &(dyn Destination + Sync)) {
    for path in ["", "/etc/passwd", "../x", "a/../../x", "a//b", "./a", "a/", "a/.."] {
        assert!(matches!(destination.put(path, &mut &b"x"[..]), Err(PutError::Path { .. })), "{path}");
        assert!(matches!(destination.open(path, None).map(drop), Err(SourceError::Path { .. })), "{path}");
        assert!(matches!(destination.size(path), Err(SourceError::Path { .. })), "{path}");
        assert!(path.is_empty() || matches!(destination.list(path), Err(SourceError::Path { .. })), "{path}");
    }
}

fn enqueued_objects_are_there_when_flushed(destination: &(dyn Destination + Sync)) {
    for path in ["a/1", "a/2", "b/1"] {
        assert_eq!(destination.enqueue(path, &mut path.as_bytes()).unwrap(), 3);
    }
    assert!(destination.enqueue("a/3", &mut Breaks(b"half")).is_err());
    destination.flush().unwrap();
    destination.flush().unwrap();
    for path in ["a/1", "a/2", "b/1"] {
        assert_eq!(read(destination, path), path.as_bytes());
        // Known by the flush at the latest.
        let again = destination.enqueue(path, &mut &b"x"[..]).and_then(|_| destination.flush());
        assert!(matches!(again, Err(PutError::Exists { .. })));
        assert_eq!(read(destination, path), path.as_bytes());
    }
    assert_eq!(destination.size("a/3").unwrap(), None);
}

fn objects_in_order_stop_at_the_first_that_is_there(destination: &(dyn Destination + Sync)) {
    let object = |path: &str, content: &str| (path.to_owned(), content.as_bytes().to_vec());
    destination.put("c/3", &mut &b"first"[..]).unwrap();
    let all = [object("a/1", "one"), object("b/2", "two"), object("c/3", "three"), object("a/4", "four")];
    let refused = destination.put_in_order(&all);
    assert!(matches!(&refused, Err(PutError::Exists { path, .. }) if path == "c/3"), "{refused:?}");
    for (path, content) in [("a/1", &b"one"[..]), ("b/2", b"two"), ("c/3", b"first")] {
        assert_eq!(read(destination, path), content);
    }
    assert_eq!(destination.size("a/4").unwrap(), None, "nothing is there before what is in front of it");
    destination.put_in_order(&all[3..]).unwrap();
    assert_eq!(read(destination, "a/4"), b"four");
    destination.put_in_order(&[]).unwrap();
    let many: Vec<_> = (0..40).map(|number| object(&format!("m/{number}"), "x")).collect();
    destination.put_in_order(&many).unwrap();
    assert_eq!(destination.list("m").unwrap().objects.len(), 40);
    let nowhere = destination.put_in_order(&[object("a/5", "x"), object("../x", "x")]);
    assert!(matches!(nowhere, Err(PutError::Path { .. })));
}

/// Gives a large content piece by piece, each after small objects were put beside it.
struct Beside<'a> {
    destination: &'a (dyn Destination + Sync),
    given: usize,
}

impl Read for Beside<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let length = buffer.len().min(LARGE - self.given);
        buffer[..length].fill(7);
        let piece = self.given / PIECE;
        if length > 0 && self.given + length >= (piece + 1) * PIECE {
            let object = |name: &str| (format!("small/{piece}-{name}"), name.as_bytes().to_vec());
            self.destination.put_in_order(&[object("a"), object("b")]).unwrap();
        }
        self.given += length;
        Ok(length)
    }
}

const LARGE: usize = 20_000_000;
const PIECE: usize = 6_000_000;

fn small_objects_go_while_a_large_one_is_under_way(destination: &(dyn Destination + Sync)) {
    let mut content = Beside { destination, given: 0 };
    assert_eq!(destination.put("large/object", &mut content).unwrap(), LARGE as u64);
    assert_eq!(destination.list("small").unwrap().objects.len(), 2 * (LARGE / PIECE));
    assert!(read(destination, "large/object") == vec![7; LARGE]);
}

pub(crate) const SUITE: &[fn(&(dyn Destination + Sync))] = &[
    an_object_comes_back_as_it_was,
    ranges_are_cut_at_the_end,
    objects_are_written_once,
    a_broken_content_leaves_nothing,
    enqueued_objects_are_there_when_flushed,
    objects_in_order_stop_at_the_first_that_is_there,
    small_objects_go_while_a_large_one_is_under_way,
    listings_show_one_level_in_order,
    what_is_not_there_is_named,
    no_path_leaves_the_place,
];

/// A place that is written to and removed from.
pub(crate) trait Both: Destination + Removing {}

impl<T: Destination + Removing> Both for T {}

fn a_removed_object_is_gone_and_its_name_is_free(place: &dyn Both) {
    for path in ["keyring/a", "keyring/b"] {
        place.put(path, &mut path.as_bytes()).unwrap();
    }
    place.remove("keyring/a").unwrap();
    assert_eq!(place.size("keyring/a").unwrap(), None);
    assert!(matches!(place.open("keyring/a", None).map(drop), Err(SourceError::NotFound { .. })));
    assert_eq!(place.list("keyring").unwrap().objects, [("b".to_owned(), 9)]);
    assert_eq!(read(place, "keyring/b"), b"keyring/b");
    place.put("keyring/a", &mut &b"again"[..]).unwrap();
    assert_eq!(read(place, "keyring/a"), b"again");
}

fn what_is_not_there_is_removed_already(place: &dyn Both) {
    place.put("keyring/a", &mut &b"x"[..]).unwrap();
    place.remove("keyring/none").unwrap();
    place.remove("nowhere/none").unwrap();
    place.remove("keyring/a").unwrap();
    place.remove("keyring/a").unwrap();
}

fn nothing_outside_the_place_is_removed(place: &dyn Both) {
    for path in ["", "/etc/hostname", "../x", "a/../../x", "a//b", "a/"] {
        assert!(matches!(place.remove(path), Err(RemoveError::Path { .. })), "{path}");
    }
}

pub(crate) const REMOVING: &[fn(&dyn Both)] = &[
    a_removed_object_is_gone_and_its_name_is_free,
    what_is_not_there_is_removed_already,
    nothing_outside_the_place_is_removed,
];
