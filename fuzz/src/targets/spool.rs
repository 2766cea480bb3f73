//! What lies in a spool or at a destination.

use coffre_core::spool::{
    ChecksumOrder, FRAME_HEADER, FrameCheck, Frames, Gathered, InventoryReader, KeyringManifest, MainManifest,
    Manifest, ObjectName, SegmentHeader, WAL_HEADER, WalHeader, WalPosition, open, sign,
};

use super::text;
use crate::fixture::{pinned, scope, signed, signing_key};

/// A manifest that is believed is signed again to the same note.
pub fn manifest(data: &[u8]) {
    one_side::<MainManifest>(data);
    one_side::<KeyringManifest>(data);
}

fn one_side<M: Manifest>(data: &[u8]) {
    let _ = open::<M>(data, &pinned());
    let Some(note) = text(data).and_then(signed).map(|note| note.to_string()) else { return };
    if let Ok(read) = open::<M>(note.as_bytes(), &pinned()) {
        assert_eq!(sign(&read.manifest, &signing_key()).expect("what was read can be signed"), note);
    }
}

/// A header that is believed says how long it is, and its frames can be held against it.
pub fn segment(data: &[u8]) {
    let _ = SegmentHeader::parse(data, &pinned());
    let (header, frames) = data.split_at(data.iter().position(|byte| *byte == 0).unwrap_or(data.len()));
    let Some(note) = text(header).and_then(signed).map(|note| note.to_string()) else { return };
    let mut whole = format!("coffre/segment/v1 {:08}\n{note}", note.len()).into_bytes();
    whole.extend_from_slice(frames);
    if let Ok((header, length)) = SegmentHeader::parse(&whole, &pinned()) {
        assert!(length <= whole.len());
        check_frames(&header.frames, &whole[length..]);
    }
}

fn check_frames(stated: &Frames, bytes: &[u8]) {
    let (before, after) = (stated.before(), stated.after());
    let _ = (before.offset(), after.offset(), stated.continue_after(Some(&after)));
    let mut check = FrameCheck::new(stated);
    let length = usize::try_from(before.frame_length()).expect("a page is small");
    for frame in bytes.chunks(length) {
        if check.frame(frame).is_err() {
            return;
        }
    }
    let _ = check.finish();
}

/// A log is followed as far as it goes and no further, and what was gathered of it is what is stated. Salts and checksums are
/// made right but for one frame in eight, or nothing behind them is seen.
pub fn wal(data: &[u8]) {
    let Some((header, frames)) = data.split_at_checked(WAL_HEADER) else { return };
    let mut header: [u8; WAL_HEADER] = header.try_into().expect("its length");
    let (big, size) = (header[3] & 1, 512_u32 << (header[11] % 8));
    header[..4].copy_from_slice(&[0x37, 0x7f, 0x06, 0x82 | big]);
    header[8..12].copy_from_slice(&size.to_be_bytes());
    let sum = checksum((0, 0), &header[..24], big == 1);
    header[24..28].copy_from_slice(&sum.0.to_be_bytes());
    header[28..32].copy_from_slice(&sum.1.to_be_bytes());
    let header = WalHeader::parse(&header).expect("a header whose checksum is right");
    let mut gathered = Gathered::after(header.into(), frames.len());
    let length = usize::try_from(gathered.place().frame_length()).expect("a page is small");
    let mut ends = false;
    for frame in frames.chunks(length) {
        let (mut frame, before) = (frame.to_vec(), gathered.place());
        let right = frame.len() == length && frame[8] % 8 != 7;
        if right {
            make_right(&mut frame, &before);
        }
        let Ok(whole) = gathered.push(&frame) else {
            assert_eq!(gathered.place(), before, "a frame that was refused moves nothing");
            assert!(!right || frame[..4] == [0; 4], "a frame that follows was refused");
            break;
        };
        assert_eq!(gathered.place().frames, before.frames + 1);
        ends = whole;
    }
    let stated = gathered.stated();
    let mut check = FrameCheck::new(&stated);
    for frame in gathered.bytes().chunks(length) {
        check.frame(frame).expect("it was gathered");
    }
    assert_eq!(check.finish().is_ok(), ends, "frames are whole where a transaction ends");
}

/// Lets a frame follow what was followed: its salts and its checksum.
fn make_right(frame: &mut [u8], after: &WalPosition) {
    let big = after.order == ChecksumOrder::Big;
    let sum = checksum((after.checksum.0, after.checksum.1), &frame[..8], big);
    let sum = checksum(sum, &frame[FRAME_HEADER..], big);
    for (at, word) in [(8, after.salt.0), (12, after.salt.1), (16, sum.0), (20, sum.1)] {
        frame[at..at + 4].copy_from_slice(&word.to_be_bytes());
    }
}

/// SQLite's, written a second time.
fn checksum((mut s0, mut s1): (u32, u32), bytes: &[u8], big: bool) -> (u32, u32) {
    for pair in bytes.chunks_exact(8) {
        let word = |at: usize| {
            let word = [pair[at], pair[at + 1], pair[at + 2], pair[at + 3]];
            if big { u32::from_be_bytes(word) } else { u32::from_le_bytes(word) }
        };
        s0 = s0.wrapping_add(word(0)).wrapping_add(s1);
        s1 = s1.wrapping_add(word(4)).wrapping_add(s0);
    }
    (s0, s1)
}

/// Entries come in ascending order and are written as they were.
pub fn inventory(data: &[u8]) {
    let Some(text) = text(data) else { return };
    let mut reader = InventoryReader::default();
    for line in text.lines() {
        match reader.next_line(line) {
            Ok(Some(entry)) => assert_eq!(entry.to_string(), line, "an entry has one spelling"),
            Ok(None) => {}
            Err(_) => return,
        }
    }
    let _ = reader.finish();
}

/// A path that names an object is that object's path.
pub fn object_name(data: &[u8]) {
    let Some(text) = text(data) else { return };
    for text in [text.to_owned(), format!("main/{}", text), format!("main/production-{}/{text}", scope().vault)] {
        if let Ok(name) = ObjectName::parse(&text, &scope()) {
            assert_eq!(name.path(&scope()), text, "an object has one path");
        }
    }
}
