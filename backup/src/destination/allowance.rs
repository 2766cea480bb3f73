//! How much is kept of what a place lists. Whoever runs a server, or may write to a repository, could have it list names
//! without an end, and fill the memory of whoever listens: of the vault's process, too, which holds drills.

use std::fs;
use std::sync::OnceLock;

/// What an entry takes beside its name, with the room that lists grow into.
const ENTRY: u64 = 96;
/// The memory of a machine that does not say how much it has.
const UNKNOWN: u64 = 8 << 30;

/// What may still be kept: half of this machine's memory in all. A place that honestly lists more cannot be worked with on
/// this machine.
#[derive(Debug)]
pub(crate) struct Allowance {
    left: u64,
}

impl Default for Allowance {
    fn default() -> Self {
        static MEMORY: OnceLock<u64> = OnceLock::new();
        Self { left: MEMORY.get_or_init(memory) / 2 }
    }
}

impl Allowance {
    /// Another one, for tests.
    #[cfg(test)]
    pub(crate) const fn of(bytes: u64) -> Self {
        Self { left: bytes }
    }

    /// Takes the room of one more name; false where there is none.
    pub(crate) const fn name(&mut self, name: &str) -> bool {
        self.bytes(ENTRY + name.len() as u64)
    }

    /// Takes room for so many bytes; false where there is none.
    pub(crate) const fn bytes(&mut self, bytes: u64) -> bool {
        match self.left.checked_sub(bytes) {
            Some(left) => {
                self.left = left;
                true
            }
            None => false,
        }
    }
}

fn memory() -> u64 {
    let told = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    total(&told).unwrap_or(UNKNOWN)
}

/// The line `MemTotal:       24603104 kB`.
fn total(told: &str) -> Option<u64> {
    let line = told.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_any_more_is_not_taken() {
        let mut allowance = Allowance::of(2 * (ENTRY + 3));
        assert!(allowance.name("one") && allowance.name("two"));
        assert!(!allowance.name("") && !allowance.bytes(1) && allowance.bytes(0));
    }

    #[test]
    fn the_memory_of_a_machine_is_read_in_its_unit() {
        assert_eq!(total("MemTotal:       24603104 kB\nMemFree:  1 kB\n"), Some(24_603_104 * 1024));
        for told in ["", "MemFree: 1 kB\n", "MemTotal: many kB\n", "MemTotal: 7 MB\n"] {
            assert_eq!(total(told), None, "{told}");
        }
        // A place that anybody has fits.
        assert!(Allowance::default().bytes(64 << 20));
    }
}
