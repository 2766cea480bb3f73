//! Random bytes for the identifiers of requests, drawn from the system many at a time: each request has one, and it is no secret.

use std::cell::RefCell;

use coffre_core::crypto::Entropy;
use coffre_store::clock::SystemEntropy;

/// Of 64 identifiers.
const AT_A_TIME: usize = 64 * 16;

thread_local! {
    static DRAWN: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// Bytes that nobody had before.
pub(super) struct Drawn;

impl Entropy for Drawn {
    fn fill(&mut self, buffer: &mut [u8]) {
        DRAWN.with_borrow_mut(|drawn| {
            if drawn.len() < buffer.len() {
                drawn.resize(AT_A_TIME.max(buffer.len()), 0);
                SystemEntropy.fill(drawn);
            }
            let given = drawn.drain(drawn.len() - buffer.len()..);
            buffer.iter_mut().zip(given).for_each(|(to, from)| *to = from);
        });
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nothing_is_given_twice() {
        let draw = || {
            let mut bytes = [0; 24];
            Drawn.fill(&mut bytes);
            bytes
        };
        let drawn: BTreeSet<[u8; 24]> = (0..1_000).map(|_| draw()).collect();
        assert_eq!(drawn.len(), 1_000);
        let mut long = vec![0; 10 * AT_A_TIME];
        Drawn.fill(&mut long);
        assert!(long.as_chunks::<16>().0.iter().all(|bytes| *bytes != [0; 16]), "filled to its end");
    }
}
