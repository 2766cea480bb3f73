//! Frames of a write-ahead log: what holds together is taken, and nothing else.

use super::*;

const PAGE: usize = 512;

/// Three transactions of one, two and three frames.
fn log(salt: (u32, u32)) -> (WalPosition, Vec<Vec<u8>>) {
    let mut writer = WalWriter::new(512, salt);
    let before = writer.place();
    let frames = [(1, 1), (2, 0), (3, 3), (1, 0), (2, 0), (4, 4)];
    let frames = frames.map(|(page, commit)| writer.frame(page, commit, &[u8::try_from(page).unwrap(); PAGE]));
    (before, frames.to_vec())
}

fn gathered(before: WalPosition, frames: &[Vec<u8>]) -> Gathered {
    let mut gathered = Gathered::after(before, 0);
    for frame in frames {
        gathered.push(frame).unwrap();
    }
    gathered
}

fn checked(stated: &Frames, bytes: &[u8]) -> Result<(), WalError> {
    let mut check = FrameCheck::new(stated);
    bytes.chunks(FRAME_HEADER + PAGE).try_for_each(|frame| check.frame(frame).map(drop))?;
    check.finish()
}

#[test]
fn what_was_gathered_checks_and_every_flipped_bit_is_found() {
    let (before, frames) = log((3, 4));
    let gathered = gathered(before, &frames);
    let stated = gathered.stated();
    assert_eq!((stated.first, stated.count, stated.page_count), (1, 6, 4));
    assert_eq!((stated.before(), stated.after()), (before, gathered.place()));
    checked(&stated, gathered.bytes()).unwrap();
    for at in 0..gathered.bytes().len() {
        let mut bytes = gathered.bytes().to_vec();
        bytes[at] ^= 0x40;
        assert!(checked(&stated, &bytes).is_err(), "byte {at}");
    }
    assert!(checked(&stated, &gathered.bytes()[FRAME_HEADER + PAGE..]).is_err(), "the first is missing");
    assert!(checked(&stated, &gathered.bytes()[..5 * (FRAME_HEADER + PAGE)]).is_err(), "the last is missing");
}

#[test]
fn frames_that_are_stated_otherwise_are_refused() {
    let (before, frames) = log((3, 4));
    let gathered = gathered(before, &frames);
    for change in [
        (|frames| frames.count = 5) as fn(&mut Frames),
        |frames| frames.page_count = 5,
        |frames| frames.checksum_before.0 += 1,
        |frames| frames.checksum_after.1 += 1,
        |frames| frames.salt.0 += 1,
        |frames| frames.order = ChecksumOrder::Big,
        |frames| frames.sha256 = ContentHash::of(b"others"),
    ] {
        let mut stated = gathered.stated();
        change(&mut stated);
        assert!(checked(&stated, gathered.bytes()).is_err(), "{stated:?}");
    }
    // A transaction that is cut off ends in no commit.
    let torn = self::gathered(before, &frames[..4]);
    assert_eq!(checked(&torn.stated(), torn.bytes()), Err(WalError::Stated { what: "end of a transaction" }));
}

#[test]
fn frames_follow_in_their_log_or_begin_another() {
    let (before, frames) = log((3, 4));
    let first = gathered(before, &frames[..3]);
    let second = gathered(first.place(), &frames[3..]).stated();
    assert!(second.continue_after(Some(&first.place())));
    assert!(!second.continue_after(None), "a base is followed by a new log");
    assert!(!second.continue_after(Some(&before)), "three are missing");
    let (anew, others) = log((4, 9));
    let other = gathered(anew, &others).stated();
    assert!(other.continue_after(Some(&first.place())) && other.continue_after(None));
    assert!(!first.stated().continue_after(Some(&first.place())), "the same log does not begin twice");
    let mut place = first.place();
    assert_eq!(place.follow(&frames[4]), Err(WalError::Checksum { frame: 4 }));
    assert_eq!(place.follow(&others[3]), Err(WalError::Salt { frame: 4 }));
}

#[test]
fn a_header_of_a_log_is_proven_by_its_checksum() {
    // As SQLite writes it, with 4096-byte pages and before the first checkpoint.
    let mut bytes = [0; WAL_HEADER];
    bytes[..4].copy_from_slice(&0x377f_0682_u32.to_be_bytes());
    bytes[4..8].copy_from_slice(&3_007_000_u32.to_be_bytes());
    bytes[8..12].copy_from_slice(&4096_u32.to_be_bytes());
    bytes[16..24].copy_from_slice(&[1, 2, 3, 4, 5, 6, 7, 8]);
    assert_eq!(WalHeader::parse(&bytes), Err(WalError::Header));
    // By hand: the sum of words as section 4.2 of the file format has it.
    let (mut first, mut second) = (0_u32, 0_u32);
    for pair in bytes[..24].chunks(8) {
        first = first.wrapping_add(u32::from_le_bytes(pair[..4].try_into().unwrap())).wrapping_add(second);
        second = second.wrapping_add(u32::from_le_bytes(pair[4..].try_into().unwrap())).wrapping_add(first);
    }
    bytes[24..28].copy_from_slice(&first.to_be_bytes());
    bytes[28..].copy_from_slice(&second.to_be_bytes());
    let header = WalHeader::parse(&bytes).unwrap();
    assert_eq!((header.page_size, header.salt), (4096, (0x0102_0304, 0x0506_0708)));
    for at in 0..WAL_HEADER {
        let mut other = bytes;
        other[at] ^= 1;
        assert_eq!(WalHeader::parse(&other), Err(WalError::Header), "byte {at}");
    }
}
