//! How much of the machine's memory goes to what was read of the databases: one half to pages in the readers' caches, the
//! other to data subjects that were looked at lately. The upper bound keeps the process below 150 MiB.

use std::fs;

const KIB: usize = 1024;

/// One of the two halves, in bytes.
pub(crate) fn half() -> usize {
    share(&fs::read_to_string("/proc/meminfo").unwrap_or_default()) / 2
}

/// A sixteenth of the machine's memory, within bounds, in bytes.
fn share(meminfo: &str) -> usize {
    const LEAST: usize = 16 * 1024 * KIB;
    const MOST: usize = 64 * 1024 * KIB;
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let total = total.and_then(|text| text.trim().strip_suffix(" kB")?.parse::<usize>().ok()).unwrap_or(0);
    (total.saturating_mul(KIB) / 16).clamp(LEAST, MOST)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_the_memory_within_bounds() {
        let meminfo = |mib: usize| format!("MemTotal:       {} kB\nMemFree:         123 kB\n", mib * KIB);
        assert_eq!(share(&meminfo(512)), 32 * KIB * KIB);
        assert_eq!(share(&meminfo(128 * KIB)), 64 * KIB * KIB, "no more than is of use");
        assert_eq!(share(&meminfo(64)), 16 * KIB * KIB);
        assert_eq!(share(""), 16 * KIB * KIB, "where nothing is known");
    }
}
