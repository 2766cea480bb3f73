//! Recognises the SQL text that `mysqldump`, `mariadb-dump` and their relatives write. Pure.

use super::kind::SourceKind;

/// The dump that text beginning with `head` is, if it is one.
pub(super) fn dump(head: &[u8]) -> Option<SourceKind> {
    let head = head.strip_prefix(b"\xef\xbb\xbf").unwrap_or(head);
    // Latin-1 or UTF-8, binary columns or not: what tells a dump is ASCII.
    let text = String::from_utf8_lossy(head);
    let start = text.trim_start();
    let announced =
        ["-- MySQL dump", "-- MariaDB dump", "/*M!999999\\- enable the sandbox mode", "-- phpMyAdmin SQL Dump"]
            .iter()
            .any(|opening| start.starts_with(opening));
    let written = ["CREATE TABLE `", "INSERT INTO `", "/*!40101 SET "].iter().any(|sign| text.contains(sign));
    let engine = text.contains("ENGINE=") || text.contains("/*!40");
    (announced || (written && engine && is_sql(start))).then(|| SourceKind::MySqlDump { server: server_version(&text) })
}

fn is_sql(start: &str) -> bool {
    ["--", "/*", "CREATE ", "INSERT ", "SET ", "DROP ", "USE "].iter().any(|opening| start.starts_with(opening))
}

/// The version after `-- Server version` or `Distrib`.
fn server_version(text: &str) -> Option<String> {
    ["-- Server version", "Distrib"].iter().find_map(|mark| {
        let (_, rest) = text.split_once(mark)?;
        let rest = rest.trim_start_matches([':', ' ', '\t']);
        let version: String = rest.chars().take_while(|c| c.is_ascii_alphanumeric() || ".-".contains(*c)).collect();
        version.starts_with(|c: char| c.is_ascii_digit()).then_some(version)
    })
}
