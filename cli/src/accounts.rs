//! Accounts and groups of this host by name, as `/etc/passwd` and `/etc/group` have them. Those of a directory service
//! are given by number.

use std::fs;
use std::path::Path;

use anyhow::Context as _;
use serde::Deserialize;

use crate::complaint::Complaint;

/// An account or group as the configuration names it.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub(crate) enum Account {
    /// By its number.
    Number(u32),
    /// By its name.
    Name(String),
}

/// The numbers of users.
pub(crate) fn users(accounts: &[Account]) -> anyhow::Result<Vec<u32>> {
    numbers(accounts, Path::new("/etc/passwd"), "user")
}

/// The numbers of groups.
pub(crate) fn groups(accounts: &[Account]) -> anyhow::Result<Vec<u32>> {
    numbers(accounts, Path::new("/etc/group"), "group")
}

/// The name of a user, where this host knows it.
pub(crate) fn user(number: u32) -> Option<String> {
    numbered(&table(Path::new("/etc/passwd")).ok()?, number)
}

fn numbers(accounts: &[Account], file: &Path, kind: &str) -> anyhow::Result<Vec<u32>> {
    let unknown = |name: &str| {
        Complaint::usage(
            format!("{} knows no {kind} {name:?}", file.display()),
            "correct the name in the configuration, or give the number",
        )
    };
    let number = |account: &Account| -> anyhow::Result<u32> {
        match account {
            Account::Number(number) => Ok(*number),
            Account::Name(name) => Ok(named(&table(file)?, name).ok_or_else(|| unknown(name))?),
        }
    };
    accounts.iter().map(number).collect()
}

/// All of such a file. People's names in it may be of any encoding; those of accounts and groups are ASCII.
fn table(file: &Path) -> anyhow::Result<String> {
    let unreadable =
        || Complaint::usage(format!("{} cannot be read", file.display()), "give the numbers in the configuration");
    Ok(String::from_utf8_lossy(&fs::read(file).with_context(unreadable)?).into_owned())
}

/// The third field of the line that begins with the name: both files have it so.
fn named(table: &str, name: &str) -> Option<u32> {
    let line = table.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

/// The first field of the line whose third is the number.
fn numbered(table: &str, number: u32) -> Option<String> {
    let is_it = |line: &&str| line.split(':').nth(2).and_then(|field| field.parse::<u32>().ok()) == Some(number);
    table.lines().find(is_it)?.split(':').next().map(str::to_owned)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_matched_whole() {
        let table = "root:x:0:0::/root:/bin/sh\nbackup-old:x:5:5::/:\nbackup:x:34:34::/:\n";
        assert_eq!(named(table, "backup"), Some(34));
        assert_eq!(named(table, "back"), None);
        assert_eq!(named(table, "x"), None);
        assert_eq!(numbered(table, 34).as_deref(), Some("backup"));
        assert_eq!(numbered(table, 3), None);
    }

    #[test]
    fn a_persons_name_may_be_of_any_encoding() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("passwd");
        fs::write(&file, b"herve:x:1000:1000:Herv\xe9 Noel:/home/herve:/bin/sh\nbackup:x:34:34::/:\n").unwrap();
        let backup = || Account::Name("backup".to_owned());
        assert_eq!(numbers(&[backup(), Account::Number(7)], &file, "user").unwrap(), [34, 7]);
        let unknown = numbers(&[Account::Name("bakcup".to_owned())], &file, "user").unwrap_err().to_string();
        assert!(unknown.contains("knows no user \"bakcup\""), "{unknown}");
    }

    #[test]
    fn numbers_need_no_file_and_names_say_which_one_they_miss() {
        let nowhere = Path::new("/nowhere/passwd");
        assert_eq!(numbers(&[Account::Number(7)], nowhere, "user").unwrap(), [7]);
        let told = numbers(&[Account::Name("backup".to_owned())], nowhere, "user").unwrap_err().to_string();
        assert!(told.starts_with("/nowhere/passwd cannot be read"), "{told}");
    }
}
