//! A search of files for imported values in clear: as UTF-8, Latin-1 and UTF-16 in both byte orders, in the files'
//! contents and in their names. Knows nothing of vaults or backups.

mod values;

use std::fs::{self, File};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt as _;
use std::path::Path;

use aho_corasick::{AhoCorasick, AhoCorasickKind, BuildError};

pub(crate) use values::{Chosen, Kind, Values};

/// Read at a time.
const CHUNK: usize = 1 << 20;

/// Values made ready to be searched for.
pub(crate) struct Needles {
    automaton: AhoCorasick,
    /// Which value a pattern writes.
    value_of: Vec<usize>,
    longest: usize,
    seen: Vec<bool>,
}

/// What was searched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct Searched {
    pub(crate) files: u64,
    pub(crate) bytes: u64,
    pub(crate) hits: u64,
}

impl Searched {
    fn add(&mut self, other: Self) {
        self.files += other.files;
        self.bytes += other.bytes;
        self.hits += other.hits;
    }
}

impl Needles {
    /// Makes values ready: each in all its writings, and those in every encoding.
    pub(crate) fn of<V: AsRef<str>>(values: &[&[V]]) -> Result<Self, BuildError> {
        let (mut patterns, mut value_of) = (Vec::new(), Vec::new());
        for (index, writings) in values.iter().enumerate() {
            for pattern in writings.iter().flat_map(|writing| encodings(writing.as_ref())) {
                patterns.push(pattern);
                value_of.push(index);
            }
        }
        let longest = patterns.iter().map(Vec::len).max().unwrap_or(0);
        let automaton = AhoCorasick::builder().kind(Some(AhoCorasickKind::ContiguousNFA)).build(&patterns)?;
        Ok(Self { automaton, value_of, longest, seen: vec![false; values.len()] })
    }

    /// How many values have been found so far, wherever that was.
    pub(crate) fn found(&self) -> u64 {
        self.seen.iter().filter(|seen| **seen).count() as u64
    }

    /// Forgets what has been found.
    pub(crate) fn forget(&mut self) {
        self.seen.fill(false);
    }

    /// Searches a file, or every file below a folder.
    pub(crate) fn search(&mut self, path: &Path) -> io::Result<Searched> {
        let name = path.file_name().unwrap_or_default();
        let mut searched = Searched { hits: self.look(name.as_bytes(), 0), ..Searched::default() };
        if fs::symlink_metadata(path)?.is_dir() {
            for entry in fs::read_dir(path)? {
                searched.add(self.search(&entry?.path())?);
            }
        } else {
            let (bytes, hits) = self.stream(File::open(path)?)?;
            searched.add(Searched { files: 1, bytes, hits });
        }
        Ok(searched)
    }

    /// Bytes read and hits in them.
    fn stream(&mut self, mut source: impl Read) -> io::Result<(u64, u64)> {
        let keep = self.longest.saturating_sub(1);
        let mut window = Vec::with_capacity(keep + CHUNK);
        let (mut bytes, mut hits) = (0, 0);
        loop {
            // The end of what was searched stays in front, so that a value across the border is found.
            window.drain(..window.len().saturating_sub(keep));
            let old = window.len();
            let read = source.by_ref().take(CHUNK as u64).read_to_end(&mut window)? as u64;
            if read == 0 {
                return Ok((bytes, hits));
            }
            bytes += read;
            hits += self.look(&window, old);
        }
    }

    /// Hits that end behind the first `old` bytes, which were searched before.
    fn look(&mut self, bytes: &[u8], old: usize) -> u64 {
        let mut hits = 0;
        for hit in self.automaton.find_overlapping_iter(bytes).filter(|hit| hit.end() > old) {
            hits += 1;
            let value = self.value_of.get(hit.pattern().as_usize());
            if let Some(seen) = value.and_then(|value| self.seen.get_mut(*value)) {
                *seen = true;
            }
        }
        hits
    }
}

/// The ways in which software would write a value.
fn encodings(value: &str) -> Vec<Vec<u8>> {
    let latin1: Option<Vec<u8>> = value.chars().map(|character| u8::try_from(character).ok()).collect();
    let utf16 = |bytes: fn(u16) -> [u8; 2]| value.encode_utf16().flat_map(bytes).collect::<Vec<u8>>();
    let mut all = vec![value.as_bytes().to_vec(), utf16(u16::to_le_bytes), utf16(u16::to_be_bytes)];
    all.extend(latin1.filter(|latin1| latin1 != value.as_bytes()));
    all
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    const VALUES: [&[&str]; 3] = [&["Lefèvre"], &["h.lefevre@example.fr"], &["00004711", "4711-0000"]];

    fn hits(bytes: &[u8]) -> u64 {
        Needles::of(&VALUES).unwrap().stream(bytes).unwrap().1
    }

    #[test]
    fn every_encoding_is_found() {
        for (bytes, encoding) in [
            ("Lefèvre".as_bytes().to_vec(), "UTF-8"),
            (b"Lef\xe8vre".to_vec(), "Latin-1"),
            ("Lefèvre".encode_utf16().flat_map(u16::to_le_bytes).collect(), "UTF-16LE"),
            ("Lefèvre".encode_utf16().flat_map(u16::to_be_bytes).collect(), "UTF-16BE"),
        ] {
            let padded = [b"...".as_slice(), &bytes, b"..."].concat();
            assert_eq!(hits(&padded), 1, "{encoding}");
        }
        assert_eq!(hits(b"Lefevre"), 0);
    }

    #[test]
    fn a_value_across_the_border_of_two_chunks_is_found_once() {
        for before in CHUNK - 25..CHUNK + 5 {
            let mut bytes = vec![b'x'; before];
            bytes.extend(b"h.lefevre@example.fr");
            bytes.extend(vec![b'x'; CHUNK]);
            assert_eq!(hits(&bytes), 1, "at {before}");
        }
    }

    #[test]
    fn names_of_files_are_searched_and_values_are_counted_once() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("00004711")).unwrap();
        fs::write(folder.path().join("00004711/a"), "Lefèvre 4711-0000 00004711").unwrap();
        let mut needles = Needles::of(&VALUES).unwrap();
        let searched = needles.search(folder.path()).unwrap();
        // Three in the content, and the folder's own name.
        assert_eq!(searched, Searched { files: 1, bytes: 27, hits: 4 });
        assert_eq!(needles.found(), 2);
    }
}
