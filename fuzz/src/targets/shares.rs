//! Shares of the recovery key, which people type and editors save.

use coffre_core::key_share::{KeyShare, LINES, Line, SharePage};

// It is part of the program, which is no library; it needs nothing else of it.
#[path = "../../../cli/src/recovery/encoding.rs"]
mod encoding;

/// How the two bytes of a unit follow each other.
type Order = fn(u16) -> [u8; 2];

/// A share that is read is printed again to the same share, and is the same in every encoding of its page; a line that is
/// read alone is the line of one.
pub fn key_share(data: &[u8]) {
    let typed = encoding::text_of(data);
    for number in 1..=LINES {
        if let Ok(line) = Line::read(number, &typed)
            && number == 1
        {
            let _ = line.header();
        }
    }
    if let Ok(page) = SharePage::read(&typed) {
        let printed = page.share.to_lines();
        let lines: Vec<Line> =
            printed.iter().zip(1..).map(|(line, number)| Line::read(number, line).expect("it was printed")).collect();
        let lines: [Line; LINES] = lines.try_into().expect("four lines");
        assert_eq!(KeyShare::from_lines(&lines).as_ref(), Ok(&page.share));
        let orders: [([u8; 2], Order); 2] = [([0xFF, 0xFE], u16::to_le_bytes), ([0xFE, 0xFF], u16::to_be_bytes)];
        for (mark, bytes) in orders {
            let saved: Vec<u8> = mark.into_iter().chain(typed.encode_utf16().flat_map(bytes)).collect();
            assert_eq!(SharePage::read(&encoding::text_of(&saved)).as_ref(), Ok(&page), "another encoding");
        }
    }
}
