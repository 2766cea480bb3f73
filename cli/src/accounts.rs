//! Accounts and groups of this host by name, as `/etc/passwd` and `/etc/group` have them. Those of a directory service
//! are given by number.

use std::fs;
use std::path::Path;

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

fn numbers(accounts: &[Account], file: &Path, kind: &str) -> anyhow::Result<Vec<u32>> {
    if accounts.is_empty() {
        return Ok(Vec::new());
    }
    let table = fs::read_to_string(file)?;
    let number = |account: &Account| match account {
        Account::Number(number) => Ok(*number),
        Account::Name(name) => named(&table, name).ok_or_else(|| {
            Complaint::usage(
                format!("{} knows no {kind} {name:?}", file.display()),
                "correct the name in the configuration, or give the number",
            )
        }),
    };
    Ok(accounts.iter().map(number).collect::<Result<_, _>>()?)
}

/// The third field of the line that begins with the name: both files have it so.
fn named(table: &str, name: &str) -> Option<u32> {
    let line = table.lines().find(|line| line.split(':').next() == Some(name))?;
    line.split(':').nth(2)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_matched_whole() {
        let table = "root:x:0:0::/root:/bin/sh\nbackup-old:x:5:5::/:\nbackup:x:34:34::/:\n";
        assert_eq!(named(table, "backup"), Some(34));
        assert_eq!(named(table, "back"), None);
        assert_eq!(named(table, "x"), None);
    }
}
