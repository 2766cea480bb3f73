//! Patterns by which restic is asked for many files of a folder at once. A command line has room for some thousands of
//! paths, and a busy day has more segments than that. Names that begin alike, all of which are wanted, are asked for
//! together; a name that is there and not wanted matches none. Pure.

use std::collections::{BTreeMap, BTreeSet};

/// The patterns for those names of a folder that are wanted. All its names are given, sorted.
pub(super) fn patterns<'n>(all: impl Iterator<Item = &'n str>, wanted: &BTreeSet<&str>) -> Vec<String> {
    let (mut patterns, mut alike) = (Vec::new(), BTreeMap::<(usize, &str), Vec<&str>>::new());
    for name in all {
        if name.is_ascii() {
            alike.entry((name.len(), extension(name))).or_default().push(name);
        } else if wanted.contains(name) {
            patterns.push(name.to_owned());
        }
    }
    for ((_, extension), names) in alike {
        cover(&names, extension, 0, wanted, &mut patterns);
    }
    patterns
}

fn extension(name: &str) -> &str {
    name.rfind('.').and_then(|at| name.get(at..)).unwrap_or_default()
}

/// Names of one length and one extension, sorted, that begin alike up to a place.
fn cover(names: &[&str], extension: &str, place: usize, wanted: &BTreeSet<&str>, patterns: &mut Vec<String>) {
    let count = names.iter().filter(|name| wanted.contains(**name)).count();
    match names {
        _ if count == 0 => {}
        [one] => patterns.push((*one).to_owned()),
        [first, ..] if count == names.len() => {
            let rest = first.len().saturating_sub(place + extension.len());
            patterns.push(format!("{}{}{extension}", first.get(..place).unwrap_or_default(), "?".repeat(rest)));
        }
        _ => {
            for group in names.chunk_by(|one, other| one.as_bytes().get(place) == other.as_bytes().get(place)) {
                cover(group, extension, place + 1, wanted, patterns);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn matches(pattern: &str, name: &str) -> bool {
        let mut both = pattern.bytes().zip(name.bytes());
        pattern.len() == name.len() && both.all(|(expected, found)| expected == b'?' || expected == found)
    }

    #[test]
    fn a_day_of_segments_takes_few_patterns_and_nothing_else_matches_them() {
        let segments: Vec<String> = (1..=30_000).map(|number| format!("{number:016}.segment")).collect();
        let bases = [1, 12_345].map(|number| format!("{number:016}.base"));
        let mut all: Vec<&str> = segments.iter().chain(&bases).map(String::as_str).collect();
        all.sort_unstable();
        for (from, most) in [(0, 1), (12_345, 60), (29_999, 1)] {
            let wanted: BTreeSet<&str> = segments.iter().skip(from).map(String::as_str).collect();
            let patterns = patterns(all.iter().copied(), &wanted);
            assert!(patterns.len() <= most, "{patterns:?}");
            let matched = all.iter().filter(|name| patterns.iter().any(|pattern| matches(pattern, name)));
            assert!(matched.copied().eq(wanted), "from {from}: {patterns:?}");
        }
    }

    #[test]
    fn names_that_have_nothing_in_common_are_asked_for_one_by_one() {
        let all = ["a", "b", "de.x", "dé.x", "fg.x"];
        let wanted = BTreeSet::from(["a", "dé.x", "fg.x"]);
        assert_eq!(patterns(all.into_iter(), &wanted), ["dé.x", "a", "fg.x"]);
        assert_eq!(patterns(all.into_iter(), &BTreeSet::new()), Vec::<String>::new());
    }
}
