//! Pseudo-random choices that are the same for ever: `SplitMix64` (Steele, Lea, Flood, 2014), seeded by
//! the run's seed and the client's position, so that a client does not depend on how many there are.

/// A sequence of choices.
pub(crate) struct Dice(u64);

impl Dice {
    /// The choices for one position of a run.
    pub(crate) fn new(seed: u64, position: u64) -> Self {
        let mut dice = Self(seed);
        let start = dice.next() ^ position.wrapping_mul(0xD6E8_FEB8_6659_FD93);
        Self(start)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        z ^ (z >> 31)
    }

    /// A number below a limit.
    pub(crate) fn below(&mut self, limit: u32) -> u32 {
        // The bias is below limit / 2^32: nobody draws lots here.
        u32::try_from(((self.next() >> 32) * u64::from(limit)) >> 32).unwrap_or(0)
    }

    /// A number of a range, both ends included.
    pub(crate) fn between(&mut self, first: u32, last: u32) -> u32 {
        first + self.below(last.saturating_sub(first) + 1)
    }

    /// Whether something that happens this many times in a hundred happens now.
    pub(crate) fn chance(&mut self, percent: u32) -> bool {
        self.below(100) < percent
    }

    /// One of several.
    pub(crate) fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        let count = u32::try_from(choices.len()).unwrap_or(u32::MAX);
        choices.get(self.below(count) as usize).copied().unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sequence_is_the_published_one() {
        // The first values of SplitMix64 from state 0, as in its reference implementation.
        let mut dice = Dice(0);
        assert_eq!([dice.next(), dice.next()], [0xE220_A839_7B1D_CDAF, 0x6E78_9E6A_A1B9_65F4]);
    }

    #[test]
    fn choices_stay_within_their_limits() {
        let mut dice = Dice::new(7, 3);
        assert!((0..1000).all(|_| dice.below(3) < 3));
        assert!((0..1000).all(|_| (5..=9).contains(&dice.between(5, 9))));
        let hits = (0..10_000).filter(|_| dice.chance(20)).count();
        assert!((1_800..2_200).contains(&hits), "{hits}");
    }
}
