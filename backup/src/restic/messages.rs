//! The lines that restic prints with `--json`, for all versions from 0.14 on. Unknown messages and
//! fields are ignored, as restic's documentation asks. Starts nothing.
//!
//! Not every line is JSON: 0.14 prints `created restic repository …` and 0.19 prints text progress
//! before the answer of `stats` and `snapshots`. Lines that are not JSON are passed over.

use serde::Deserialize;

/// A line of `backup`, `restore` or `check`.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(tag = "message_type", rename_all = "snake_case")]
pub enum Message {
    /// How far it is.
    Status(Status),
    /// The last line of a success.
    Summary(Summary),
    /// Something that restic could not read or write; it goes on.
    Error(ErrorLine),
    /// Why it ends without success; from 0.18 on, on standard error.
    ExitError(ExitError),
    /// Anything else.
    #[serde(other)]
    Other,
}

/// Progress of `backup` and `restore`.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Status {
    /// Bytes found so far.
    pub total_bytes: u64,
    /// Bytes done in `backup`.
    pub bytes_done: u64,
    /// Bytes done in `restore`.
    pub bytes_restored: u64,
}

/// The end of `backup`, `restore` or `check`. Which fields are filled depends on the verb.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// The new snapshot; eight digits before 0.16, all after.
    pub snapshot_id: Option<String>,
    /// Bytes that the repository grew by, before compression.
    pub data_added: u64,
    /// Files looked at.
    pub total_files_processed: u64,
    /// Their bytes.
    pub total_bytes_processed: u64,
    /// Errors that `check` found.
    pub num_errors: u64,
}

/// One thing that restic could not do. The message may hold a path, so it is counted, not shown.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ErrorLine {
    /// What it was trying to do.
    #[serde(default)]
    pub during: String,
}

/// A fatal error.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct ExitError {
    /// The exit code.
    pub code: i32,
    /// What happened.
    pub message: String,
}

/// A snapshot in the list of `snapshots`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Snapshot {
    /// Its full identifier.
    pub id: String,
    /// When it was made, RFC 3339.
    pub time: String,
    /// What it is a snapshot of.
    #[serde(default)]
    pub paths: Vec<String>,
    /// The host it was made for.
    #[serde(default)]
    pub hostname: String,
    /// Its tags.
    #[serde(default)]
    pub tags: Vec<String>,
    /// The snapshot that it is a copy of, if it is one.
    #[serde(default)]
    pub original: Option<String>,
}

/// The fewest digits of an identifier that mean one snapshot.
const DIGITS: usize = 8;

impl Snapshot {
    /// Whether it is the snapshot whose identifier begins so, or in a second repository a copy of it.
    pub(crate) fn is_or_copies(&self, id: &str) -> bool {
        let is_it = |of: &String| of.starts_with(id);
        id.len() >= DIGITS && (is_it(&self.id) || self.original.as_ref().is_some_and(is_it))
    }
}

/// A group in the answer of `forget`. What is empty may be `null`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default)]
pub struct ForgetGroup {
    /// What the rules keep.
    pub keep: Option<Vec<Snapshot>>,
    /// What they do not.
    pub remove: Option<Vec<Snapshot>>,
}

/// A lock, the answer of `cat lock`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Lock {
    /// When it was made or last refreshed, RFC 3339.
    pub time: String,
    /// Whether it keeps everybody else out.
    #[serde(default)]
    pub exclusive: bool,
    /// The host of the process that holds it.
    #[serde(default)]
    pub hostname: String,
    /// Its account.
    #[serde(default)]
    pub username: String,
    /// Its number there.
    #[serde(default)]
    pub pid: i32,
}

/// A file or folder in a snapshot, a line of `ls`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Node {
    /// `file`, `dir`, `symlink`, …
    #[serde(rename = "type")]
    pub kind: String,
    /// Its path from the root of the snapshot, beginning with `/`.
    pub path: String,
    /// The bytes of a file.
    #[serde(default)]
    pub size: u64,
}

/// What a repository holds, the answer of `stats --mode raw-data`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
pub struct Stats {
    /// Bytes of all its data.
    pub total_size: u64,
}

/// The message in a line, if it is one.
pub fn parse_line(line: &str) -> Option<Message> {
    serde_json::from_str(line).ok()
}

/// The node in a line of `ls`, if it is one.
pub fn parse_node(line: &str) -> Option<Node> {
    serde_json::from_str(line).ok()
}

/// The full identifier in the line of `ls` that says which snapshot is listed, if it is that.
pub fn parse_listed(line: &str) -> Option<String> {
    #[derive(Deserialize)]
    struct Listed {
        id: String,
    }
    serde_json::from_str(line).ok().map(|Listed { id }| id)
}

/// The one JSON document that an answer holds, whatever text stands before it.
pub fn parse_document<T: for<'a> Deserialize<'a>>(answer: &str) -> Option<T> {
    // `[0:00] 100.00%` begins with a bracket too: take the first line from which the rest is a document.
    let starts = std::iter::once(0).chain(answer.match_indices('\n').map(|(at, _)| at + 1));
    starts.filter_map(|start| answer.get(start..)).find_map(|rest| serde_json::from_str(rest).ok())
}

