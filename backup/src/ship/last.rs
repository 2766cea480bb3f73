//! The newest moment of a place by few questions: its segments follow one another without a gap, so where they end is found by their
//! names, and none are listed. There are ever more of them.

use coffre_core::ids::GenerationId;
use coffre_core::spool::{Chain, ObjectName, Ordinal, Pinned, SegmentHeader};

use super::segments::point_up_to;
use crate::destination::{Source, SourceError};

/// The newest moment that segments reach in a generation after a place of the log, and the segment that says it.
pub(crate) fn newest_point_after(
    place: &dyn Source,
    generation: GenerationId,
    base: Ordinal,
    pinned: &Pinned,
) -> Result<Option<SegmentHeader>, SourceError> {
    let at = |ahead: u64| Ordinal::new(base.get().saturating_add(ahead));
    let is_there = |ahead: u64| -> Result<bool, SourceError> {
        let Some(position) = at(ahead) else { return Ok(false) };
        let name = ObjectName::Segment { generation, chain: Chain::Audit, position };
        Ok(place.size(&name.path(&pinned.scope))?.is_some())
    };
    match at(how_many(is_there)?) {
        Some(last) => point_up_to(place, generation, last, pinned, |position| position > base),
        None => Ok(None),
    }
}

/// How many follow one another: leaps, each twice as long as the one before, lead beyond the last, halves back to it.
fn how_many<E>(is_there: impl Fn(u64) -> Result<bool, E>) -> Result<u64, E> {
    let (mut there, mut leap) = (0, 1);
    while is_there(there + leap)? {
        there += leap;
        leap *= 2;
    }
    while leap > 1 {
        leap /= 2;
        if is_there(there + leap)? {
            there += leap;
        }
    }
    Ok(there)
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::convert::Infallible;

    use super::*;

    #[test]
    fn the_last_of_a_million_is_found_by_few_questions() {
        for many in (0..300).chain([1_000_000, 1_048_575, 1_048_576]) {
            let asked = Cell::new(0);
            let is_there = |ahead: u64| {
                asked.set(asked.get() + 1);
                Ok::<_, Infallible>(ahead <= many)
            };
            assert_eq!(how_many(is_there), Ok(many));
            assert!(asked.get() <= 42, "{many} took {} questions", asked.get());
        }
    }
}
