//! Vaults that are not made, and what that leaves.

#![expect(clippy::unwrap_used, reason = "tests")]
use super::*;
use crate::clock::{SystemClock, SystemEntropy};

fn begin(vault: &Path, recovery_identity_file: PathBuf) -> Result<Initialized, InitError> {
    let plan = InitPlan { environment: "test".parse().unwrap(), recovery_recipient: None, recovery_identity_file };
    init(vault, &plan, &SystemClock, &mut SystemEntropy)
}

#[test]
fn a_vault_whose_making_was_cut_short_is_told_from_anything_else() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, left) = (folder.path().join("vault"), folder.path().join("left"));
    fs::DirBuilder::new().mode(0o700).create(&left).unwrap();
    let mut killed = |_: &Identity, _: &Initialized| -> io::Result<()> {
        for entry in fs::read_dir(&vault)? {
            let entry = entry?;
            fs::copy(entry.path(), left.join(entry.file_name()))?;
        }
        Err(io::Error::other("killed"))
    };
    let environment: Environment = "test".parse().unwrap();
    let made = init_and_hand_over(&vault, &environment, &SystemClock, &mut SystemEntropy, &mut killed);
    assert!(matches!(made, Err(InitError::HandOver(_))));
    assert!(!vault.exists(), "something is left");
    let names = || fs::read_dir(&left).unwrap().count();
    let before = names();
    assert!(before > 4, "what was there is left: {before}");
    let again = || begin(&left, folder.path().join("recovery")).unwrap_err();
    let told = again();
    assert!(matches!(told, InitError::HalfMade { .. }), "{told}");
    assert!(told.to_string().contains("remove that directory"), "{told}");
    assert_eq!(names(), before, "it is left to whoever asked");
    // What was a vault once is never to be removed.
    for once in ["lock", "keys.json"] {
        fs::write(left.join(once), "").unwrap();
        assert!(matches!(again(), InitError::NotEmpty { .. }), "{once}");
        fs::remove_file(left.join(once)).unwrap();
    }
    // What cannot be looked at may be one.
    std::os::unix::fs::symlink("keys.json", left.join("keys.json")).unwrap();
    assert!(matches!(again(), InitError::NotEmpty { .. }));
    assert!(!folder.path().join("recovery").exists());
}

#[test]
fn an_identity_is_written_over_nothing_and_goes_with_a_vault_that_is_not_made() {
    let folder = tempfile::tempdir().unwrap();
    let (vault, identity) = (folder.path().join("vault"), folder.path().join("vault.recovery"));
    fs::write(folder.path().join("vault.tmp"), "somebody's").unwrap();
    // A name that leads nowhere yet is one, too.
    std::os::unix::fs::symlink(folder.path().join("nowhere"), &identity).unwrap();
    let refused = begin(&vault, identity.clone()).unwrap_err();
    assert!(matches!(refused, InitError::IdentityExists { .. }), "{refused}");
    assert!(!vault.exists() && !folder.path().join("nowhere").exists());
    fs::remove_file(&identity).unwrap();
    begin(&vault, identity.clone()).unwrap();
    assert!(identity.exists());
    assert_eq!(fs::read_to_string(folder.path().join("vault.tmp")).unwrap(), "somebody's");
}
