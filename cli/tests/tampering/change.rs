//! What is done to a file, from a seed.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use crate::dice::Dice;

/// Everything that can be done to the bytes of one file without knowing what they mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Change {
    /// One bit is turned.
    Bit { at: usize, bit: u8 },
    /// So many bytes become zero.
    Zeroes { at: usize, length: usize },
    /// So many bytes become others.
    Noise { at: usize, length: usize, seed: u64 },
    /// The file ends here.
    Cut { at: usize },
    /// So many bytes are taken out, and what follows moves up.
    TakenOut { at: usize, length: usize },
    /// The same bytes come twice.
    Twice { at: usize, length: usize },
    /// Two stretches change places.
    Swapped { one: usize, other: usize, length: usize },
    /// Something follows what was the end.
    Longer { length: usize, seed: u64 },
}

impl Change {
    /// Any of them, for a file of so many bytes whose parts have this length.
    pub(crate) fn any(dice: &mut Dice, size: usize, part: usize) -> Self {
        let at = dice.below(size);
        let length = 1 + dice.below(64.min(size - at).max(1));
        let parts = size / part;
        match dice.below(16) {
            0..7 => Self::Bit { at, bit: 1 << dice.below(8) },
            7 => Self::Zeroes { at, length },
            8..10 => Self::Noise { at, length, seed: dice.next() },
            10 => Self::Cut { at },
            11 => Self::TakenOut { at, length },
            12 => Self::Twice { at, length },
            13 => Self::Longer { length, seed: dice.next() },
            _ if parts > 2 => {
                let (one, other) = (dice.below(parts), dice.below(parts));
                Self::Swapped { one: one * part, other: other * part, length: part }
            }
            _ => Self::Bit { at, bit: 1 },
        }
    }

    /// What becomes of some bytes.
    pub(crate) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut changed = bytes.to_vec();
        match self {
            Self::Bit { at, bit } => changed[at] ^= bit,
            Self::Zeroes { at, length } => changed[at..at + length].fill(0),
            Self::Noise { at, length, seed } => noise(&mut changed[at..at + length], seed),
            Self::Cut { at } => changed.truncate(at),
            Self::TakenOut { at, length } => drop(changed.drain(at..at + length)),
            Self::Twice { at, length } => {
                let again = changed[at..at + length].to_vec();
                changed.splice(at..at, again);
            }
            Self::Swapped { one, other, length } => {
                let first = bytes[one..one + length].to_vec();
                let second = bytes[other..other + length].to_vec();
                changed[one..one + length].copy_from_slice(&second);
                changed[other..other + length].copy_from_slice(&first);
            }
            Self::Longer { length, seed } => {
                let end = changed.len();
                changed.resize(end + length, 0);
                noise(&mut changed[end..], seed);
            }
        }
        changed
    }
}

fn noise(bytes: &mut [u8], seed: u64) {
    let mut dice = Dice::new(seed);
    bytes.fill_with(|| dice.next().to_le_bytes()[0]);
}

/// Puts other bytes in the place of a file, as another file: what is written once cannot be written to.
pub(crate) fn put(path: &Path, bytes: &[u8]) {
    let mode = fs::metadata(path).map_or(0o600, |metadata| metadata.permissions().mode());
    fs::remove_file(path).ok();
    fs::write(path, bytes).expect("written");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("ours");
}
