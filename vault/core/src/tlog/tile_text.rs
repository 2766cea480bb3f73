//! The path of a tile, read: exactly what [`TilePath`] writes, and nothing else. Paths come from outside.

use std::str::FromStr;

use super::head::parse_decimal;
use super::tile::{TILE_WIDTH, TileKind, TilePath};

/// A log of 2⁶³ leaves has tiles up to this level.
const HIGHEST_LEVEL: u32 = 7;

/// The text is no path of a tile.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "this is no path of a tile; write tile/LEVEL/N or tile/entries/N with N in groups of three digits, all but the last led by x, and .p/WIDTH behind it for a partial one"
)]
pub struct TilePathError;

impl FromStr for TilePath {
    type Err = TilePathError;

    fn from_str(text: &str) -> Result<Self, TilePathError> {
        let path = read(text).ok_or(TilePathError)?;
        // One tile has one path: what is written otherwise is refused.
        if path.to_string() == text { Ok(path) } else { Err(TilePathError) }
    }
}

fn read(text: &str) -> Option<TilePath> {
    let (kind, rest) = text.strip_prefix("tile/")?.split_once('/')?;
    let kind = match kind {
        "entries" => TileKind::Entries,
        level => TileKind::Hashes { level: u32::try_from(parse_decimal(level)?).ok()? },
    };
    if matches!(kind, TileKind::Hashes { level } if level > HIGHEST_LEVEL) {
        return None;
    }
    let (groups, width) = match rest.split_once(".p/") {
        Some((groups, width)) => (groups, parse_decimal(width).filter(|width| (1..TILE_WIDTH).contains(width))?),
        None => (rest, TILE_WIDTH),
    };
    Some(TilePath { kind, index: index(groups)?, width })
}

fn index(groups: &str) -> Option<u64> {
    groups.split('/').try_fold(0_u64, |index, group| {
        let digits = group.strip_prefix('x').unwrap_or(group);
        let is_group = digits.len() == 3 && digits.bytes().all(|digit| digit.is_ascii_digit());
        let group: u64 = digits.parse().ok().filter(|_| is_group)?;
        index.checked_mul(1000)?.checked_add(group)
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_what_is_written_is_read() {
        for path in ["tile/0/000", "tile/7/000.p/1", "tile/entries/x001/x234/067", "tile/1/001.p/255"] {
            assert_eq!(path.parse::<TilePath>().unwrap().to_string(), path);
        }
        for text in [
            "",
            "tile",
            "tile/",
            "tile/0",
            "tile/0/",
            "tile/0/0",
            "tile/0/00",
            "tile/0/0000",
            "tile/8/000",
            "tile/64/000",
            "tile/00/000",
            "tile/-1/000",
            "tile/+1/000",
            "tile/data/000",
            "tile/0/x000",
            "tile/0/x000/000",
            "tile/0/001/000",
            "tile/0/x001/x000",
            "tile/0/x01/000",
            "tile/0/00a",
            "tile/0/+01",
            "tile/0/000.p/0",
            "tile/0/000.p/256",
            "tile/0/000.p/01",
            "tile/0/000.p/",
            "tile/0/000.p",
            "tile/0/000.p/1/2",
            "tile/0/000.p/1.p/1",
            "/tile/0/000",
            "tile/0/000/",
            "tile/0//000",
            "tile/0/../000",
            "TILE/0/000",
            "tile/0/x018/x446/x744/x073/x709/x551/616",
        ] {
            assert_eq!(text.parse::<TilePath>(), Err(TilePathError), "{text}");
        }
    }

    #[test]
    fn a_tile_is_there_as_wide_as_the_log_reaches_and_narrower() {
        let within = |text: &str, size| text.parse::<TilePath>().unwrap().is_within(size);
        assert!(within("tile/0/000.p/3", 3) && within("tile/0/000.p/3", 4) && within("tile/0/000.p/3", 1000));
        assert!(!within("tile/0/000.p/4", 3) && !within("tile/0/000", 255) && within("tile/0/000", 256));
        assert!(!within("tile/1/000.p/1", 255) && within("tile/1/000.p/1", 256) && !within("tile/1/000.p/2", 256));
        assert!(within("tile/entries/001.p/1", 257) && !within("tile/entries/001.p/1", 256));
    }

    proptest! {
        #[test]
        fn paths_round_trip(level in 0_u32..=7, index in any::<u64>(), width in 1_u64..=256, entries in any::<bool>()) {
            let kind = if entries { TileKind::Entries } else { TileKind::Hashes { level } };
            let path = TilePath { kind, index, width };
            prop_assert_eq!(path.to_string().parse::<TilePath>(), Ok(path));
        }

        #[test]
        fn any_text_is_read_or_refused(text in "(tile/)?[0-9a-z./]{0,24}") {
            if let Ok(path) = text.parse::<TilePath>() {
                prop_assert_eq!(path.to_string(), text);
            }
        }
    }
}
