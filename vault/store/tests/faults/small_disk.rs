//! A disk that can be filled to the last page and freed again: a tmpfs of some KiB.
//!
//! Mounting needs root, or a user namespace, into which the test then runs itself again. Where neither is allowed,
//! the test fails: one that did not run must not pass. `COFFRE_NO_SMALL_DISK=1` says that this is known.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use crate::child;

const PAGE: usize = 4096;

pub(crate) struct SmallDisk {
    place: tempfile::TempDir,
    mounted: bool,
}

impl SmallDisk {
    fn mount(kib: u32) -> Result<Self, String> {
        let mut disk = Self { place: tempfile::tempdir().unwrap(), mounted: false };
        let options = format!("size={kib}k,mode=0700");
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", &options, "tmpfs"]).arg(disk.path()).output();
        let mount = mount.map_err(|error| error.to_string())?;
        disk.mounted = mount.status.success();
        if disk.mounted { Ok(disk) } else { Err(String::from_utf8_lossy(&mount.stderr).trim().to_owned()) }
    }

    pub(crate) fn path(&self) -> &Path {
        self.place.path()
    }

    fn ballast(&self) -> PathBuf {
        self.path().join("ballast")
    }

    /// Fills the disk, all but some pages.
    pub(crate) fn fill(&self, leave: usize) {
        let mut ballast = File::options().append(true).create(true).open(self.ballast()).unwrap();
        let page = [0x5A; PAGE];
        let mut written = ballast.metadata().unwrap().len();
        while let Ok(more) = ballast.write(&page) {
            written += more as u64;
        }
        ballast.set_len(written.saturating_sub((leave * PAGE) as u64)).unwrap();
    }

    pub(crate) fn free(&self) {
        fs::remove_file(self.ballast()).unwrap();
    }

    fn is_unmounted(&self) -> bool {
        let unmounted = Command::new("umount").arg(self.path()).output();
        unmounted.is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let until = Instant::now() + Duration::from_mins(1);
        // Who was killed on it may have a file open for a moment longer.
        while self.mounted && !self.is_unmounted() {
            assert!(Instant::now() < until, "the small disk could not be unmounted");
            std::thread::sleep(Duration::from_millis(50));
        }
    }
}

/// Runs a test on a small disk; `name` is the test's own, for running it again in a namespace.
pub(crate) fn on_a_small_disk(name: &str, kib: u32, test: impl FnOnce(&SmallDisk)) {
    let refused = match SmallDisk::mount(kib) {
        Ok(disk) => return test(&disk),
        Err(refused) => refused,
    };
    if child::is_child() {
        // Inside the namespace already.
        child::say(&format!("no namespace: {refused}"));
        return;
    }
    let mut again = child::again_under(&["unshare", "--user", "--map-root-user", "--mount"], name);
    match again.output() {
        Ok(output) if output.status.success() => {
            let said = String::from_utf8_lossy(&output.stdout);
            assert!(said.contains("running 1 test"), "there is no test {name}");
            if let Some(reason) = said.lines().find_map(|line| line.strip_prefix("no namespace: ")) {
                not_run(name, reason);
            }
        }
        Ok(output) if String::from_utf8_lossy(&output.stdout).contains("running 1 test") => {
            panic!("{}", String::from_utf8_lossy(&output.stdout))
        }
        _ => not_run(name, &refused),
    }
}

/// For a test that did not run, which must not pass as if it had.
pub(crate) fn not_run(name: &str, reason: &str) {
    let told = format!("{name} did not run: no tmpfs can be mounted here ({reason})");
    assert!(
        std::env::var_os("COFFRE_NO_SMALL_DISK").is_some(),
        "{told}; run it as root, allow user namespaces, or set COFFRE_NO_SMALL_DISK=1 to go without"
    );
    child::say(&told);
}
