//! Which signed head is published as the log's checkpoint. Every group of entries has a signed head of its own; what is
//! published stays for a while, so that clients agree on it and witnesses can cosign it, and never goes back.

use std::sync::{Mutex, PoisonError};

use coffre_core::note::{Signature, SignedNote, WitnessKey};
use coffre_core::time::Timestamp;
use coffre_store::SignedHead;

/// So long a head stays where nobody cosigns.
const ALONE: i64 = 1;
/// So long a head that no witness has cosigned yet stays where there are witnesses.
const AWAITED: i64 = 60;
/// So long a cosigned head stays: a witness is to come by more often than this.
const COSIGNED: i64 = 3600;

/// A head that is published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Published {
    pub(crate) size: u64,
    /// The signed note, with the cosignatures it has.
    pub(crate) note: SignedNote,
    since: Timestamp,
    cosigned: bool,
}

/// The published head; none before the first is asked for.
#[derive(Debug, Default)]
pub(super) struct PublishedHead {
    published: Mutex<Option<Published>>,
    /// Held while one is published and kept.
    keeping: Mutex<()>,
}

impl PublishedHead {
    /// The head that is published now: the one before, or the newest if that one has stayed long enough.
    pub(super) fn at(&self, now: Timestamp, witnesses: &[WitnessKey], newest: &SignedHead) -> Option<Published> {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let stays = |head: &Published| {
            let seconds = match (witnesses.is_empty(), head.cosigned) {
                (true, _) => ALONE,
                (false, true) => COSIGNED,
                (false, false) => AWAITED,
            };
            // A log without new entries keeps its head, cosignatures included.
            now < head.since.plus_seconds(seconds) || newest.size <= head.size
        };
        if !published.as_ref().is_some_and(stays)
            && let Ok(note) = SignedNote::parse(newest.note.as_bytes())
        {
            *published = Some(Published { size: newest.size, note, since: now, cosigned: false });
        }
        published.clone()
    }

    /// Publishes a head that witnesses cosigned and gives it with all cosignatures it has; `None` where a later one is
    /// published already.
    pub(super) fn offer(&self, now: Timestamp, size: u64, note: SignedNote) -> Option<SignedNote> {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        let note = match published.as_ref() {
            Some(head) if head.size > size => return None,
            Some(head) if head.size == size => merged(&head.note, note),
            _ => note,
        };
        *published = Some(Published { size, note: note.clone(), since: now, cosigned: true });
        Some(note)
    }

    /// The same, and has what is published kept; whether it was. One at a time: what is kept last was published last.
    pub(super) fn offer_to_keep<E>(
        &self,
        now: Timestamp,
        size: u64,
        note: SignedNote,
        keep: impl FnOnce(&SignedNote) -> Result<(), E>,
    ) -> Result<bool, E> {
        let _alone = self.keeping.lock().unwrap_or_else(PoisonError::into_inner);
        self.offer(now, size, note).map_or(Ok(false), |note| keep(&note).map(|()| true))
    }
}

