//! Proofs of single entries.

use proptest::prelude::*;

use super::*;
use crate::merkle::{Hash, HashSource, ProofError};

struct Leaves(Vec<Vec<u8>>);

impl HashSource for Leaves {
    type Error = Infallible;

    fn leaf(&self, index: u64) -> Result<Hash, Infallible> {
        Ok(leaf_hash(&self.0[index as usize]))
    }
}

fn proof(index: u64, size: u64) -> TlogProof {
    let head = head_of(&log(size));
    TlogProof::make(index, &head, sign(&head), &Leaves(log(size))).unwrap()
}

/// The proof of `docs/formats/audit-log.md`.
#[test]
fn bytes_are_as_documented() {
    let lines = "c2sp.org/tlog-proof@v1\n\
        index 1\n\
        lgtRQ1PUyF6vU95sd8RLAJjP0auH+4+ybuWLTqHYmJU=\n\
        v6yA4209+zG40//zeYyzD9FotK5cqRuzIzJpB2F8h4E=\n\
        \n";
    assert_eq!(proof(1, 3).to_string(), [lines, CHECKPOINT].concat());
}

#[test]
fn a_proof_round_trips_and_verifies() {
    for extra in [&b""[..], b"extra"] {
        let proof = TlogProof { extra: extra.to_vec(), ..proof(70, 300) };
        let read = TlogProof::parse(proof.to_string().as_bytes()).unwrap();
        assert_eq!(read, proof);
        assert_eq!(read.verify(&entry(70), &key(), Some(ORIGIN)), Ok(head_of(&log(300))));
        assert_eq!(
            read.verify(&entry(71), &key(), None),
            Err(TlogProofError::Entry { index: 70, source: ProofError::Root })
        );
        assert!(matches!(read.verify(&entry(70), &key(), Some("other")), Err(TlogProofError::Head(_))));
    }
}

#[test]
fn every_flipped_bit_of_a_proof_is_found() {
    let bytes = proof(1, 3).to_string().into_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut changed = bytes.clone();
            changed[at] ^= 1 << bit;
            let found = TlogProof::parse(&changed).and_then(|proof| proof.verify(&entry(1), &key(), None));
            assert!(found.is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn malformed_proofs_name_the_line() {
    let good = proof(1, 3).to_string();
    let body = good.split_once('\n').unwrap().1;
    for (text, line) in [
        (String::new(), 1),
        ("c2sp.org/tlog-proof@v1\nindex 1\n".into(), 1),
        (good.replace("@v1", "@v2"), 1),
        (good.replace("index 1\n", ""), 2),
        (good.replace("index 1", "index 01"), 2),
        (good.replace("index 1", "index -1"), 2),
        (good.replace("index 1", "extra \nindex 1"), 2),
        (good.replace("index 1", "extra extra AA==\nindex 1"), 2),
        (good.replace("index 1", "extra ?\nindex 1"), 2),
        (good.replace("index 1", "extra AA==\nextra AA==\nindex 1"), 2),
        (good.replace("index 1", "index 1\nAAAA"), 3),
        (format!("c2sp.org/tlog-proof@v1\nextra AA==\n{}", body.replace("index", "indes")), 2),
    ] {
        let Err(TlogProofError::Line { line: found, .. }) = TlogProof::parse(text.as_bytes()) else {
            panic!("{text:?} was accepted");
        };
        assert_eq!(found, line, "{text:?}");
    }
    assert!(matches!(TlogProof::parse(b"c2sp.org/tlog-proof@v1\nindex 1\n\nno note\n"), Err(TlogProofError::Note(_))));
}

proptest! {
    #[test]
    fn arbitrary_texts_never_panic(text in "(c2sp.org/tlog-proof@v1\n)?(extra AA==\n)?(index [0-9]{0,22}\n)?([A-Za-z0-9+/=]{0,44}\n){0,3}\n.{0,40}") {
        let _ = TlogProof::parse(text.as_bytes());
    }
}
