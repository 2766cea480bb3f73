//! What lies in a spool or at a destination.

use coffre_core::spool::{
    FrameCheck, Frames, InventoryReader, KeyringManifest, MainManifest, Manifest, ObjectName, SegmentHeader,
    WAL_HEADER, WalHeader, WalPosition, open, sign,
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

/// A log is followed as far as it goes and no further. Checksums are made right, or nothing behind them is seen.
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
    let mut position = WalPosition::from(header);
    let length = usize::try_from(position.frame_length()).expect("a page is small");
    for frame in frames.chunks(length) {
        let before = position;
        match position.follow(frame) {
            Ok(_) => assert_eq!(position.frames, before.frames + 1),
            Err(_) => {
                assert_eq!(position, before, "a frame that was refused moves nothing");
                return;
            }
        }
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
