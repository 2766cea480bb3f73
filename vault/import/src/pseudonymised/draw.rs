//! Drawing lots: uniform numbers from a source of random bytes.

use coffre_core::crypto::Entropy;

/// So many bytes are taken from the source at a time.
const AT_A_TIME: usize = 4096;

/// Draws lots.
pub(super) struct Draw {
    entropy: Box<dyn Entropy>,
    bytes: Vec<u8>,
}

impl Draw {
    pub(super) fn from(entropy: Box<dyn Entropy>) -> Self {
        Self { entropy, bytes: Vec::new() }
    }

    /// A number below a bound; 0 where nothing is below it. The bias of a remainder of 64 bits is nobody's to see.
    pub(super) fn below(&mut self, bound: usize) -> usize {
        if self.bytes.len() < 8 {
            self.bytes.resize(AT_A_TIME, 0);
            self.entropy.fill(&mut self.bytes);
        }
        let rest = self.bytes.split_off(self.bytes.len() - 8);
        let number = rest.iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
        number.checked_rem(bound as u64).and_then(|number| usize::try_from(number).ok()).unwrap_or(0)
    }

    /// Whether a lot of so many is drawn.
    pub(super) fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    /// One of these.
    pub(super) fn pick<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        let at = self.below(among.len());
        among.get(at).copied()
    }

    /// Another order, each as likely as any other (Fisher and Yates).
    pub(super) fn shuffle<T>(&mut self, all: &mut [T]) {
        for end in (1..all.len()).rev() {
            let at = self.below(end + 1);
            all.swap(at, end);
        }
    }
}
