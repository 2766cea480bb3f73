//! Where random bytes come from: passed in by the caller, the operating system's in the program.

/// A source of random bytes fit for keys and nonces.
pub trait Entropy: Send {
    /// Fills the buffer with random bytes.
    fn fill(&mut self, buffer: &mut [u8]);
}
