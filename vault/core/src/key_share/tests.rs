//! Shares as they are split, printed, mistyped and put together again; against a page made by another program.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
use proptest::prelude::*;

use super::*;
use crate::crypto::Entropy;
use crate::note::{KeyName, SigningKey};

/// Reproducible, and not the same byte twice in a row.
struct Counting(u64);

impl Entropy for Counting {
    fn fill(&mut self, buffer: &mut [u8]) {
        for byte in buffer {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            *byte = (self.0 >> 56) as u8;
        }
    }
}

fn key(environment: &str) -> VerificationKey {
    let name = format!("coffre/{environment}/07070707-0707-4707-8707-070707070707");
    SigningKey::from_seed(KeyName::new(&name).unwrap(), &[7; 32]).verification_key()
}

fn mark() -> VaultMark {
    VaultMark::of(&key("production"))
}

fn secret() -> SecretKey {
    SecretKey::from_bytes(&std::array::from_fn(|at| u8::try_from(at).unwrap() + 1))
}

fn shares(threshold: u8, count: u8, seed: u64) -> Vec<KeyShare> {
    split(&secret(), Parts::new(threshold, count).unwrap(), mark(), &mut Counting(seed)).unwrap()
}

fn lines(share: &KeyShare) -> [String; LINES] {
    share.to_lines().map(|line| line.to_string())
}

fn read(lines: &[String; LINES]) -> Result<KeyShare, CodeError> {
    let read: Vec<Line> =
        lines.iter().zip(1..).map(|(text, number)| Line::read(number, text)).collect::<Result<_, _>>()?;
    KeyShare::from_lines(&read.try_into().unwrap())
}

/// Written by this version; a share printed today must be read by every later one.
const GOLDEN: &str = include_str!("golden/share-2-of-3.txt");

#[test]
fn a_printed_share_is_read_as_it_always_was() {
    let share = &shares(2, 3, 1)[1];
    let written = format!("coffre key share v1\n\nholder: Legal\n\n{}\n", numbered(share));
    assert_eq!(written, GOLDEN);
    let page = SharePage::read(GOLDEN).unwrap();
    assert_eq!((&page.share, page.holder.as_deref()), (share, Some("Legal")));
    let french = GOLDEN.replace("holder:", "détenteur :").replace('\n', "\r\n").to_lowercase();
    assert_eq!(SharePage::read(&french).unwrap().share, *share);
}

fn numbered(share: &KeyShare) -> String {
    lines(share).iter().zip(1..).map(|(line, number)| format!("{number}  {line}")).collect::<Vec<_>>().join("\n")
}

#[test]
fn any_quorum_opens_and_one_share_fewer_does_not() {
    for (threshold, count) in [(2, 2), (2, 3), (3, 5), (5, 5)] {
        let shares = shares(threshold, count, 3);
        assert_eq!(shares.len(), usize::from(count));
        check_every_quorum(&shares, &secret()).unwrap();
        let mut quorum = Quorum::of(Some(mark()));
        for (share, have) in shares.iter().rev().zip(1..=threshold) {
            assert_eq!(quorum.secret().unwrap(), None);
            assert_eq!(quorum.add(share.clone()), Ok(Accepted { have, need: threshold }));
        }
        assert_eq!(quorum.secret().unwrap(), Some(secret()));
    }
}

#[test]
fn a_splitting_that_does_not_prove_itself_is_told() {
    let mut of_two = shares(2, 3, 1);
    assert!(check_every_quorum(&of_two, &SecretKey::from_bytes(&[9; 32])).is_err());
    // One wrong share among three: the quorums without it are right, and those with it are not.
    of_two[2].point = SecretKey::from_bytes(&[9; 32]);
    assert!(check_every_quorum(&of_two, &secret()).is_err());
    // Two would do where three are said to be needed.
    let mut of_three = shares(2, 3, 1);
    for share in &mut of_three {
        share.header.parts = Parts::new(3, 3).unwrap();
    }
    assert!(check_every_quorum(&of_three, &secret()).is_err());
    assert!(check_every_quorum(&[], &secret()).is_err());
    assert!(check_every_quorum(&shares(3, 3, 1)[..1], &secret()).is_err(), "no quorum is there to give anything else");
}

#[test]
fn nobody_opens_alone_and_no_crowd_is_needed() {
    for (threshold, count) in [(0, 0), (1, 1), (1, 3), (3, 2), (2, 17)] {
        assert_eq!(Parts::new(threshold, count), None, "{threshold} of {count}");
    }
    let shares = shares(2, MOST, 1);
    assert_eq!(shares.len(), usize::from(MOST));
}