#[cfg(test)]
mod tests {
    #![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "tests")]
    use super::*;

    #[test]
    fn status_lines_of_backup_and_restore() {
        let backup_0_14 = r#"{"message_type":"status","percent_done":0.5,"total_files":1,"files_done":1,"total_bytes":30,"bytes_done":15}"#;
        let restore_0_17 = r#"{"message_type":"status","seconds_elapsed":1,"percent_done":0.5,"total_files":2,"total_bytes":30,"bytes_restored":15}"#;
        let none_yet = r#"{"message_type":"status","percent_done":0}"#;
        let status = |total_bytes, bytes_done, bytes_restored| {
            Some(Message::Status(Status { total_bytes, bytes_done, bytes_restored }))
        };
        assert_eq!(parse_line(backup_0_14), status(30, 15, 0));
        assert_eq!(parse_line(restore_0_17), status(30, 0, 15));
        assert_eq!(parse_line(none_yet), status(0, 0, 0));
    }

    #[test]
    fn summaries_of_two_versions() {
        let of_0_14 = r#"{"message_type":"summary","files_new":1,"files_changed":0,"files_unmodified":0,"dirs_new":2,"dirs_changed":0,"dirs_unmodified":0,"data_blobs":1,"tree_blobs":3,"data_added":1059,"total_files_processed":1,"total_bytes_processed":3,"total_duration":0.226886537,"snapshot_id":"77f1ca08"}"#;
        let of_0_18 = r#"{"message_type":"summary","dry_run":false,"files_new":1,"files_changed":0,"files_unmodified":0,"dirs_new":2,"dirs_changed":0,"dirs_unmodified":0,"data_blobs":1,"tree_blobs":3,"data_added":1059,"data_added_packed":900,"total_files_processed":1,"total_bytes_processed":3,"total_duration":0.2,"backup_start":"2026-11-22T15:50:22Z","backup_end":"2026-11-22T15:50:23Z","snapshot_id":"77f1ca08990c35713663ddea13b5886de7df796f77054fe74403a5d34a232d31"}"#;
        for (line, id_length) in [(of_0_14, 8), (of_0_18, 64)] {
            let Some(Message::Summary(summary)) = parse_line(line) else { unreachable!("{line}") };
            assert_eq!((summary.data_added, summary.total_files_processed), (1059, 1));
            assert_eq!(summary.snapshot_id.unwrap().len(), id_length);
        }
    }

    #[test]
    fn errors_and_what_is_not_known() {
        let error = r#"{"message_type":"error","error":{"message":"open /x: permission denied"},"during":"archival","item":"/x"}"#;
        let exit = r#"{"message_type":"exit_error","code":10,"message":"Fatal: repository does not exist"}"#;
        assert_eq!(parse_line(error), Some(Message::Error(ErrorLine { during: "archival".into() })));
        let message = "Fatal: repository does not exist".to_owned();
        assert_eq!(parse_line(exit), Some(Message::ExitError(ExitError { code: 10, message })));
        assert_eq!(parse_line(r#"{"message_type":"verbose_status","action":"new"}"#), Some(Message::Other));
        assert_eq!(parse_line(r#"{"message_type":"of the future"}"#), Some(Message::Other));
        assert_eq!(parse_line("created restic repository a0e2c36592 at /x"), None);
        assert_eq!(parse_line(""), None);
    }

    #[test]
    fn lists_and_statistics_even_behind_text() {
        let snapshots = r#"[{"time":"2026-11-22T15:50:22.701375678Z","tree":"79","paths":["/spool/main"],"hostname":"h","username":"root","tags":["coffre"],"id":"77f1","short_id":"77f1"}]"#;
        let behind_progress = format!("[0:00] 100.00%  7 / 7 snapshots\n{snapshots}\n");
        for answer in [snapshots, &behind_progress] {
            let list: Vec<Snapshot> = parse_document(answer).unwrap();
            assert_eq!((list.len(), list[0].id.as_str(), list[0].tags.len()), (1, "77f1", 1));
        }
        assert_eq!(parse_document::<Vec<Snapshot>>("null"), None);
        let stats = "[0:00] 100.00%  7 / 7 snapshots, 55840 blobs, 1.384 GiB\n{\"total_size\":785,\"total_blob_count\":4,\"snapshots_count\":1}";
        assert_eq!(parse_document(stats), Some(Stats { total_size: 785 }));
    }

    #[test]
    fn files_of_a_snapshot() {
        let file = r#"{"name":"f","type":"file","path":"/main/a/f","uid":0,"gid":0,"size":3,"mode":420,"permissions":"-rw-r--r--","struct_type":"node"}"#;
        let expected = Node { kind: "file".into(), path: "/main/a/f".into(), size: 3 };
        assert_eq!((parse_node(file), parse_listed(file)), (Some(expected), None));
        let snapshot = r#"{"time":"2026-11-22T15:50:22Z","tree":"79","paths":["/spool/main"],"hostname":"h","id":"77f1","struct_type":"snapshot"}"#;
        assert_eq!((parse_node(snapshot), parse_listed(snapshot).as_deref()), (None, Some("77f1")));
    }
}
