//! The tree against the reference vectors of Certificate Transparency, and all pairs of small sizes.
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::cast_possible_truncation,
    reason = "tests of small trees"
)]

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// The leaves and hashes of certificate-transparency-go's reference tests.
const LEAVES: [&[u8]; 8] = [
    b"",
    b"\x00",
    b"\x10",
    b"\x20\x21",
    b"\x30\x31",
    b"\x40\x41\x42\x43",
    b"\x50\x51\x52\x53\x54\x55\x56\x57",
    b"\x60\x61\x62\x63\x64\x65\x66\x67\x68\x69\x6a\x6b\x6c\x6d\x6e\x6f",
];
const ROOTS: [&str; 9] = [
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
];
const LEAF_1: &str = "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7";
const NODE_2_4: &str = "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e";
const NODE_4_8: &str = "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4";
const LEAF_4: &str = "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b";
const NODE_6_8: &str = "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0";
const NODE_4_6: &str = "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a";

/// Leaf hashes in memory; inner nodes are computed.
struct Leaves(Vec<Hash>);

impl HashSource for Leaves {
    type Error = Infallible;

    fn leaf(&self, index: u64) -> Result<Hash, Infallible> {
        Ok(self.0[usize::try_from(index).unwrap()])
    }
}

fn reference() -> Leaves {
    Leaves(LEAVES.into_iter().map(leaf_hash).collect())
}

fn numbered(size: u64) -> Leaves {
    Leaves((0..size).map(|n| leaf_hash(&n.to_be_bytes())).collect())
}

/// Roots of all prefixes, straight from the definition of RFC 6962, section 2.1.
fn definition(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => Hash::empty_root(),
        [leaf] => *leaf,
        _ => {
            let split = leaves.len().next_power_of_two() / 2;
            node_hash(&definition(&leaves[..split]), &definition(&leaves[split..]))
        }
    }
}

#[test]
fn reference_roots() {
    let leaves = reference();
    let mut frontier = Frontier::new();
    for (size, expected) in ROOTS.iter().enumerate() {
        assert_eq!(frontier.size(), size as u64);
        assert_eq!(frontier.root().to_string(), *expected);
        assert_eq!(root_at(size as u64, &leaves).unwrap(), frontier.root());
        if let Some(leaf) = leaves.0.get(size) {
            frontier.append(*leaf);
        }
    }
}

#[test]
fn reference_inclusion_proofs() {
    for (index, size, expected) in [
        (0, 1, &[][..]),
        (0, 8, &[LEAF_1, NODE_2_4, NODE_4_8]),
        (5, 8, &[LEAF_4, NODE_6_8, ROOTS[4]]),
        (2, 3, &[ROOTS[2]]),
        (1, 5, &[ROOTS[1], NODE_2_4, LEAF_4]),
    ] {
        let proof = inclusion_proof(index, size, &reference()).unwrap();
        let texts: Vec<_> = proof.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "leaf {index} of {size}");
    }
}

#[test]
fn reference_consistency_proofs() {
    for (old, new, expected) in [
        (1, 1, &[][..]),
        (1, 8, &[LEAF_1, NODE_2_4, NODE_4_8]),
        (6, 8, &[NODE_4_6, NODE_6_8, ROOTS[4]]),
        (2, 5, &[NODE_2_4, LEAF_4]),
    ] {
        let proof = consistency_proof(old, new, &reference()).unwrap();
        let texts: Vec<_> = proof.iter().map(ToString::to_string).collect();
        assert_eq!(texts, expected, "{old} to {new}");
    }
}

#[test]
fn every_inclusion_proof_to_260_leaves_verifies_for_its_leaf_only() {
    let leaves = numbered(260);
    let mut frontier = Frontier::new();
    for size in 1..=260 {
        frontier.append(leaves.0[size as usize - 1]);
        let root = frontier.root();
        assert_eq!(root, definition(&leaves.0[..size as usize]));
        for index in 0..size {
            let proof = inclusion_proof(index, size, &leaves).unwrap();
            let leaf = leaves.0[index as usize];
            assert_eq!(verify_inclusion(leaf, index, size, &proof, root), Ok(()));
            let other = (index + 1) % size;
            if other != index {
                assert!(verify_inclusion(leaf, other, size, &proof, root).is_err());
            }
            let wrong = leaf_hash(b"wrong");
            assert_eq!(verify_inclusion(wrong, index, size, &proof, root), Err(ProofError::Root));
        }
    }
}