#[test]
fn a_share_that_does_not_belong_is_refused_before_the_rest_of_it_is_typed() {
    let ours = shares(2, 3, 1);
    let later = shares(2, 3, 2);
    let other = split(&secret(), Parts::new(2, 3).unwrap(), VaultMark::of(&key("recette")), &mut Counting(1)).unwrap();
    let mut quorum = Quorum::of(Some(mark()));
    assert_eq!(quorum.add(other[0].clone()), Err(QuorumError::OtherVault));
    quorum.add(ours[0].clone()).unwrap();
    let first_line = Line::read(1, &lines(&later[1])[0]).unwrap();
    assert_eq!(quorum.admits(&first_line.header().unwrap()), Err(QuorumError::OtherSplitting));
    assert_eq!(quorum.add(ours[0].clone()), Err(QuorumError::Twice { number: 1 }));
    // None of it cost what was accepted.
    quorum.add(ours[2].clone()).unwrap();
    assert_eq!((quorum.numbers().collect::<Vec<_>>(), quorum.secret().unwrap()), (vec![1, 3], Some(secret())));
}

#[test]
fn what_is_typed_wrong_is_named() {
    let share = &shares(2, 3, 1)[0];
    let good = lines(share);
    let line = |number: usize, text: &str| Line::read(number, text).map(drop);
    assert_eq!(line(2, &good[1][1..]), Err(CodeError::Length { line: 2, found: 23 }));
    assert_eq!(line(3, &good[3]), Err(CodeError::OtherLine { line: 3, found: 4 }));
    let mut strange = good[1].clone();
    strange.replace_range(11..12, "U");
    assert_eq!(line(2, &strange), Err(CodeError::Character { line: 2, group: 3 }));
    // Two neighbouring characters in the wrong order.
    let at = good[2].as_bytes().windows(2).position(|two| two[0] != two[1] && !two.contains(&b' ')).unwrap();
    let swapped = format!("{}{}{}{}", &good[2][..at], &good[2][at + 1..at + 2], &good[2][at..=at], &good[2][at + 2..]);
    assert_eq!(line(3, &swapped), Err(CodeError::Mistyped { line: 3 }));
    let of_another = lines(&shares(2, 3, 1)[1]);
    let mixed = [good[0].clone(), good[1].clone(), of_another[2].clone(), good[3].clone()];
    assert_eq!(read(&mixed), Err(CodeError::Mixed));
    // As people write it.
    assert_eq!(line(2, &good[1].replace(' ', "").replace('1', "l").replace('0', "O").to_lowercase()), Ok(()));
}

#[test]
fn a_page_that_is_none_is_told_what_it_lacks() {
    let without_line_3 = GOLDEN.lines().filter(|line| !line.starts_with("3 ")).collect::<Vec<_>>().join("\n");
    let refused = |text: &str| SharePage::read(text).unwrap_err();
    assert_eq!(refused(&without_line_3), PageError::Missing { line: 3 });
    assert_eq!(refused(&format!("{GOLDEN}{}\n", GOLDEN.lines().last().unwrap())), PageError::Twice { line: 4 });
    assert_eq!(refused("AGE-SECRET-KEY-1…"), PageError::Title);
    assert_eq!(refused(&GOLDEN.replace("4  ", "4  Z")), PageError::Code(CodeError::Length { line: 4, found: 25 }));
}

#[test]
fn no_text_shows_a_share() {
    let share = &shares(2, 3, 1)[0];
    let shown = format!("{share:?} {:?} {:?}", Line::read(2, &lines(share)[1]).unwrap(), SharePage::read(GOLDEN));
    for line in &lines(share)[1..] {
        assert!(!shown.contains(&line[..4]), "{shown}");
    }
    assert!(shown.contains("not shown"), "{shown}");
}

proptest! {
    #[test]
    fn every_mistake_in_one_line_is_found(
        number in 1_usize..=LINES, at in 0_usize..24, by in 1_usize..32, also in prop::option::of((0_usize..24, 1_usize..32))
    ) {
        const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";
        let text = lines(&shares(3, 5, 9)[0])[number - 1].replace(' ', "");
        let mut typed = text.clone().into_bytes();
        for (at, by) in std::iter::once((at, by)).chain(also) {
            let value = ALPHABET.iter().position(|known| *known == typed[at]).unwrap();
            typed[at] = ALPHABET[(value + by) % 32];
        }
        let typed = String::from_utf8(typed).unwrap();
        prop_assert_eq!(Line::read(number, &typed).is_ok(), typed == text);
    }

    #[test]
    fn shares_of_any_secret_survive_paper(secret: [u8; 32], seed: u64, threshold in 2_u8..5, more in 0_u8..3) {
        let (secret, parts) = (SecretKey::from_bytes(&secret), Parts::new(threshold, threshold + more).unwrap());
        let mut quorum = Quorum::of(Some(mark()));
        for share in split(&secret, parts, mark(), &mut Counting(seed)).unwrap().into_iter().take(threshold.into()) {
            let read = SharePage::read(&format!("{}\n{}", SharePage::title(), numbered(&share))).unwrap();
            prop_assert_eq!(&read.share, &share);
            quorum.add(read.share).unwrap();
        }
        prop_assert_eq!(quorum.secret().unwrap(), Some(secret));
    }

    #[test]
    fn nothing_makes_the_reader_panic(text in "(coffre key share v1\n)?([1-4] [0-9A-Z -]{0,40}\n){0,6}.{0,40}") {
        let _read = SharePage::read(&text);
    }
}