/// A note with the signatures of another of the same text that it lacks.
fn merged(old: &SignedNote, new: SignedNote) -> SignedNote {
    let is_of = |a: &Signature, b: &Signature| a.name() == b.name() && a.id() == b.id();
    let lacks = |signature: &&Signature| !new.signatures().iter().any(|known| is_of(known, signature));
    let missing: Vec<Signature> = old.signatures().iter().filter(lacks).cloned().collect();
    missing.into_iter().fold(new, SignedNote::with_signature)
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use std::convert::Infallible;
    use std::sync::mpsc::channel;
    use std::thread;
    use std::time::{Duration, Instant};

    use coffre_core::merkle::Hash;
    use coffre_core::note::{KeyName, SigningKey, witness_key};
    use coffre_core::tlog::TreeHead;

    use super::*;

    fn name(text: &str) -> KeyName {
        KeyName::new(text).unwrap()
    }

    fn newest(size: u64) -> SignedHead {
        let head = TreeHead { origin: "v/1".into(), size, root: Hash::from_bytes([1; 32]), extensions: Vec::new() };
        let note = head.sign(&SigningKey::from_seed(name("v"), &[1; 32])).unwrap().to_string();
        SignedHead { size, note }
    }

    fn cosigned(size: u64, witness: &str, time: u64) -> SignedNote {
        SignedNote::parse(newest(size).note.as_bytes()).unwrap().cosign_as_witness(&name(witness), &[5; 32], time)
    }

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_micros(seconds * 1_000_000)
    }

    fn witnesses() -> Vec<WitnessKey> {
        vec![witness_key(name("w"), &[5; 32])]
    }

    #[test]
    fn alone_it_is_at_most_a_second_old() {
        let board = PublishedHead::default();
        let size = |seconds, newest_size| board.at(at(seconds), &[], &newest(newest_size)).unwrap().size;
        assert_eq!([size(10, 1), size(10, 2), size(11, 3), size(11, 4)], [1, 1, 3, 3]);
    }

    #[test]
    fn with_witnesses_it_waits_for_them_and_does_not_go_back() {
        let (board, witnesses) = (PublishedHead::default(), witnesses());
        let published = |seconds, size| board.at(at(seconds), &witnesses, &newest(size)).unwrap();
        assert_eq!((published(0, 1).size, published(59, 5).size, published(60, 5).size), (1, 1, 5));
        assert_eq!(board.offer(at(61), 4, cosigned(4, "w", 61)), None, "a later one has been seen");
        assert_eq!(board.offer(at(62), 7, cosigned(7, "w", 62)), Some(cosigned(7, "w", 62)));
        let head = published(62 + 3599, 90);
        assert_eq!((head.size, head.note.signatures().len()), (7, 2));
        assert_eq!(published(62 + 3600, 90).size, 90, "no witness came by");
        assert_eq!(published(62 + 3600, 90).note.signatures().len(), 1);
    }

    #[test]
    fn of_two_that_come_at_once_the_one_that_is_published_last_is_kept_last() {
        let (board, kept, (begun, begins)) = (PublishedHead::default(), Mutex::new(Vec::new()), channel());
        let keep = |size| {
            kept.lock().unwrap().push(size);
            Ok::<(), Infallible>(())
        };
        thread::scope(|scope| {
            scope.spawn(|| {
                let slowly = |_: &SignedNote| {
                    begun.send(()).unwrap();
                    let patience = Instant::now() + Duration::from_millis(50);
                    while kept.lock().unwrap().is_empty() && Instant::now() < patience {
                        thread::yield_now();
                    }
                    keep(7)
                };
                assert!(board.offer_to_keep(at(1), 7, cosigned(7, "w", 1), slowly).unwrap());
            });
            begins.recv().unwrap();
            assert!(board.offer_to_keep(at(1), 9, cosigned(9, "w", 1), |_| keep(9)).unwrap());
        });
        assert!(!board.offer_to_keep(at(1), 8, cosigned(8, "w", 1), |_| keep(8)).unwrap(), "a later one is published");
        assert_eq!(*kept.lock().unwrap(), [7, 9]);
    }

    #[test]
    fn cosignatures_of_one_head_are_kept_together_and_each_witness_counts_once() {
        let (board, witnesses) = (PublishedHead::default(), witnesses());
        board.at(at(0), &witnesses, &newest(3)).unwrap();
        for (witness, time) in [("w", 1), ("x", 2), ("w", 3)] {
            assert!(board.offer(at(time), 3, cosigned(3, witness, time.unsigned_abs())).is_some());
        }
        let head = board.at(at(9999), &witnesses, &newest(3)).unwrap();
        let names: Vec<&str> = head.note.signatures().iter().map(|s| s.name().as_str()).collect();
        assert_eq!(names, ["v", "w", "x"], "a log without new entries keeps them");
        assert_eq!(board.at(at(9999), &witnesses, &newest(4)).unwrap().size, 4);
    }
}
