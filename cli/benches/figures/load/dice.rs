//! Numbers that look random, the same in every run: xorshift64* (Vigna, 2014).

/// A generator.
pub(crate) struct Dice(u64);

impl Dice {
    /// One for each seed.
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A number below a limit; 0 where there is none.
    pub(crate) fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let number = usize::try_from(self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33).unwrap_or(0);
        number.checked_rem(limit).unwrap_or(0)
    }
}
