//! Whether root is about to do the work of another account. It may, and leaves files that this account can neither read nor
//! replace any more: every run of its own would fail from then on.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::accounts;
use crate::complaint::Complaint;

/// The number of root.
const ROOT: u32 = 0;
/// In a container, the number of every account that is outside of it.
const OUTSIDE: u32 = 65_534;

/// Refuses root where what is at a path, otherwise the folder that it is to be in, is that of an account of this host.
/// Where root has done the work all along, a file of it is root's, whosever folder that is in.
pub(crate) fn must_run(path: &Path) -> Result<(), Complaint> {
    if !rustix::process::geteuid().is_root() {
        return Ok(());
    }
    let there = path.ancestors().find_map(|there| Some((there, fs::metadata(there).ok()?.uid())));
    let Some((there, owner)) = there.filter(|(_, owner)| ![ROOT, OUTSIDE].contains(owner)) else { return Ok(()) };
    // One that this host does not know is nobody to run it as.
    accounts::user(owner).map_or(Ok(()), |name| Err(refusal(there, &name)))
}

/// The same for whoever makes a directory, which may be there already: neither that nor the folder around it is another's.
pub(crate) fn must_make(directory: &Path) -> Result<(), Complaint> {
    must_run(directory)?;
    directory.parent().map_or(Ok(()), must_run)
}

fn refusal(there: &Path, name: &str) -> Complaint {
    let cause = format!("{} is the account {name}'s, which cannot use what root writes", there.display());
    Complaint::usage(cause, format!("run it as that account, `runuser -u {name} -- coffre …`"))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use crate::complaint::two_lines;

    #[test]
    fn a_folder_of_ones_own_is_no_matter_and_anothers_is_told_with_its_account() {
        let folder = tempfile::tempdir().unwrap();
        must_run(folder.path()).unwrap();
        must_make(&folder.path().join("new")).unwrap();
        let told = two_lines(&refusal(Path::new("/var/lib/coffre-backup"), "coffre-backup").into());
        assert_eq!(
            told,
            "error: /var/lib/coffre-backup is the account coffre-backup's, which cannot use what root writes\n\
             help: run it as that account, `runuser -u coffre-backup -- coffre …`\n"
        );
    }

    #[test]
    fn root_does_no_other_accounts_work() {
        const BACKUP: u32 = 34;
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name);
        let give = |path: &Path, owner| std::os::unix::fs::chown(path, Some(owner), None).is_ok();
        for name in ["roots", "theirs"] {
            fs::write(path(name), "").unwrap();
        }
        fs::create_dir(path("vault")).unwrap();
        let refused = give(folder.path(), BACKUP) && give(&path("theirs"), BACKUP) && accounts::user(BACKUP).is_some();
        for (there, is_theirs) in
            [("", true), ("theirs", true), ("new/vault", true), ("roots", false), ("vault", false)]
        {
            assert_eq!(must_run(&path(there)).is_err(), refused && is_theirs, "{there:?}");
        }
        assert_eq!(must_make(&path("vault")).is_err(), refused, "root's, within theirs");
        if give(folder.path(), OUTSIDE) {
            must_run(folder.path()).unwrap();
        }
    }
}
