//! What the shim recorded, read back.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::journal::Event;

/// A file, whatever its names: an inode number comes again, this does not.
pub(super) type File = usize;

/// One thing that was done, in the order in which the system did it.
#[derive(Debug)]
pub(super) enum Op {
    Create {
        file: File,
        path: PathBuf,
    },
    Write {
        file: File,
        at: usize,
        bytes: Vec<u8>,
    },
    Truncate {
        file: File,
        length: usize,
    },
    /// A sync begins, or has ended.
    Syncing(File),
    Synced(File),
    SyncingFolder(PathBuf),
    SyncedFolder(PathBuf),
    Rename {
        from: PathBuf,
        to: PathBuf,
    },
    Remove(PathBuf),
    MakeFolder(PathBuf),
    /// An application learned something.
    Event(Box<Event>),
}

/// Everything that was done, and where each record ends in the log.
pub(super) struct Recording {
    pub(super) ops: Vec<Op>,
    pub(super) ends: Vec<usize>,
}

/// Files by their inode numbers at a moment.
struct Files {
    by_inode: BTreeMap<u64, File>,
    next: File,
}

impl Files {
    fn made(&mut self, inode: u64) -> File {
        self.by_inode.insert(inode, self.next);
        self.next += 1;
        self.next - 1
    }

    /// One that nobody saw made: it was there before, and is not looked at.
    fn of(&mut self, inode: u64) -> File {
        match self.by_inode.get(&inode) {
            Some(file) => *file,
            None => self.made(inode),
        }
    }
}

impl Recording {
    /// Reads a log; the inodes are those of the files that were there before.
    pub(super) fn read(log: &Path, before: &BTreeMap<u64, File>) -> Self {
        let bytes = std::fs::read(log).expect("it was recorded");
        let mut files = Files { by_inode: before.clone(), next: before.len() };
        let (mut ops, mut ends, mut at) = (Vec::new(), Vec::new(), 0);
        while let Some(line) = bytes[at..].iter().position(|byte| *byte == b'\n') {
            let head = std::str::from_utf8(&bytes[at..at + line]).expect("text");
            at += line + 1;
            let (kind, rest) = head.split_once('\t').expect("a kind");
            let mut op = op(kind, rest, &mut files);
            if let Op::Write { bytes: content, .. } = &mut op {
                let length: usize = rest.rsplit('\t').next().expect("a length").parse().expect("a number");
                // Whoever looks while something is recorded may find the last record half there.
                let Some(recorded) = bytes.get(at..at + length) else { break };
                content.extend_from_slice(recorded);
                at += length;
            }
            ops.push(op);
            ends.push(at);
        }
        Self { ops, ends }
    }
}

fn op(kind: &str, rest: &str, files: &mut Files) -> Op {
    let mut parts = rest.split('\t');
    let mut text = || parts.next().expect("another part");
    let number = |text: &str| text.parse::<u64>().expect("a number");
    let size = |text: &str| text.parse::<usize>().expect("a size");
    match kind {
        "create" => Op::Create { file: files.made(number(text())), path: text().into() },
        "write" => Op::Write { file: files.of(number(text())), at: size(text()), bytes: Vec::new() },
        "truncate" => Op::Truncate { file: files.of(number(text())), length: size(text()) },
        "fsyncing" => Op::Syncing(files.of(number(text()))),
        "fsync" => Op::Synced(files.of(number(text()))),
        "syncing" => Op::SyncingFolder(text().into()),
        "sync" => Op::SyncedFolder(text().into()),
        "rename" => Op::Rename { from: text().into(), to: text().into() },
        "unlink" => Op::Remove(text().into()),
        "mkdir" => Op::MakeFolder(text().into()),
        "event" => Op::Event(Box::new(serde_json::from_str(rest).expect("an event"))),
        other => panic!("{other} is not recorded"),
    }
}

/// How many syncs of a file have ended, by what is recorded so far.
pub(crate) fn syncs(log: &Path, inode: u64) -> usize {
    let before = BTreeMap::from([(inode, 0)]);
    Recording::read(log, &before).ops.iter().filter(|op| matches!(op, Op::Synced(0))).count()
}