#[test]
fn every_consistency_proof_to_260_leaves_verifies_for_its_trees_only() {
    let leaves = numbered(260);
    let roots: Vec<_> = (0..=260).map(|n| root_of(leaves.0[..n].iter().copied())).collect();
    for new in 0..=260 {
        for old in 0..=new {
            let proof = consistency_proof(old, new, &leaves).unwrap();
            let (old, new) = ((old, roots[old as usize]), (new, roots[new as usize]));
            assert_eq!(verify_consistency(old, new, &proof), Ok(()));
            let wrong = leaf_hash(b"wrong");
            assert_eq!(verify_consistency((old.0, wrong), new, &proof), Err(ProofError::Root));
            if old.0 > 0 || new.0 == 0 {
                assert_eq!(verify_consistency(old, (new.0, wrong), &proof), Err(ProofError::Root));
            }
        }
    }
}

#[test]
fn impossible_questions_say_so() {
    let leaves = numbered(4);
    assert_eq!(inclusion_proof(4, 4, &leaves), Err(ProveError::NoSuchLeaf { index: 4, size: 4 }));
    assert_eq!(consistency_proof(4, 3, &leaves), Err(ProveError::Shrinking { old: 4, new: 3 }));
    let root = root_of(leaves.0.iter().copied());
    assert_eq!(verify_inclusion(root, 4, 4, &[], root), Err(ProofError::NoSuchLeaf { index: 4, size: 4 }));
    assert_eq!(verify_consistency((4, root), (3, root), &[]), Err(ProofError::Shrinking { old: 4, new: 3 }));
    assert_eq!(verify_consistency((3, root), (4, root), &[]), Err(ProofError::Length { length: 0 }));
}

/// The bytes of `docs/formats/audit-log.md`.
#[test]
fn frontier_bytes_are_as_documented() {
    let mut frontier = Frontier::new();
    assert_eq!(frontier.to_bytes(), [0; 8]);
    for leaf in &reference().0[..5] {
        frontier.append(*leaf);
    }
    let size: &[u8] = &5u64.to_be_bytes();
    let first_four: Hash = ROOTS[4].parse().unwrap();
    let fifth: Hash = LEAF_4.parse().unwrap();
    assert_eq!(frontier.to_bytes(), [size, first_four.as_bytes(), fifth.as_bytes()].concat());
}

#[test]
fn malformed_frontiers_are_refused() {
    let mut frontier = Frontier::new();
    frontier.append(leaf_hash(b"a"));
    let bytes = frontier.to_bytes();
    for length in 0..bytes.len() {
        assert_eq!(Frontier::from_bytes(&bytes[..length]), Err(FrontierError { length }));
    }
    assert!(Frontier::from_bytes(&[&bytes[..], &[0]].concat()).is_err());
    let too_large = [&u64::MAX.to_be_bytes()[..], &[0; 64 * 32]].concat();
    assert!(Frontier::from_bytes(&too_large).is_err());
}

proptest! {
    #[test]
    fn a_stored_frontier_goes_on_as_before(before in 0u64..600, after in 0u64..600) {
        let leaves = numbered(before + after);
        let (first, second) = leaves.0.split_at(usize::try_from(before).unwrap());
        let mut frontier = Frontier::new();
        for leaf in first {
            frontier.append(*leaf);
        }
        let mut reopened = Frontier::from_bytes(&frontier.to_bytes()).unwrap();
        prop_assert_eq!(&reopened, &frontier);
        for leaf in second {
            reopened.append(*leaf);
        }
        prop_assert_eq!(reopened.root(), definition(&leaves.0));
    }

    #[test]
    fn a_changed_proof_is_refused(
        (size, index) in (2u64..2000).prop_flat_map(|size| (Just(size), 0..size)),
        change in any::<prop::sample::Index>(),
        kind in 0..3,
    ) {
        let leaves = numbered(size);
        let root = root_of(leaves.0.iter().copied());
        let leaf = leaves.leaf(index).unwrap();
        let mut inclusion = inclusion_proof(index, size, &leaves).unwrap();
        damage(&mut inclusion, change, kind);
        prop_assert!(verify_inclusion(leaf, index, size, &inclusion, root).is_err());

        let old = index.max(1);
        let old_root = root_at(old, &leaves).unwrap();
        let mut consistency = consistency_proof(old, size, &leaves).unwrap();
        damage(&mut consistency, change, kind);
        prop_assert!(verify_consistency((old, old_root), (size, root), &consistency).is_err());
    }

    #[test]
    fn arbitrary_proofs_never_panic(
        index in any::<u64>(), size in any::<u64>(), length in 0usize..70,
    ) {
        let hash = leaf_hash(b"a");
        let proof = vec![hash; length];
        prop_assert!(size == 1 || verify_inclusion(hash, index, size, &proof, hash).is_err());
        let _ = verify_consistency((index, hash), (size, hash), &proof);
    }
}

/// Drops, doubles or alters one hash of a proof.
fn damage(proof: &mut Vec<Hash>, at: prop::sample::Index, kind: i32) {
    let at = at.index(proof.len());
    match kind {
        0 => drop(proof.remove(at)),
        1 => proof.insert(at, proof[at]),
        _ => proof[at] = leaf_hash(proof[at].as_bytes()),
    }
}
