//! What is done to a file among others: to its bytes, or to it as a whole.

use std::fs;
use std::path::{Path, PathBuf};

use crate::change::{Change, put};
use crate::dice::Dice;
use crate::evenings::Evenings;

/// Everything that can be done to a file without a key.
#[derive(Debug)]
pub(crate) enum Deed {
    /// To its bytes.
    Bytes(Change),
    Removed,
    /// It has the bytes of another one.
    Other(PathBuf),
    /// Both change places.
    Swapped(PathBuf),
    /// It is as it was a day before, or is not there any more because it was not then.
    Earlier,
}

/// What kind of file it is: what stands in its path but names of vaults, generations and hashes.
fn kind(file: &Path) -> String {
    let word = |part: &&str| part.len() > 2 && part.chars().all(|c| c.is_ascii_lowercase() || c == '-');
    let path = file.display().to_string();
    let words: Vec<_> = path.split('/').filter(word).collect();
    format!("{}{:?}", words.join("/"), file.extension())
}

/// A file: every kind as often as any other, however many there are of each.
pub(crate) fn any_file<'f>(dice: &mut Dice, files: &'f [PathBuf]) -> &'f PathBuf {
    let mut kinds: Vec<_> = files.iter().map(|file| kind(file)).collect();
    kinds.sort();
    kinds.dedup();
    let chosen = &kinds[dice.below(kinds.len())];
    let of_it: Vec<_> = files.iter().filter(|file| kind(file) == *chosen).collect();
    of_it[dice.below(of_it.len())]
}

impl Deed {
    /// Any of them, to a file with parts of this length.
    pub(crate) fn any(dice: &mut Dice, evenings: &Evenings, file: &Path, files: &[PathBuf], part: usize) -> Self {
        let of_its_kind: Vec<_> = files.iter().filter(|other| kind(other) == kind(file)).collect();
        let other = of_its_kind[dice.below(of_its_kind.len())].clone();
        match dice.below(12) {
            0 => Self::Removed,
            1 => Self::Other(other),
            2 => Self::Swapped(other),
            3 => Self::Earlier,
            _ => match evenings.later(file).len() {
                0 => Self::Removed,
                size => Self::Bytes(Change::any(dice, size, part)),
            },
        }
    }

    /// Does it to a file of a copy of the second evening; whether anything is different then.
    pub(crate) fn done(&self, evenings: &Evenings, copy: &Path, file: &Path) -> bool {
        let (bytes, at) = (evenings.later(file), copy.join(file));
        let becomes = |new: &[u8]| {
            put(&at, new);
            new != bytes
        };
        match self {
            Self::Bytes(change) => becomes(&change.of(&bytes)),
            Self::Removed => fs::remove_file(&at).is_ok(),
            Self::Other(other) => becomes(&evenings.later(other)),
            Self::Swapped(other) => {
                put(&copy.join(other), &bytes);
                becomes(&evenings.later(other))
            }
            Self::Earlier => match evenings.earlier(file) {
                Some(earlier) => becomes(&earlier),
                None => fs::remove_file(&at).is_ok(),
            },
        }
    }
}
