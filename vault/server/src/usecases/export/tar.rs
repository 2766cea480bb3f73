//! The little of the tar format (POSIX.1-1988 ustar) that an archive of plain files needs. Own, because it is forty
//! lines and names here are short and ours. Pure.

/// Files are padded to whole blocks of this size.
const BLOCK: usize = 512;

/// The header of a plain file. Names have at most 100 bytes; a name that is longer, or a file of 8 GiB, has none.
pub(super) fn header(name: &str, length: u64, modified: i64) -> Option<[u8; BLOCK]> {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| -> Option<()> {
        block.get_mut(at..at + bytes.len())?.copy_from_slice(bytes);
        Some(())
    };
    if name.len() > 100 || length >= 1 << 33 {
        return None;
    }
    put(0, name.as_bytes())?;
    put(100, b"0000600\0")?;
    put(108, b"0000000\0")?;
    put(116, b"0000000\0")?;
    put(124, format!("{length:011o}\0").as_bytes())?;
    put(136, format!("{:011o}\0", modified.clamp(0, (1 << 33) - 1)).as_bytes())?;
    put(148, b"        ")?;
    put(156, b"0")?;
    put(257, b"ustar\x0000")?;
    let sum: u32 = block.iter().map(|byte| u32::from(*byte)).sum();
    block.get_mut(148..156)?.copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    Some(block)
}

/// The zeros behind a file of so many bytes.
pub(super) fn padding(length: u64) -> &'static [u8] {
    const ZEROS: [u8; BLOCK] = [0; BLOCK];
    let over = usize::try_from(length % BLOCK as u64).unwrap_or(0);
    ZEROS.get(..(BLOCK - over) % BLOCK).unwrap_or_default()
}

/// The end of an archive.
pub(super) const END: [u8; 2 * BLOCK] = [0; 2 * BLOCK];

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn a_header_is_what_tar_reads() {
        let block = header("data.json", 1_000, 1_700_000_000).unwrap();
        assert_eq!(block.get(..10).unwrap(), b"data.json\0");
        assert_eq!(block.get(124..136).unwrap(), b"00000001750\0");
        assert_eq!(block.get(136..148).unwrap(), b"14524770400\0");
        let mut summed = block;
        summed.get_mut(148..156).unwrap().fill(b' ');
        let sum: u32 = summed.iter().map(|byte| u32::from(*byte)).sum();
        assert_eq!(block.get(148..156).unwrap(), format!("{sum:06o}\0 ").as_bytes());
        assert!(header(&"x".repeat(101), 1, 0).is_none());
    }

    #[test]
    fn files_end_on_a_block() {
        for (length, zeros) in [(0, 0), (1, 511), (512, 0), (513, 511), (1_000, 24)] {
            assert_eq!(padding(length).len(), zeros, "{length}");
        }
    }
}
