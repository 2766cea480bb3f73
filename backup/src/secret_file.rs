//! Who may read a file that holds a secret: the account that uses it alone. Where another account keeps it, as root does
//! for several, their group may read it; so does systemd let a service in to its credentials.

use std::fs::Metadata;
use std::os::unix::fs::MetadataExt as _;

/// Whether somebody may read it whom it is not for.
pub fn is_open(file: &Metadata) -> bool {
    opens(file.mode(), file.uid() == rustix::process::geteuid().as_raw())
}

const fn opens(mode: u32, ours: bool) -> bool {
    mode & (if ours { 0o077 } else { 0o007 }) != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_account_keeps_may_be_read_by_its_group() {
        for (mode, ours, open) in [
            (0o100_600, true, false),
            (0o100_640, true, true),
            (0o100_604, true, true),
            (0o100_640, false, false),
            (0o100_644, false, true),
        ] {
            assert_eq!(opens(mode, ours), open, "{mode:o} {ours}");
        }
    }
}
