//! How many threads that may block work for callers at a time, besides those that look at the vault ([`viewers`](super::viewers)). The
//! runtime has 512 of them for everything, and gives them to whoever comes first: uploads to a slow disk would take them all, and whoever
//! has to look would wait behind. Who finds no seat waits for one, and holds no thread meanwhile.

use tokio::sync::{Semaphore, SemaphorePermit};

/// For whatever may block.
static SEATS: Semaphore = Semaphore::const_new(256);
/// For encrypting and decrypting documents, which is work for processors: of more at a time none is done sooner, and the one thread
/// that writes would seldom have its turn.
static OF_DOCUMENTS: Semaphore = Semaphore::const_new(8);
/// For stretching a passphrase, which takes 256 MB of memory for a second.
static OF_PASSPHRASES: Semaphore = Semaphore::const_new(1);

/// A seat, given back when it is dropped.
pub(super) type Seat = Option<SemaphorePermit<'static>>;

/// Waits for a seat.
pub(super) async fn seat() -> Seat {
    of(&SEATS).await
}

/// Waits for one to encrypt or decrypt a part of a document.
pub(super) async fn seat_for_document() -> Seat {
    of(&OF_DOCUMENTS).await
}

/// Waits for the one to stretch a passphrase.
pub(super) async fn seat_for_passphrase() -> Seat {
    of(&OF_PASSPHRASES).await
}

/// They are never closed.
async fn of(seats: &'static Semaphore) -> Seat {
    seats.acquire().await.ok()
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use futures_util::future::join_all;

    use super::*;

    #[tokio::test]
    async fn documents_wait_for_one_another_and_leave_threads_to_the_others() {
        let held = join_all((0..8).map(|_| seat_for_document())).await;
        assert!(held.iter().all(Option::is_some));
        assert!(seat_for_document().now_or_never().is_none());
        assert!(seat().now_or_never().is_some());
        drop(held);
        assert!(seat_for_document().await.is_some());
    }
}
